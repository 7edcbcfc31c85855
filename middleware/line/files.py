"""What a line whose analyzer writes files has instead of a data link, and what it tells people of files."""

from __future__ import annotations

from middleware.driver.api import Driver, LinkContext
from middleware.errors import DriverError
from middleware.line.settings import LineSettings
from middleware.observe.health import Health, WarnableCode
from middleware.transport.base import FileTrouble
from middleware.transport.file_settings import FileDropSettings
from middleware.wire.link import Link
from middleware.wire.whole import FileLink

_CODES = {
    FileTrouble.SET_ASIDE: WarnableCode.FILES_SET_ASIDE,
    FileTrouble.REPEATED: WarnableCode.FILE_REPEATED,
    FileTrouble.NOT_MOVED: WarnableCode.FILE_NOT_MOVED,
}


def make_line_link(settings: LineSettings, driver: Driver, context: LinkContext) -> Link:
    """A fresh link for the line: the driver's, or that of whole files. Raises DriverError for wrong options."""
    if not isinstance(settings.transport, FileDropSettings):
        return driver.make_link(settings.link, context)
    if settings.link:
        raise DriverError(
            f"a line of files has no data link, so `link` cannot say {', '.join(sorted(settings.link))}",
            what_to_do="Remove the line's `link` table.",
        )
    return FileLink(settings.transport.max_file_bytes)


def tell_file_trouble(health: Health, line: str, trouble: FileTrouble, text: str) -> None:
    """Raise or (without text) clear the warning about a line's files."""
    if text:
        health.raise_warning(_CODES[trouble], line, text)
    else:
        health.clear(_CODES[trouble], line)
