"""The generic HL7 driver: a profile, an MLLP link, and the reading of messages."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.protocols.hl7.acknowledge import header_of
from drivers.protocols.hl7.decode import MessageReader
from drivers.protocols.hl7.glance import glance
from drivers.protocols.hl7.link_options import check_quirks, make_link
from drivers.protocols.hl7.section import read_section
from drivers.protocols.hl7.speak import Hl7Voice
from middleware.driver.api import NO_CONTEXT, AnalyzerIdentity, DecodeContext, LinkContext
from middleware.driver.profile import Profile
from middleware.model import Envelope, MessageKind
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import parse
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


class Hl7Protocol:
    """Makes drivers from profiles that name the protocol `hl7` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> Hl7Driver:
        """Build the driver; raises DriverError when the profile does not fit HL7."""
        return Hl7Driver(profile)


PROTOCOL = Hl7Protocol()
