"""The generic LIS2 driver: a profile, a LIS01 link, and the reading of messages."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from drivers.protocols.lis2.decode import MessageReader
from drivers.protocols.lis2.glance import glance
from drivers.protocols.lis2.identify import HeaderIdentity
from drivers.protocols.lis2.several import FileReader
from drivers.protocols.lis2.speak import Lis2Voice
from middleware.driver.api import NO_CONTEXT, AnalyzerIdentity, DecodeContext, LinkContext
from middleware.driver.profile import LinkSection, Profile, describe_mistakes
from middleware.driver.quirks import RECORD_QUIRKS
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.link import Link
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.lis2 import Message, parse_message
from middleware.wire.lis2.message import RECORDS_NUMBERED

NAME = "lis2"

MOST_RESULTS = 10_000
"""In one message. A run of a whole plate has some hundreds; reading more would keep every other line waiting."""
_RESULT_BEGINS = b"\rR"


class Lis2Driver:
    """The driver of one analyzer model that speaks LIS2 (`middleware.driver.api.Driver`)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._reader = MessageReader(profile)
        self._identity = HeaderIdentity(profile)
        self._record_quirks = frozenset(profile.link.quirks) & RECORD_QUIRKS.keys()
        self._files = FileReader(self._reader, self._parse, self._record_quirks)

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    def make_link(self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT) -> Link:
        """A new link in the COMPUTER role.

        `options` may hold the keys of a profile's `[link]`; its quirks are added to the profile's, its other keys
        replace them. Raises DriverError for anything else.
        """
        try:
            wanted = LinkSection.model_validate(options)
        except ValidationError as error:
            raise DriverError(
                f"link options: {'; '.join(describe_mistakes(error, LinkSection))}",
                what_to_do="Correct the line's `link` table.",
            ) from error
        misplaced = sorted(RECORD_QUIRKS.keys() & wanted.quirks)
        if misplaced:
            raise DriverError(
                f"link options: {', '.join(misplaced)} is about records, not about the link",
                what_to_do="Name it in `quirks` of the driver's profile.",
            )
        return Lis1Link(Role.COMPUTER, _link_options(self._profile.link, wanted))

    def kind(self, text: bytes) -> MessageKind:
        """A glance at record letters."""
        return glance(text)

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        """Who the header says that it is from (`middleware.driver.api.IdentifyingDriver`)."""
        return self._identity.identify(text, encoding)

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message, or a file of them. Raises DriverError when it cannot be read at all."""
        if context.is_file:
            return self._files.read(text, context)
        if text.count(_RESULT_BEGINS) > MOST_RESULTS:
            raise DriverError(
                f"the message holds {text.count(_RESULT_BEGINS)} result records; at most {MOST_RESULTS} are read",
                what_to_do="Let the analyzer send its results in smaller messages.",
            )
        message = self._parse(text, context)
        envelope = self._reader.read(message, context)
        message.cut()
        return envelope

    def voice(self) -> Lis2Voice:
        """The analyzer's side (`middleware.driver.speak.SpeakingDriver`)."""
        return Lis2Voice(self._profile)

    def _parse(self, text: bytes, context: DecodeContext) -> Message:
        try:
            message = parse_message(text, context.encoding, self._record_quirks)
        except RemoteProtocolError as error:
            raise DriverError(
                f"{error} ({error.clause})",
                what_to_do="Look at the raw message; the driver or the framing does not fit it.",
            ) from error
        refused = [quirk for quirk in message.quirks if quirk not in self._record_quirks]
        if refused:
            raise DriverError(
                f"the message needs a tolerance that the profile does not name: {', '.join(refused)}",
                what_to_do="Add it to `quirks` of the profile if the analyzer's manual explains it.",
            )
        return message


def _link_options(profile: LinkSection, line: LinkSection) -> Lis1Options:
    merged = {
        **profile.model_dump(exclude_none=True),
        **line.model_dump(exclude_none=True),
        "quirks": (frozenset(profile.quirks) | frozenset(line.quirks)) - RECORD_QUIRKS.keys(),
        "records_numbered": RECORDS_NUMBERED in profile.quirks,
    }
    return Lis1Options(**merged)
