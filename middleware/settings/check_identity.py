"""What can be wrong with who a line expects to speak."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.driver.api import Driver, IdentifyingDriver
from middleware.line.settings import LineSettings
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem


def serial_number_can_be_told(
    parts: Parts, location: Location, line: LineSettings, driver: Driver
) -> Iterator[Problem]:
    """A serial number that nobody reads would look like a protection and be none."""
    if not line.serial_number:
        return
    if not isinstance(driver, IdentifyingDriver) or driver.profile.header.serial is None:
        message = f"the driver {line.driver} reads no serial number from messages"
        cure = "remove it, or name `serial` in [header] of the driver's profile"
        yield parts.loaded.problem((*location, "serial_number"), message, cure)
