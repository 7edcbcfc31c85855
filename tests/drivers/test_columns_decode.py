"""Reading tables by a profile: whose, which test, which value; and what is never taken by position."""

from __future__ import annotations

import codecs
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.columns import PROTOCOL
from drivers.protocols.columns.driver import ColumnsDriver
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import read_profile
from middleware.errors import DriverError
from middleware.model import Envelope, ResultStatus, SampleRole, ValueKind

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
class _Profile:
    """What differs between the profiles of these tests."""

    protocol: str = HEADING
    result: str = TALL
    specimen: str = ""
    top: str = ""
    sample_id: str = "Sample"

    def driver(self) -> ColumnsDriver:
        return PROTOCOL.make_driver(read_profile(PROFILE.format(**asdict(self)), "demo"))


def _read(*lines: str, **profile: str) -> Envelope:
    data = "\n".join(lines).encode("latin-1")
    return _Profile(**profile).driver().decode(data, CONTEXT)


def _numbers(read: Envelope) -> list[tuple[str, str, Decimal | None, str]]:
    return [(r.specimen.sample_id, r.test_code, r.value.number, r.unit) for r in read.results]


def test_columns_are_found_by_heading_wherever_they_stand() -> None:
    """An export with its columns in another order, or with more of them, is read as well."""
    expected = [("S1", "GLU", Decimal("5.4"), "mmol/L")]
    assert _numbers(_read("Sample,Test,Value,Unit", "S1,GLU,5.4,mmol/L")) == expected
    assert _numbers(_read("x,Unit,Value,y,Test,Sample", "1,mmol/L,5.4,2,GLU,S1")) == expected


def test_each_row_has_its_own_specimen_and_an_empty_sample_id_stays_empty() -> None:
    """Nothing is taken from the row above, however the file looks to a reader."""
    read = _read("Sample,Test,Value,Unit", "S1,GLU,5,u", ",K,4,u", "  ,NA,140,u")
    assert [one.specimen.sample_id for one in read.results] == ["S1", "", ""]
    assert [one.run for one in read.results] == [1, 1, 1]


def test_a_decimal_comma_that_moves_the_columns_makes_its_row_unread_and_no_other() -> None:
    """`5,4` in a file with commas never becomes the value 5 with the unit 4."""
    read = _read("Sample,Test,Value,Unit,Flag", "S1,GLU,5,4,mmol/L,", "S2,GLU,5.1,mmol/L,")
    assert _numbers(read) == [("S2", "GLU", Decimal("5.1"), "mmol/L")]
    (unread,) = read.unread
    assert (unread.record, unread.reason) == (
        2,
        "the row cannot be read: it has 6 columns, and the headings are 5",
    )


def test_a_row_that_was_cut_off_is_unread() -> None:
    """The last row of a file that was copied while it was written."""
    read = _read("Sample,Test,Value,Unit", "S1,GLU,5.4,mmol/L", "S2,GLU,12")
    assert len(read.results) == 1
    assert read.unread[0].record == 3


def test_missing_headings_are_named_with_the_line_of_the_others() -> None:
    """A person sees what the export lacks."""
    with pytest.raises(DriverError, match=r"lacks 'Unit' \(headings in line 2\)") as caught:
        _read("Run,7", "Sample,Test,Value", "S1,GLU,5.4")
    assert (caught.value.record, caught.value.field) == (2, "Unit")
    with pytest.raises(DriverError, match=r"line 1 comes nearest and lacks 'Test'"):
        _read("Sample,Assay,Value,Unit", "S1,GLU,5.4,mmol/L")


def test_two_columns_with_one_heading_are_never_chosen_by_position() -> None:
    """Which of two units is meant must be said."""
    lines = ("Sample,Test,Value,Unit,Value,Unit", "S1,DNA,1,ug,2,ng")
    heading = 'heading = ["Sample", "Test", "Unit"]'
    with pytest.raises(DriverError, match="stands 2 times in line 1"):
        _read(*lines, protocol=heading)
    second = TALL.replace("Value", "Value[2]").replace("Unit", "Unit[2]")
    assert _numbers(_read(*lines, protocol=heading, result=second)) == [
        ("S1", "DNA", Decimal(2), "ng")
    ]


def test_quotes_hold_delimiters_and_an_open_quote_spoils_only_its_own_row() -> None:
    """One row is one line: a lost quote never swallows the next patient."""
    read = _read(
        '"Sample","Test","Value","Unit"',
        '"S1","Iron, total","5.4","umol ""x"""',
        '"S2","GLU,"5.4","u"',
        'S3,GLU,"5.4,u',
        "S4,GLU,5.4,u",
    )
    assert [one.specimen.sample_id for one in read.results] == ["S1", "S4"]
    assert read.results[0].test_code == "Iron, total"
    assert read.results[0].unit == 'umol "x"'
    assert [one.record for one in read.unread] == [3, 4]


def test_the_preamble_is_read_by_key_and_a_key_with_two_values_says_nothing() -> None:
    """The run's time is on top of the file; two different times are none."""
    result = TALL + '\nmeasured_at = { path = "preamble.Run end", format = "%d.%m.%Y %H:%M" }'
    lines = ["Run end,04.03.2031 10:15", "Sample,Test,Value,Unit", "S1,GLU,5.4,u"]
    (one,) = _read(*lines, result=result).results
    assert one.measured.at == datetime(2031, 3, 4, 9, 15, tzinfo=UTC)
    (one,) = _read("Run end,04.03.2031 11:15", *lines, result=result).results
    assert one.measured.mark == "absent"
    with pytest.raises(DriverError, match=r"lacks 'preamble.Run end'"):
        _read(*lines[1:], result=result)


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
    assert _read(*lines, **profile).results[0].specimen.sample_id == "S1"
    with pytest.raises(DriverError, match="a second report begins in line 4"):
        _read(*lines, *second, **profile)


def test_headings_that_are_repeated_below_begin_a_new_table() -> None:
    """Two exports in one file: the columns of each are found by its own headings."""
    read = _read("Sample,Test,Value,Unit", "S1,K,4,a", "", "Unit,Value,Test,Sample", "b,5,NA,S2")
    assert _numbers(read) == [("S1", "K", Decimal(4), "a"), ("S2", "NA", Decimal(5), "b")]


def test_any_mark_of_a_control_makes_a_control_whatever_another_column_says() -> None:
    """No control reaches a patient's record."""
    roles = """role = [
        { path = "Kind", table = { P = "patient", "*" = "qc" } },
        { path = "Sample", pattern = "QC.*", role = "qc" }]"""
    read = _read(
        "Sample,Kind,Test,Value,Unit", "S1,P,K,4,u", "QC1,P,K,4,u", "S2,C,K,4,u", "S3,,K,4,u",
        specimen=roles,
    )  # fmt: skip
    assert [one.specimen.role for one in read.results] == [
        SampleRole.PATIENT, SampleRole.QC, SampleRole.QC, SampleRole.QC,
    ]  # fmt: skip
    assert read.results[1].specimen.role_rule == "Sample matches QC.*"


def test_wide_tables_take_test_and_unit_from_the_heading_and_marks_from_beside() -> None:
    """A column for each test; an empty cell is a test that was not asked for."""
    read = _read(
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
[protocol.scales]
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
    read = _read("Sample,ALB,,AST,", "S1,3.4,g/dL,415,U/L", protocol=protocol, result=WIDE)
    assert _numbers(read) == [
        ("S1", "ALB", Decimal("3.4"), "g/dL"),
        ("S1", "AST", Decimal(415), "U/L"),
    ]
    with pytest.raises(DriverError, match="behind 'ALB' the file has 'AST' and not ''"):
        _read("Sample,ALB,AST,", "S1,3.4,415,U/L", protocol=protocol, result=WIDE)


def test_a_row_of_units_is_told_by_its_content_and_must_be_there() -> None:
    """A result without its unit is not read as one that has none."""
    protocol = """heading = ["Sample"]
[protocol.wide]
columns = ["ALB", "AST"]
units_row = { column = "Sample", pattern = "units?" }
"""
    read = _read("Sample,ALB,AST", "Unit,g/dL,U/L", "S1,3.4,415", protocol=protocol, result=WIDE)
    assert [one.unit for one in read.results] == ["g/dL", "U/L"]
    with pytest.raises(DriverError, match="no row with the units stands above line 2"):
        _read("Sample,ALB,AST", "S1,3.4,415", protocol=protocol, result=WIDE)


def test_groups_of_columns_in_one_row_are_results_of_their_own() -> None:
    """Test 1, result 1, unit 1, test 2 …: as many groups as the headings have."""
    protocol = """heading = ["Sample"]
[protocol.repeat]
columns = { test = "Test {n}", value = "Result {n}", unit = "Unit[{n}]" }
"""
    headings = "Sample,Test 1,Result 1,Unit,Test 2,Result 2,Unit"
    read = _read(
        headings, "S1,K,4.1,mmol/L,,,", "S2,K,4.2,a,NA,140,b", protocol=protocol, result=WIDE
    )
    assert _numbers(read) == [
        ("S1", "K", Decimal("4.1"), "mmol/L"),
        ("S2", "K", Decimal("4.2"), "a"),
        ("S2", "NA", Decimal(140), "b"),
    ]
    with pytest.raises(DriverError, match="group 2 of the columns lacks 'Result 2'"):
        _read("Sample,Test 1,Result 1,Unit,Test 2,Unit", "S1,,,,,", protocol=protocol, result=WIDE)


def test_fixed_positions_are_cut_as_they_stand_and_a_short_line_is_unread() -> None:
    """No delimiter and no headings: the profile names the columns."""
    protocol = "positions = { Sample = [1, 6], Test = [8, 10], Value = [11, 16], Unit = [18, 23] }"
    read = _read(
        "S1     GLU   5.4 mmol/L",
        "S2     GLU   6",
        protocol=protocol,
        top='[values]\nrules = ["blank_padding"]',
    )
    assert _numbers(read) == [("S1", "GLU", Decimal("5.4"), "mmol/L")]
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
    read = _read(
        "Sample,Test,Value,Unit,Omit", "S1,K,4,u,0", "S2,K,4,u,1", "S3,MEAN,4,u,0", "-- End of run",
        "S4,K,4,u,0", protocol=protocol,
    )  # fmt: skip
    assert [one.specimen.sample_id for one in read.results] == ["S1"]
    assert [(one.sample_id, one.reason, one.record) for one in read.unread] == [
        ("S2", "omitted", 3)
    ]


def test_a_sample_id_of_another_form_is_in_doubt() -> None:
    """An id with a name typed behind it is looked at by a person, not shortened."""
    protocol = HEADING + "\nsample_id_pattern = '[0-9]+'"
    read = _read("Sample,Test,Value,Unit", "17,K,4,u", "17 DOE,K,4,u", protocol=protocol)
    assert [bool(one.specimen.sample_id_doubt) for one in read.results] == [False, True]
    assert read.results[1].specimen.sample_id == "17 DOE"


def test_a_wrong_analyzer_is_refused_whole() -> None:
    """A file of the neighbour's analyzer in this folder gives no result."""
    top = '[identify]\n"Device" = ["A1", "A2"]'
    lines = ("Sample,Test,Value,Unit,Device", "S1,K,4,u,A2")
    assert len(_read(*lines, top=top).results) == 1
    with pytest.raises(DriverError, match=r"wrong analyzer .*'B7'.* \(line 3\)"):
        _read(*lines, "S2,K,4,u,B7", top=top)


def test_values_are_explained_by_the_rules_of_every_driver() -> None:
    """Comma, comparator, mask, padding and words: no table of its own for files."""
    read = _read(
        "Sample;Test;Value;Unit", "S1;A;7,41;u", "S1;B;>8;u", "S1;C;***;u", "S1;D; 5 ;u", "S1;E;neg;",
        "S1;;5;u", "S1;A;7,5;u",
        protocol=HEADING + '\ndelimiter = ";"',
        top='[values]\nrules = ["decimal_comma"]',
    )  # fmt: skip
    kinds = [(one.value.kind, one.value.reason) for one in read.results]
    assert kinds == [
        (ValueKind.NUMBER, ""),
        (ValueKind.NUMBER, ""),
        (ValueKind.UNEXPLAINED, "masked value"),
        (ValueKind.UNEXPLAINED, "padded with blanks"),
        (ValueKind.TEXT, ""),
        (ValueKind.UNEXPLAINED, "no test code"),
        (ValueKind.NUMBER, ""),
    ]
    assert [one.run for one in read.results] == [1, 1, 1, 1, 1, 1, 2]


def test_flags_alarms_comments_status_and_joined_times_of_a_row_are_read() -> None:
    """What the analyzer says beside a value goes with it."""
    (one,) = _read(
        "Sample,Test,Value,Unit,F,S,Err,Hemolysed,Clot,Note,Day,Clock,Who,Lot",
        'S1,K,6.8,u,H|*,ok,"19,30,",1,0,seen,06-Mars-31,10:15,op,L1',
        result=TALL
        + """
flags = { path = "F", table = { H = "high" } }
status = { path = "S", table = { ok = "final" } }
measured_at = { path = "joined.when", format = "%d-%m-%y %H:%M" }
operator = "Who"
reagent_lot = "Lot"
""",
        protocol=HEADING
        + """
flag_separator = "|"
comments = ["Note"]
joined = { when = ["Day", "Clock"] }
time_words = { Mar = "03", Mars = "03" }
alarms = [{ column = "Err", separator = "," }, { headings = "Hemolysed|Clot", none = ["0"] }]
""",
    ).results
    assert one.abnormal_flags == ("high",)
    assert one.instrument_flags == ("*", "19", "30", "Hemolysed")
    assert (one.status, one.operator, one.reagent_lot) == (ResultStatus.FINAL, "op", "L1")
    assert [comment.text for comment in one.comments] == ["seen"]
    assert (one.measured.text, one.measured.at) == (
        "06-Mars-31 10:15",
        datetime(2031, 3, 6, 9, 15, tzinfo=UTC),
    )


def test_a_status_that_the_profile_does_not_know_is_unknown() -> None:
    """An unknown word never means final."""
    status = TALL + '\nstatus = { path = "S", table = { ok = "final" } }'
    (one,) = _read("Sample,Test,Value,Unit,S", "S1,K,6.8,u,??", result=status).results
    assert one.status is ResultStatus.UNKNOWN


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
    (one,) = _Profile().driver().decode(data, CONTEXT).results
    assert (one.test_code, one.unit, one.value.number) == ("Größe", "µg", Decimal(5))


def test_an_encoding_that_does_not_fit_is_refused_and_not_guessed() -> None:
    """A wrong letter in a unit is a wrong unit."""
    driver = _Profile(protocol=HEADING + '\nencoding = "utf-8"').driver()
    with pytest.raises(DriverError, match="not written in utf-8"):
        driver.decode("Sample,Test,Value,Unit\nS1,K,5,µg".encode("latin-1"), CONTEXT)


def test_headings_without_any_row_are_a_fault_and_no_error() -> None:
    """An empty run is taken, and said."""
    assert [one.code for one in _read("Sample,Test,Value,Unit").faults] == ["no_rows"]


@pytest.mark.parametrize(
    ("profile", "complaint"),
    [
        ({"protocol": 'headings = ["Sample"]'}, "unknown key; did you mean 'heading'"),
        ({"protocol": 'heading = ["a"]\nnames = ["b"]'}, "give one of"),
        ({"result": WIDE}, "column.test cannot be read there"),
        ({"sample_id": "joined.x"}, "joined.x cannot be read there"),
        ({"result": TALL + '\nstatus = "S"'}, "status needs a table"),
        ({"specimen": "doubt_other_parts = true"}, "doubt_other_parts"),
        ({"protocol": 'names = ["a"]', "sample_id": "preamble.x"}, "has no preamble"),
        ({"protocol": HEADING + '\nsample_id_pattern = "("'}, "no regular expression"),
        ({"protocol": HEADING + '\nencoding = "klingon"'}, "unknown character encoding"),
    ],
)
def test_a_mistake_in_a_profile_is_told_before_the_first_file(
    profile: dict[str, str], complaint: str
) -> None:
    """Whoever writes a profile learns what is wrong, not the laboratory at night."""
    with pytest.raises(DriverError, match=complaint):
        _Profile(**profile).driver()


def test_a_connection_is_refused_because_nothing_says_where_a_table_ends() -> None:
    """A line with this driver needs a folder."""
    with pytest.raises(DriverError, match="reads files"):
        _Profile().driver().make_link({})


CELL = st.text(alphabet='aS1.,;"\t <µ', max_size=5)


@given(st.lists(st.tuples(CELL, CELL, CELL, CELL), max_size=5))
def test_whatever_a_cell_holds_it_is_read_back_and_no_column_moves(
    rows: list[tuple[str, str, str, str]],
) -> None:
    """Quoted as every spreadsheet does it, every text comes back in its own column."""
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    read = _read("Sample,Test,Value,Unit", *quoted)
    assert not read.unread
    assert [(r.specimen.sample_id, r.test_code, r.value.raw, r.unit) for r in read.results] == [
        (_meant(sample), _meant(test), value, _meant(unit))
        for sample, test, value, unit in rows
        if (sample + test + value + unit).strip()
    ]


def _meant(cell: str) -> str:
    """Without blanks around it, and nothing for an explicit null."""
    text = cell.strip()
    return text if text != '""' else ""


def test_what_a_table_reader_makes_is_valid_to_the_letter() -> None:
    """Models are made unvalidated while reading: so they must pass validation afterwards."""
    driver = load_catalogue().driver("generic_csv")
    data = b"sample_id,test_code,value,unit,flag,comment\nS1,K,5,u,H,x\nS2,K,*,u,?,\nS3,K\n"
    read = driver.decode(data, CONTEXT)
    assert read.results
    assert read.unread
    assert Envelope.model_validate(read.model_dump(), strict=True) == read
