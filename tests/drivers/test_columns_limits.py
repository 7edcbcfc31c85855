"""What bounds a file: whatever somebody drops into the folder, memory and time stay small and a sentence says why."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.columns.cut import LONGEST_LINE, MOST_COLUMNS, NotARow, delimited_cutter
from drivers.protocols.columns.decode import MOST_RESULTS, MOST_UNREAD
from drivers.protocols.columns.text import LARGEST_FILE, MOST_LINES
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError
from middleware.model import MessageKind

DRIVER = load_catalogue().driver("generic_csv")
CONTEXT = DecodeContext(is_file=True)
HEADING = b"sample_id,test_code,value,unit\n"
ROW = b"S1,K,5,mmol/L\n"


def _refusal(data: bytes) -> str:
    with pytest.raises(DriverError) as caught:
        DRIVER.decode(data, CONTEXT)
    assert caught.value.what_to_do
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (bytes(LARGEST_FILE + 1), "at most"),
        (HEADING + b"\n" * (MOST_LINES + 1), f"at most {MOST_LINES}"),
        pytest.param(
            HEADING + ROW * (MOST_RESULTS + 1),
            f"more than {MOST_RESULTS} results",
            marks=pytest.mark.slow,
        ),
        (HEADING + b"x\n" * (MOST_UNREAD + 1), f"more than {MOST_UNREAD} rows cannot be read"),
        (b"," * 1_000_000, "no row of the file holds the headings"),
        (b"preamble,1\n" * 21_000, "no row of the file holds the headings"),
        (HEADING + b"S1,\0K,5,u\n", "NUL"),
        (b"", "no row of the file holds the headings"),
        (b"\xff\xfe\xff", "not written in utf-16-le"),
        (b"PK\x03\x04" + bytes(range(256)) * 40, "NUL"),
    ],
    ids=[
        "huge", "lines", "results", "unread", "columns", "preamble", "nul", "empty", "half", "zip",
    ],
)  # fmt: skip
def test_a_file_beyond_every_measure_is_refused_with_a_sentence(
    data: bytes, complaint: str
) -> None:
    """It stays in the journal or the failed folder, and a person is told what it is."""
    assert complaint in _refusal(data)


@pytest.mark.slow
def test_a_hundred_megabytes_in_one_line_cost_nothing() -> None:
    """The size is looked at before the text."""
    data = b"x" * 100_000_000
    tracemalloc.start()
    try:
        assert "at most" in _refusal(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_one_endless_line_among_rows_is_unread_and_the_others_go_on() -> None:
    """A picture in a cell loses nobody's result."""
    read = DRIVER.decode(
        HEADING + ROW + b"S2,K," + b"9" * LONGEST_LINE + b",u\n" + b"S3,K,4,u\n", CONTEXT
    )
    assert [one.specimen.sample_id for one in read.results] == ["S1", "S3"]
    assert "characters; at most" in read.unread[0].reason


def test_a_flood_of_delimiters_is_counted_before_it_is_cut() -> None:
    """No list of a million empty cells is made."""
    with pytest.raises(NotARow, match=f"more than {MOST_COLUMNS} columns"):
        delimited_cutter(",", '"')("," * MOST_COLUMNS)


@given(st.binary(max_size=400))
def test_random_bytes_give_an_error_and_never_a_crash(data: bytes) -> None:
    """Only DriverError leaves a driver, with or without the right headings above."""
    for content in (data, HEADING + data, HEADING + ROW + data):
        try:
            read = DRIVER.decode(content, CONTEXT)
        except DriverError:
            continue
        assert len(read.results) <= content.count(b"\n") + content.count(b"\r") + 1
    assert DRIVER.kind(data) in (MessageKind.RESULT, MessageKind.UNREADABLE)


@pytest.mark.slow
def test_random_text_of_a_megabyte_is_refused_in_linear_time() -> None:
    """Ten times the bytes, about ten times the work: nothing is looked at twice."""
    random = Random(7)
    letters = bytes(range(1, 256))
    data = bytes(random.choices(letters, k=1_000_000))
    _refusal(data)
    _refusal(HEADING + data)


def test_a_heading_made_to_keep_patterns_busy_is_refused() -> None:
    """No regular expression of a profile looks through a text without measure."""
    driver = load_catalogue().driver("sysmex_xs_500i")
    headings = "Instrument ID,Sample ID No,Sequence No.,WBC(10/uL)," + "(10" * 15_000 + ","
    with pytest.raises(DriverError, match="a heading in line 1 has 45000 characters"):
        driver.decode(headings.encode(), CONTEXT)
