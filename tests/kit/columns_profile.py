"""Small profiles of the protocol `columns` for tests, and the reading of a few lines by one of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from drivers.protocols.columns import PROTOCOL
from drivers.protocols.columns.driver import ColumnsDriver
from middleware.driver.api import DecodeContext
from middleware.driver.profile import read_profile
from middleware.model import Envelope

CONTEXT = DecodeContext(time_zone="Europe/Berlin", is_file=True)
PROFILE = """
{top}
[driver]
id = "demo"
name = "Demo"
protocol = "columns"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "{sample_id}"
{specimen}
[result]
{result}
[protocol]
{protocol}
"""
TALL = 'test_code = "Test"\nvalue = "Value"\nunit = "Unit"'
WIDE = 'test_code = "column.test"\nvalue = "column.value"\nunit = "column.unit"'
HEADING = 'heading = ["Sample", "Test", "Value"]'


@dataclass(frozen=True)
class TableProfile:
    """What differs between the profiles of the tests, as TOML text."""

    protocol: str = HEADING
    result: str = TALL
    specimen: str = ""
    top: str = ""
    sample_id: str = "Sample"

    def driver(self) -> ColumnsDriver:
        """The driver of this profile."""
        return PROTOCOL.make_driver(read_profile(PROFILE.format(**asdict(self)), "demo"))


def read_table(*lines: str, **profile: str) -> Envelope:
    """These lines as a whole file, by the profile with these parts."""
    data = "\n".join(lines).encode("latin-1")
    return TableProfile(**profile).driver().decode(data, CONTEXT)


def numbers_of(read: Envelope) -> list[tuple[str, str, Decimal | None, str]]:
    """Sample id, test, number and unit of each result."""
    return [(r.specimen.sample_id, r.test_code, r.value.number, r.unit) for r in read.results]
