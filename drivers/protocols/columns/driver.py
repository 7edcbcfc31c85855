"""The driver for tables as text: a profile, and the reading of whole files."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.protocols.columns.decode import TableReader
from drivers.protocols.columns.settings import read_settings
from drivers.protocols.columns.speak import ColumnsVoice
from drivers.protocols.columns.sylk import rows_of_sheet
from drivers.protocols.columns.text import lines_of
from drivers.protocols.columns.xml_rows import rows_of_document
from middleware.driver.api import NO_CONTEXT, DecodeContext, LinkContext
from middleware.driver.culture import refuse_culture
from middleware.driver.profile import DriverRole, Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind
from middleware.wire.link import Link

NAME = "columns"


class ColumnsDriver:
    """The driver of one export format (`middleware.driver.api.Driver`)."""

    def __init__(self, profile: Profile) -> None:
        if profile.driver.roles != (DriverRole.RESULTS,):
            raise DriverError(
                f"{profile.id}: a table holds results; it asks nothing",
                what_to_do='Write roles = ["results"].',
            )
        self._profile = profile
        self._settings = read_settings(profile.protocol)
        self._reader = TableReader(profile, self._settings)

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        return self._profile

    def make_link(
        self, _options: Mapping[str, object], _context: LinkContext = NO_CONTEXT, /
    ) -> Link:
        """There is none: nothing says where a table ends on a connection. Always raises DriverError."""
        raise DriverError(
            f"{self._profile.id} reads files, and a connection has none",
            what_to_do='Give the line transport = { type = "file_drop", … }.',
        )

    def voice(self) -> ColumnsVoice:
        """The analyzer's side (`middleware.driver.speak.SpeakingDriver`)."""
        return ColumnsVoice(self._profile, self._settings)

    def kind(self, text: bytes) -> MessageKind:
        """A table holds results; only an empty file does not."""
        return MessageKind.RESULT if text.strip() else MessageKind.UNREADABLE

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole file. Raises DriverError (`record` is the line) when it cannot be read at all."""
        lines = lines_of(text, self._settings.encoding or context.encoding)
        if self._settings.sylk:
            lines = rows_of_sheet(lines)
        elif self._settings.xml_row:
            lines = rows_of_document(lines, self._settings.xml_row)
        return self._reader.read(lines, context.time_zone)


class ColumnsProtocol:
    """Makes drivers from profiles that name the protocol `columns` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> ColumnsDriver:
        """Build the driver; raises DriverError when `[protocol]` or a path has a mistake."""
        refuse_culture(profile.id, profile.culture)
        return ColumnsDriver(profile)


PROTOCOL = ColumnsProtocol()
