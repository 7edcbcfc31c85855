"""The driver of analyzers that speak IHE LAW: a profile, an MLLP link with LAW's replies, reading, and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drivers.protocols.hl7.acknowledge import header_of
from drivers.protocols.hl7.glance import glance
from drivers.protocols.hl7.link_options import check_quirks
from drivers.protocols.law.answers import complaint_of
from drivers.protocols.law.decode import LawReader
from drivers.protocols.law.encode import negative_answers
from drivers.protocols.law.given import answers, refused_steps, writable
from drivers.protocols.law.options import LawSection, link_settings, read_link, read_section
from drivers.protocols.law.queries import AskedWork, QueryFault, read_asked
from drivers.protocols.law.replies import Replies, replies_wanted
from drivers.protocols.law.speak import LawVoice
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
from middleware.wire.hl7 import Message, parse
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink, MllpLinkOptions


class LawDriver:
    """The driver of one analyzer model that speaks LAW.

    It is a Driver, an IdentifyingDriver, an OrderingDriver, a ReplyReadingDriver and a StepReadingDriver of
    `middleware.driver.api`.
    """

    def __init__(self, profile: Profile) -> None:
        check_quirks(profile.link)
        self._profile = profile
        self._section = read_section(profile)
        self._scopes = self._section.scopes()
        self._reader = LawReader(profile, self._section)

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    @property
    def section(self) -> LawSection:
        """How this analyzer speaks LAW."""
        return self._section

    def make_link(self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT) -> Link:
        """A new link. `options` may hold the keys of `LawLinkSection`.

        Its quirks are added to the profile's, its other keys replace them. Raises DriverError for anything else.
        """
        line = read_link(options)
        return MllpLink(
            MllpLinkOptions(
                acknowledge=Replies(self._scopes, context, line.application, line.facility),
                replies=replies_wanted,
                **link_settings(self._profile.link, line),
            )
        )

    def kind(self, text: bytes) -> MessageKind:
        """A glance at MSH-9 and the segments' names."""
        return glance(text)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message. Raises DriverError when it cannot be read at all."""
        return self._reader.decode(text, context)

    def voice(self) -> LawVoice:
        """The analyzer's side (`middleware.driver.speak.SpeakingDriver`)."""
        return LawVoice(self._profile)

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        """Who the message says that it is from. Never raises: what cannot be read says nothing."""
        try:
            header = parse(header_of(text), encoding).header
        except (RemoteProtocolError, LookupError):
            return AnalyzerIdentity()
        analyzer, serial, sent_at = self._reader.plain.names(header)
        return AnalyzerIdentity(analyzer, serial, sent_at, self._reader.plain.complaint(header))

    def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
        """OML^O33 that says that there is no work, for each container asked about; () where silence is expected.

        Raises DriverError for a query that was refused, or is none of LAW's.
        """
        if not self._section.negative_answer:
            return ()
        message, asked = self._asked(text, context)
        return negative_answers(message, asked, context, self._section)

    def answers(
        self, text: bytes, work: Sequence[SpecimenWork], context: AnswerContext
    ) -> tuple[EncodedAnswer, ...]:
        """OML^O33 with the work for each container asked about, or with the word that there is none.

        Raises DriverError as `negative_answers` does.
        """
        work = [one for one in map(writable, work) if one.steps]
        if not work:
            return tuple([EncodedAnswer(one) for one in self.negative_answers(text, context)])
        message, asked = self._asked(text, context)
        return answers(message, asked, work, context, self._section)

    def refused_steps(
        self, reply: bytes, context: AnswerContext, steps: Sequence[int]
    ) -> Mapping[int, str]:
        """What the analyzer's ORL^O34 refuses (`middleware.driver.api.StepReadingDriver`)."""
        silence_accepts = self._section.silence_accepts
        return refused_steps(reply, context, steps, silence_accepts=silence_accepts)

    def complaint_about(self, reply: bytes, control_id: str) -> str:
        """Why the analyzer did not take our message (`middleware.driver.api.ReplyReadingDriver`); '' when it did."""
        return complaint_of(reply, control_id)

    def _asked(self, text: bytes, context: AnswerContext) -> tuple[Message, AskedWork]:
        try:
            message = parse(text, context.encoding)
        except RemoteProtocolError as error:
            raise DriverError(
                f"{error} ({error.clause})", what_to_do="Look at the raw message."
            ) from error
        asked = read_asked(message, self._scopes)
        if isinstance(asked, QueryFault):
            raise DriverError(
                asked.text, what_to_do="Look at the raw message; set the analyzer to LAW queries."
            )
        return message, asked
