"""A wrong cable is told from the header, before anything is stored."""

from __future__ import annotations

import pytest

from drivers.protocols.lis2 import PROTOCOL
from drivers.protocols.lis2.driver import Lis2Driver
from middleware.driver.api import IdentifyingDriver
from middleware.driver.profile import read_profile

PROFILE = """
[driver]
id = "made"
name = "Made"
protocol = "lis2"
roles = ["results"]
manual = "none"
tier = "drafted"

[identify]
"H-5.1" = ["c311", "c501"]

[header]
analyzer = "H-5.1"
serial = "H-5.3"
sent_at = "H-14"

[specimen]
sample_id = "O-3"

[result]
test_code = "R-3.4"
value = "R-4"
"""
HEADER = b"H|\\^&|||c311^1^SN-7|||||||P|LIS2-A2|20310304093000"
REST = b"\rP|1|||77||Meier^Anna\rO|1|S-1\rR|1|^^^GLU|5.4\rL|1|N\r"


@pytest.fixture
def driver() -> Lis2Driver:
    return PROTOCOL.make_driver(read_profile(PROFILE, "made"))


def test_a_header_tells_analyzer_serial_number_and_time(driver: Lis2Driver) -> None:
    """What the profile names is read, and nobody complains."""
    assert isinstance(driver, IdentifyingDriver)
    found = driver.identify(HEADER + REST)
    assert (found.analyzer, found.serial, found.sent_at_text, found.complaint) == (
        "c311",
        "SN-7",
        "20310304093000",
        "",
    )


def test_another_analyzers_header_is_a_complaint_without_a_patient(driver: Lis2Driver) -> None:
    """The technician reads who was expected and who spoke."""
    complaint = driver.identify(HEADER.replace(b"c311", b"DxH") + REST).complaint
    assert "'DxH'" in complaint
    assert "'c311' or 'c501'" in complaint
    assert "Meier" not in complaint


def test_an_analyzer_that_does_not_say_who_it_is_goes_on(driver: Lis2Driver) -> None:
    """Its message is kept; decoding shows it to a person."""
    assert driver.identify(b"H|\\^&\r" + REST).complaint == ""


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00\xff\xfe",
        b"H",
        b"H|",
        b"H\r",
        b"HELLO|x",
        b"P|1\r",
        b"H|\\^&|" + b"x" * 9000,
        b"Hzzzzzzz\r",
    ],
)
def test_what_is_no_header_says_nothing(driver: Lis2Driver, text: bytes) -> None:
    """Never an error, whatever comes."""
    assert driver.identify(text).analyzer == ""
    assert driver.identify(text, "no-such-encoding").complaint == ""


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"1", b"\0"])
def test_what_stands_before_the_header_hides_nothing(driver: Lis2Driver, before: bytes) -> None:
    """A byte order mark, empty lines and numbered records are tolerated as in decoding."""
    assert driver.identify(before + HEADER.replace(b"H|", b"H|", 1) + REST).serial == "SN-7"
