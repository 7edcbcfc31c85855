"""The shapes of tables: preamble, encodings, a column for each test, groups, fixed positions, rows without results."""

from __future__ import annotations

import codecs
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from middleware.errors import DriverError
from middleware.model import ValueKind
from tests.kit.columns_profile import (
    CONTEXT,
    HEADING,
    TALL,
    WIDE,
    TableProfile,
    numbers_of,
    read_table,
)


def test_the_preamble_is_read_by_key_and_a_key_with_two_values_says_nothing() -> None:
    """The run's time is on top of the file; two different times are none."""
    result = TALL + '\nmeasured_at = { path = "preamble.Run end", format = "%d.%m.%Y %H:%M" }'
    lines = ["Run end,04.03.2031 10:15", "Sample,Test,Value,Unit", "S1,GLU,5.4,u"]
    (one,) = read_table(*lines, result=result).results
    assert one.measured.at == datetime(2031, 3, 4, 9, 15, tzinfo=UTC)
    (one,) = read_table("Run end,04.03.2031 11:15", *lines, result=result).results
    assert one.measured.mark == "absent"
    with pytest.raises(DriverError, match=r"lacks 'preamble.Run end'"):
        read_table(*lines[1:], result=result)


@pytest.mark.parametrize(
    "second", [["Tube,S2"], ["Tube,S2", "Test,Value", "GLU,7.0"], ["Test,Value", "GLU,7.0"]]
)
def test_a_second_report_in_one_file_is_refused_where_the_specimen_stands_on_top(
    second: list[str],
) -> None:
    """What stands above the first table is not of the second table's patient."""
    profile = {
        "protocol": 'heading = ["Test", "Value"]',
        "result": 'test_code = "Test"\nvalue = "Value"',
        "sample_id": "preamble.Tube",
    }
    lines = ["Tube,S1", "Test,Value", "GLU,5.4"]
    assert read_table(*lines, **profile).results[0].specimen.sample_id == "S1"
    with pytest.raises(DriverError, match="a second report begins in line 4"):
        read_table(*lines, *second, **profile)


def test_headings_that_are_repeated_below_begin_a_new_table() -> None:
    """Two exports in one file: the columns of each are found by its own headings."""
    read = read_table(
        "Sample,Test,Value,Unit", "S1,K,4,a", "", "Unit,Value,Test,Sample", "b,5,NA,S2"
    )
    assert numbers_of(read) == [("S1", "K", Decimal(4), "a"), ("S2", "NA", Decimal(5), "b")]


def test_wide_tables_take_test_and_unit_from_the_heading_and_marks_from_beside() -> None:
    """A column for each test; an empty cell is a test that was not asked for."""
    read = read_table(
        "Sample,No,WBC(10/uL),WBC/M,HCT(10^(-1)%),HCT/M,Qflag(x)",
        "S1,1,806,+,411,,3",
        "S2,2,,,----,,3",
        "S3,3,,,,,3",
        result=WIDE + '\nflags = { path = "column.mark", table = { "+" = "high" } }',
        protocol="""heading = ["Sample", "No"]
[protocol.wide]
after = "No"
pattern = '(?P<test>.+?)\\((?P<unit>10.*)\\)'
beside = { mark = "{test}/M" }
""",
        top="""[values]
rules = ["unit_scale"]
[units]
"10/uL" = { unit = "10^3/uL", factor = "0.01" }
""",
    )
    first, second, masked = read.results
    assert (first.test_code, first.value.number, first.unit) == ("WBC", Decimal("8.06"), "10^3/uL")
    assert (first.value.raw, first.value.rule) == ("806", "unit_scale")
    assert (first.abnormal_flags_raw, first.source.record, first.source.name) == (
        "+", 2, "WBC(10/uL)",
    )  # fmt: skip
    assert (second.test_code, second.value.kind) == ("HCT", ValueKind.UNEXPLAINED)
    assert (masked.specimen.sample_id, masked.value.reason) == ("S2", "masked value")
    assert [(one.sample_id, one.record) for one in read.unread] == [("S3", 4)]


def test_the_unit_of_a_test_may_stand_in_the_column_behind_it_and_nowhere_else() -> None:
    """A unit is taken from the next column only where that has the heading which the profile says."""
    protocol = """heading = ["Sample"]
[protocol.wide]
after = "Sample"
followed_by = { unit = "" }
"""
    read = read_table("Sample,ALB,,AST,", "S1,3.4,g/dL,415,U/L", protocol=protocol, result=WIDE)
    assert numbers_of(read) == [
        ("S1", "ALB", Decimal("3.4"), "g/dL"),
        ("S1", "AST", Decimal(415), "U/L"),
    ]
    with pytest.raises(DriverError, match="behind 'ALB' the file has 'AST' and not ''"):
        read_table("Sample,ALB,AST,", "S1,3.4,415,U/L", protocol=protocol, result=WIDE)


def test_a_row_of_units_is_told_by_its_content_and_must_be_there() -> None:
    """A result without its unit is not read as one that has none."""
    protocol = """heading = ["Sample"]
[protocol.wide]
columns = ["ALB", "AST"]
units_row = { column = "Sample", pattern = "units?" }
"""
    read = read_table(
        "Sample,ALB,AST", "Unit,g/dL,U/L", "S1,3.4,415", protocol=protocol, result=WIDE
    )
    assert [one.unit for one in read.results] == ["g/dL", "U/L"]
    with pytest.raises(DriverError, match="no row with the units stands above line 2"):
        read_table("Sample,ALB,AST", "S1,3.4,415", protocol=protocol, result=WIDE)


def test_groups_of_columns_in_one_row_are_results_of_their_own() -> None:
    """Test 1, result 1, unit 1, test 2 …: as many groups as the headings have."""
    protocol = """heading = ["Sample"]
[protocol.repeat]
columns = { test = "Test {n}", value = "Result {n}", unit = "Unit[{n}]" }
"""
    headings = "Sample,Test 1,Result 1,Unit,Test 2,Result 2,Unit"
    read = read_table(
        headings, "S1,K,4.1,mmol/L,,,", "S2,K,4.2,a,NA,140,b", protocol=protocol, result=WIDE
    )
    assert numbers_of(read) == [
        ("S1", "K", Decimal("4.1"), "mmol/L"),
        ("S2", "K", Decimal("4.2"), "a"),
        ("S2", "NA", Decimal(140), "b"),
    ]
    with pytest.raises(DriverError, match="group 2 of the columns lacks 'Result 2'"):
        read_table(
            "Sample,Test 1,Result 1,Unit,Test 2,Unit", "S1,,,,,", protocol=protocol, result=WIDE
        )


def test_fixed_positions_are_cut_as_they_stand_and_a_short_line_is_unread() -> None:
    """No delimiter and no headings: the profile names the columns."""
    protocol = "positions = { Sample = [1, 6], Test = [8, 10], Value = [11, 16], Unit = [18, 23] }"
    read = read_table(
        "S1     GLU   5.4 mmol/L",
        "S2     GLU   6",
        protocol=protocol,
        top='[values]\nrules = ["blank_padding"]',
    )
    assert numbers_of(read) == [("S1", "GLU", Decimal("5.4"), "mmol/L")]
    assert read.unread[0].record == 2


def test_rows_without_results_are_skipped_listed_or_end_the_table_as_the_profile_says() -> None:
    """Nothing is left out in silence unless the profile says that it is of no interest."""
    protocol = (
        HEADING
        + """
rows = [
    { column = "Omit", pattern = "1", fate = "unread", reason = "omitted" },
    { column = "Test", pattern = "mean", fate = "skip" },
    { pattern = "-- end.*", fate = "end" },
]"""
    )
    read = read_table(
        "Sample,Test,Value,Unit,Omit", "S1,K,4,u,0", "S2,K,4,u,1", "S3,MEAN,4,u,0", "-- End of run",
        "S4,K,4,u,0", protocol=protocol,
    )  # fmt: skip
    assert [one.specimen.sample_id for one in read.results] == ["S1"]
    assert [(one.sample_id, one.reason, one.record) for one in read.unread] == [
        ("S2", "omitted", 3)
    ]


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + "Sample,Test,Value,Unit\r\nS1,Größe,5,µg\r\n".encode(),
        codecs.BOM_UTF16_LE + "Sample,Test,Value,Unit\rS1,Größe,5,µg".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Sample,Test,Value,Unit\nS1,Größe,5,µg\n".encode("utf-16-be"),
        "Sample,Test,Value,Unit\r\nS1,Größe,5,µg".encode("utf-16-le"),
        "Sample,Test,Value,Unit\r\nS1,Größe,5,µg".encode("utf-16-be"),
        "Sample,Test,Value,Unit\r\r\nS1,Größe,5,µg\r\r\n".encode("latin-1"),
    ],
)
def test_marks_utf16_and_every_line_end_are_recognised(data: bytes) -> None:
    """The encoding is what the file says; without a word of it, the line's."""
    (one,) = TableProfile().driver().decode(data, CONTEXT).results
    assert (one.test_code, one.unit, one.value.number) == ("Größe", "µg", Decimal(5))


def test_an_encoding_that_does_not_fit_is_refused_and_not_guessed() -> None:
    """A wrong letter in a unit is a wrong unit."""
    driver = TableProfile(protocol=HEADING + '\nencoding = "utf-8"').driver()
    with pytest.raises(DriverError, match="not written in utf-8"):
        driver.decode("Sample,Test,Value,Unit\nS1,K,5,µg".encode("latin-1"), CONTEXT)


SHEET = "sylk = true\n" + HEADING


def test_a_sylk_sheet_is_read_by_its_cells_wherever_their_records_stand() -> None:
    """Cells that are left out are empty, a place that is not named is the one before, `;;` is a semicolon."""
    read = read_table(
        "ID;PCALCOOO32", "B;Y3;X4", 'C;Y1;X1;K"Sample"', 'C;X2;K"Test"', 'C;X3;K"Value"', 'C;X4;K"Unit"',
        'C;Y3;X1;K"S2"', 'C;X2;K"A;;B"', "F;X3;FI0R", "C;K7.5", "C;X1;Y2;KS1", 'C;X2;K"K"', "C;X3;K4", "E",
        protocol=SHEET,
    )  # fmt: skip
    assert numbers_of(read) == [("S1", "K", Decimal(4), ""), ("S2", "A;B", Decimal("7.5"), "")]
    assert [one.source.record for one in read.results] == [2, 3]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["Sample,Test,Value,Unit"], "no SYLK sheet"),
        (["ID;P", "C;X0;Y1;K1"], "names no cell: X is '0'"),
        (["ID;P", "C;X1;Y٣;K1"], "names no cell"),
        (["ID;P", "C;X9999;Y9999;K1"], "more than 1000000 cells"),
        (["ID;P", "E", 'C;X1;Y1;K"Sample"'], "no row of the file holds the headings"),
    ],
)
def test_a_sheet_that_is_none_or_without_measure_is_refused(
    lines: list[str], complaint: str
) -> None:
    """A cell far away costs no memory."""
    with pytest.raises(DriverError, match=complaint):
        TableProfile(protocol=SHEET + '\nencoding = "utf-8"').driver().decode(
            "\n".join(lines).encode(), CONTEXT
        )
