"""What bounds a telegram: whatever a peer sends, memory and time stay small and a sentence says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError
from tests.kit.framed_profile import (
    COLUMNS,
    CONTEXT,
    FIELDS,
    LISTING,
    TAGS,
    TelegramProfile,
    read_telegram,
)

CATALOGUE = load_catalogue()
FRAMED = [one.id for one in CATALOGUE.profiles() if one.driver.protocol == "framed"]
OF_TAGS = 'test_code = "rt"\nvalue = "qn"'
HEAD = "D      S1"


def _refusal(text: str, **profile: str) -> str:
    with pytest.raises(DriverError) as caught:
        read_telegram(text, **profile)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "profile", "complaint"),
    [
        (HEAD + "01  5.4 " * 20_000, {"protocol": COLUMNS}, "20000 results; at most 10000"),
        ("x" * 2_000_000, {"protocol": COLUMNS}, "2000000 bytes long; at most"),
        ("R,S1,1" + ",x" * 150_000, {"protocol": FIELDS}, "fields; at most 100000"),
        ("R,S1,1,Na," + "9" * 5_000, {"protocol": FIELDS}, "5000 characters; at most 4096"),
        ("R,S1,99999999,Na,1", {"protocol": FIELDS}, "should be the number of results"),
        (";x" * 200_000, {"protocol": TAGS, "result": OF_TAGS, "sample_id": "ci"}, "fields; at most"),
        ("\n" * 30_000, {"protocol": LISTING}, "more than 20000 lines"),
        ("noise\n" * 1_500, {"protocol": LISTING}, "not what the profile describes (line 1001)"),
    ],
)  # fmt: skip
def test_a_telegram_beyond_every_measure_is_refused_with_a_sentence(
    text: str, profile: dict[str, str], complaint: str
) -> None:
    """It stays in the journal, and a person is told what it is."""
    assert complaint in _refusal(text, **profile)


def test_no_pattern_of_a_profile_looks_through_a_text_without_measure() -> None:
    """Patterns that would take a lifetime for a long line never see one."""
    slow = LISTING.replace('"Sample +(.*)"', '"Sample( *)* +(.*)!"')
    read = read_telegram("Sample" + " " * 60_000 + "x", protocol=slow)
    assert "line 1 is none that the profile knows" in read.unread[0].reason


@pytest.mark.parametrize("driver_id", FRAMED)
@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_random_bytes_give_an_error_and_never_a_crash(
    driver_id: str, data: bytes, cut: int
) -> None:
    """Only DriverError leaves a driver, whatever stands behind a right beginning."""
    driver = CATALOGUE.driver(driver_id)
    for start in (
        b"",
        b"D ",
        b"R,NORMAL ,",
        b"\x1emtrsl|\x1e",
        b"--- Siemens Diagnostics  348 ---\n",
    ):
        driver.kind(start + data)
        try:
            driver.decode(start + data[:cut] + data, CONTEXT)
        except DriverError as error:
            assert error.what_to_do


def test_text_in_another_encoding_says_which_byte() -> None:
    """The profile's encoding counts before the line's."""
    driver = TelegramProfile(protocol='encoding = "ascii"' + COLUMNS).driver()
    with pytest.raises(DriverError, match="not written in ascii: byte 3"):
        driver.decode(b"D \xe4    S101  5.4 ", CONTEXT)
