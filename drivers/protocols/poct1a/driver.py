"""The POCT1-A driver: a profile, a conversation, and the reading of messages."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.protocols.poct1a.decode import Message, MessageReader
from drivers.protocols.poct1a.options import conversation_of, line_choices, link_options
from drivers.protocols.poct1a.speak import Poct1aVoice
from middleware.driver.api import NO_CONTEXT, AnalyzerIdentity, DecodeContext, LinkContext
from middleware.driver.culture import refuse_culture
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.link import Link
from middleware.wire.poct1a import (
    Document,
    DocumentCut,
    DocumentReader,
    MessageType,
    Poct1aLink,
    parse_document,
)

NAME = "poct1a"

_ROOTS = re.compile(rb"<(?:[\w-]+:)?(OBS|EVS|HEL)\.R0([0-9])[\s/>]", re.IGNORECASE)
_NOBODY = AnalyzerIdentity()

MOST_RESULTS = 1000
"""In one message. An analyzer sends a few dozen; reading more would keep every other line waiting."""


class Poct1aDriver:
    """The driver of one analyzer model that speaks POCT1-A (`middleware.driver.api.Driver`, `IdentifyingDriver`)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        conversation_of(profile)
        link_options(profile, line_choices({}), NO_CONTEXT)
        self._reader = MessageReader(profile)
        self._quirks = frozenset(profile.link.quirks)

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    def make_link(self, options: Mapping[str, object], context: LinkContext = NO_CONTEXT) -> Link:
        """A new link in the COMPUTER role.

        `options` may hold the keys of a profile's `[link]` and of `[protocol]`; its quirks are added to the profile's,
        its other keys replace them. Raises DriverError for anything else.
        """
        return Poct1aLink(link_options(self._profile, line_choices(options), context))

    def voice(self) -> Poct1aVoice:
        """The analyzer's side (`middleware.driver.speak.SpeakingDriver`)."""
        return Poct1aVoice(self._profile)

    def kind(self, text: bytes) -> MessageKind:
        """A glance at the names of the messages in it."""
        found = {(match[1].upper(), match[2]) for match in _ROOTS.finditer(text)}
        observations = {revision for name, revision in found if name == b"OBS"}
        if observations:
            return MessageKind.QC if observations == {b"2"} else MessageKind.RESULT
        return MessageKind.OTHER if found else MessageKind.UNREADABLE

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        """Whose the message is, by the hello before it. Never raises. The encoding is the document's own business."""
        try:
            return self._reader.identify(_message_of(text))
        except DriverError:
            return _NOBODY

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message. Raises DriverError when it cannot be read at all."""
        message = _message_of(text)
        _refuse_too_many(message)
        used = frozenset().union(*(document.quirks for document in message.documents))
        refused = sorted(used - self._quirks)
        if refused:
            raise DriverError(
                f"the message needs a tolerance that the profile does not name: {', '.join(refused)}",
                what_to_do="Add it to `quirks` of the profile if the analyzer's manual explains it.",
            )
        envelope = self._reader.read(message, context)
        return envelope.model_copy(update={"quirks": tuple(sorted(used))}) if used else envelope


class Poct1aProtocol:
    """Makes drivers from profiles that name the protocol `poct1a` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> Poct1aDriver:
        """Build the driver; raises DriverError when a path or a choice of the profile does not fit POCT1-A."""
        refuse_culture(profile.id, profile.culture)
        return Poct1aDriver(profile)


def _message_of(text: bytes) -> Message:
    """The hello and the other documents of a text; DriverError when it is no sequence of whole documents."""
    reader = DocumentReader(len(text) + 1)
    cuts = [cut.data for cut in reader.feed(text) if isinstance(cut, DocumentCut)]
    if not cuts or reader.drop_partial():
        raise DriverError(
            "the text ends inside a message"
            if cuts
            else "the text holds no whole message of POCT1-A",
            what_to_do="Look at the raw message; the analyzer was cut off, or another driver is needed.",
        )
    documents = [_parsed(data, number) for number, data in enumerate(cuts, start=1)]
    hellos = [one.root for one in documents if one.type is MessageType.HELLO]
    return Message(hellos[-1] if hellos else None, documents)


def _refuse_too_many(message: Message) -> None:
    count = sum(one.name == "OBS" for document in message.documents for one in document.root.walk())
    if count > MOST_RESULTS:
        raise DriverError(
            f"the message holds {count} observations; at most {MOST_RESULTS} are read",
            what_to_do="Let the analyzer send its results in smaller messages.",
        )


def _parsed(data: bytes, number: int) -> Document:
    try:
        return parse_document(data)
    except RemoteProtocolError as error:
        raise DriverError(
            f"message {number}: {error} ({error.clause})",
            what_to_do="Look at the raw message and report the analyzer's behaviour.",
            record=number,
        ) from error


PROTOCOL = Poct1aProtocol()
