"""What `labwire check` says about lines whose analyzers are sent work that they did not ask for."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.driver.api import DownloadingDriver, Driver
from middleware.line.order_settings import Download
from middleware.line.settings import LineSettings
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem
from middleware.transport.file_settings import FileDropSettings


def work_can_be_sent(
    parts: Parts, location: Location, line: LineSettings, driver: Driver
) -> Iterator[Problem]:
    """`orders.download` needs a driver that can write it, and a line that gives work."""
    if line.orders.download is Download.OFF:
        return
    place = (*location, "orders", "download")
    if line.relay is not None:
        message = "the line relays: its analyzer's present host gives it work"
        yield parts.loaded.problem(place, message, 'set download = "off", or remove relay')
    elif not isinstance(driver, DownloadingDriver):
        message = f"the driver {line.driver} writes no orders that its analyzer did not ask for"
        cure = (
            'set download = "off"; if the analyzer takes them, name [order.download] in the driver\'s '
            "profile"
        )
        yield parts.loaded.problem(place, message, cure)
    elif isinstance(line.transport, FileDropSettings) and line.transport.out_folder is None:
        message = "work for the analyzer is written to files, and the line has no folder for them"
        yield parts.loaded.problem(place, message, "give its transport an out_folder")
