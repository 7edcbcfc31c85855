"""A serial number in the settings is compared, or `labwire check` says that it cannot be."""

from __future__ import annotations

from middleware.driver.api import AnalyzerIdentity
from middleware.driver.rules import PathRule
from middleware.settings.check import check
from middleware.settings.problems import errors_in
from tests.kit.site_settings import CONNECTORS, GOOD, Drivers, PlainDriver, loaded, problems_of

EXPECTING = GOOD.replace('release = "auto"', 'release = "auto"\nserial_number = "SN-1"')


class Knowing(PlainDriver):
    """Reads a serial number."""

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        return AnalyzerIdentity()


class KnowingDrivers(Drivers):
    """Each of them reads a serial number."""

    def driver(self, driver_id: str) -> PlainDriver:
        profile = super().driver(driver_id).profile
        header = profile.header.model_copy(update={"serial": PathRule(path="H-5.3")})
        return Knowing(profile.model_copy(update={"header": header}))


def test_a_serial_number_that_no_driver_reads_is_an_error() -> None:
    """It would look like a protection against a mixed-up cable and be none."""
    (problem,) = errors_in(problems_of(EXPECTING))
    assert problem.key == "line.serial_number"
    assert "reads no serial number" in problem.message


def test_a_serial_number_that_is_read_is_taken() -> None:
    """No word about it."""
    assert check(loaded(EXPECTING), KnowingDrivers(), CONNECTORS) == []
