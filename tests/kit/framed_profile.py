"""Small profiles of the protocol `framed` for tests, and the reading of a telegram by one of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from drivers.protocols.framed import PROTOCOL
from drivers.protocols.framed.driver import FramedDriver
from middleware.driver.api import DecodeContext
from middleware.driver.profile import read_profile
from middleware.model import Envelope

CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")
PROFILE = """
{top}
[driver]
id = "demo"
name = "Demo"
protocol = "framed"
roles = {roles}
manual = "none"
tier = "drafted"
[specimen]
sample_id = "{sample_id}"
{specimen}
[result]
{result}
[values]
rules = ["blank_padding"]
[protocol]
{protocol}
"""
OF_GROUP = 'test_code = "column.test"\nvalue = "column.value"'
COLUMNS = """
[protocol.positions]
kind = [1, 1]
id = [2, 9]
[protocol.groups]
start = 10
width = 8
[protocol.groups.columns]
test = [1, 2]
value = [3, 7]
flag = [8, 8]
"""
FIELDS = """
delimiter = ","
names = ["", "id", "count"]
[protocol.groups]
start = 4
width = 2
count = "count"
[protocol.groups.columns]
test = [1, 1]
value = [2, 2]
"""
TAGS = """
delimiter = ";"
tags = 2
field_end = "|"
"""
LISTING = """
listed = "  (?P<test>[A-Z]+) +(?P<value>[^ ]*)"
passed_over = "-+"
head = { id = "Sample +(.*)", day = "Day +(.*)" }
"""


@dataclass(frozen=True)
class TelegramProfile:
    """What differs between the profiles of the tests, as TOML text."""

    protocol: str = COLUMNS
    result: str = OF_GROUP
    specimen: str = ""
    top: str = ""
    sample_id: str = "id"
    roles: str = '["results"]'

    def driver(self) -> FramedDriver:
        """The driver of this profile."""
        return PROTOCOL.make_driver(read_profile(PROFILE.format(**asdict(self)), "demo"))


def read_telegram(text: str, **profile: str) -> Envelope:
    """This text as a whole telegram, by the profile with these parts."""
    return TelegramProfile(**profile).driver().decode(text.encode("latin-1"), CONTEXT)


def values_of(read: Envelope) -> list[tuple[str, str, Decimal | None]]:
    """Sample id, test and number of each result."""
    return [(one.specimen.sample_id, one.test_code, one.value.number) for one in read.results]
