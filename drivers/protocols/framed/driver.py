"""The driver for telegrams that follow no standard: a profile, a framed link, and the reading of telegrams."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.protocols.framed.decode import TelegramReader
from drivers.protocols.framed.settings import check_link, read_settings
from drivers.protocols.framed.speak import FramedVoice
from middleware.driver.api import NO_CONTEXT, DecodeContext, LinkContext
from middleware.driver.culture import refuse_culture
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind
from middleware.wire.framed import FramedLink
from middleware.wire.link import Link

NAME = "framed"
_GLANCED_AT = 4_096
_GLANCE = "latin-1"  # every byte is a letter: enough to tell kinds apart


class FramedDriver:
    """The driver of one analyzer model (`middleware.driver.api.Driver`)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._settings = read_settings(profile.protocol)
        check_link(profile.link, {})
        self._spec = self._settings.frame.spec()
        self._reader = TelegramReader(profile, self._settings)

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    def make_link(
        self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT, /
    ) -> Link:
        """A new link. All that can be said of it stands in the profile, so `options` must be empty."""
        check_link(self._profile.link, options)
        return FramedLink(self._spec)

    def voice(self) -> FramedVoice:
        """The analyzer's side (`middleware.driver.speak.SpeakingDriver`)."""
        return FramedVoice(self._profile, self._settings, self._spec)

    def kind(self, text: bytes) -> MessageKind:
        """A glance by the patterns of the profile."""
        if not text.strip():
            return MessageKind.UNREADABLE
        said = text[:_GLANCED_AT].decode(_GLANCE)
        if self._reader.asks(said):
            return MessageKind.QUERY
        return MessageKind.RESULT if self._reader.has_results(said) else MessageKind.OTHER

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole telegram. Raises DriverError when it cannot be read at all."""
        longest, encoding = self._spec.max_message_bytes, self._settings.encoding
        if len(text) > longest:
            raise DriverError(
                f"the telegram is {len(text)} bytes long; at most {longest} are read",
                what_to_do="Look at the raw message; the profile does not fit it.",
            )
        encoding = encoding or context.encoding
        try:
            said = text.decode(encoding)
        except UnicodeDecodeError as error:
            raise DriverError(
                f"the telegram is not written in {encoding}: byte {error.start + 1} is none of its letters",
                what_to_do="Correct `encoding` of the profile or of the line; then replay the message.",
            ) from error
        return self._reader.read(said, context)


class FramedProtocol:
    """Makes drivers from profiles that name the protocol `framed` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> FramedDriver:
        """Build the driver; raises DriverError when `[protocol]` or a path has a mistake."""
        refuse_culture(profile.id, profile.culture)
        return FramedDriver(profile)


PROTOCOL = FramedProtocol()
