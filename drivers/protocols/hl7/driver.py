"""The generic HL7 driver: a profile, an MLLP link, and the reading of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.protocols.hl7.acknowledge import header_of
from drivers.protocols.hl7.answer_section import AnswerSection
from drivers.protocols.hl7.answers import Asked, answers
from drivers.protocols.hl7.decode import MessageReader
from drivers.protocols.hl7.glance import glance
from drivers.protocols.hl7.link_options import check_quirks, make_link
from drivers.protocols.hl7.section import read_section
from drivers.protocols.hl7.speak import Hl7Voice
from middleware.driver.api import (
    NO_CONTEXT,
    AnalyzerIdentity,
    AnswerContext,
    DecodeContext,
    EncodedAnswer,
    LinkContext,
)
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind, SpecimenWork
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import AckOutcome, classify, parse
from middleware.wire.link import Link

NAME = "hl7"


class Hl7Driver:
    """The driver of one analyzer model that sends HL7 v2 results.

    It is a Driver and an IdentifyingDriver of `middleware.driver.api`.
    """

    def __init__(self, profile: Profile) -> None:
        check_quirks(profile.link)
        self._profile = profile
        self._section = read_section(profile)
        self._reader = MessageReader(profile, self._section)

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    def make_link(self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT) -> Link:
        """A new link. `options` may hold the keys of a profile's `[link]` and of `Hl7LinkSection`.

        Its quirks are added to the profile's, its other keys replace them. Raises DriverError for anything else.
        """
        return make_link(self._profile.link, self._section.acknowledge, options, context)

    def kind(self, text: bytes) -> MessageKind:
        """A glance at MSH-9 and the segments' names."""
        return glance(text)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message, or all messages of a file. Raises DriverError when it cannot be read at all."""
        return self._reader.decode(text, context)

    def voice(self) -> Hl7Voice:
        """The analyzer's side (`middleware.driver.speak.SpeakingDriver`)."""
        return Hl7Voice(self._profile)

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        """Who the message says that it is from. Never raises: what cannot be read says nothing."""
        try:
            header = parse(header_of(text), encoding).header
        except (RemoteProtocolError, LookupError):
            return AnalyzerIdentity()
        analyzer, serial, sent_at = self._reader.names(header)
        return AnalyzerIdentity(analyzer, serial, sent_at, self._reader.complaint(header))


class AnsweringHl7Driver(Hl7Driver):
    """The driver of an analyzer that asks for work in HL7, and does not speak LAW.

    It is an OrderingDriver and a ReplyReadingDriver of `middleware.driver.api` too.
    """

    def __init__(self, profile: Profile, section: AnswerSection) -> None:
        super().__init__(profile)
        if profile.query is None:
            raise DriverError(
                "[protocol.answer] needs the section [query]",
                what_to_do="Say where a query names the specimen.",
                field="answer",
            )
        self._answer = section
        types = {section.acknowledgement, "" if section.is_acknowledged else section.message}
        self._unanswered = frozenset(one.partition("^")[0] for one in types if one)

    def make_link(self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT) -> Link:
        """A new link; a query that was stored gets its answer in place of an acknowledgement."""
        usual = self._section.acknowledge
        return make_link(self.profile.link, usual, options, context, self._unanswered)

    def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
        """That there is no work for anything asked (`middleware.driver.api.AnsweringDriver`)."""
        return tuple([one.text for one in self.answers(text, (), context)])

    def answers(
        self, text: bytes, work: Sequence[SpecimenWork], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        """The messages which give the analyzer `work`, or say that there is none; () where it took its query back.

        Raises DriverError for a query that cannot be read, and for work that cannot be written.
        """
        try:
            message = parse(text, context.encoding)
        except RemoteProtocolError as error:
            raise DriverError(
                f"{error} ({error.clause})", what_to_do="Look at the raw message."
            ) from error
        queries = self.decode(text, DecodeContext(context.time_zone, context.encoding)).queries
        asking = [one for one in queries if not one.is_cancel]
        if queries and not asking:
            return ()
        return answers(Asked(message, asking, context), work, self._answer)

    def complaint_about(self, reply: bytes, control_id: str) -> str:
        """Why the analyzer did not take our message (`middleware.driver.api.ReplyReadingDriver`); '' when it did."""
        if not reply:
            return ""  # of a response, to which nobody replies
        verdict = classify(reply, control_id)
        if verdict.outcome is AckOutcome.ACCEPTED:
            return ""
        return f"the analyzer answered {verdict.code or 'something else'}: {verdict.text or 'no words'}"


class Hl7Protocol:
    """Makes drivers from profiles that name the protocol `hl7` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> Hl7Driver:
        """Build the driver; raises DriverError when the profile does not fit HL7."""
        section = read_section(profile).answer
        return Hl7Driver(profile) if section is None else AnsweringHl7Driver(profile, section)


PROTOCOL = Hl7Protocol()
