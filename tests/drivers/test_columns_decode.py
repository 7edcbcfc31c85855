"""Reading rows by a profile: whose, which test, which value; and what is never taken by position."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError
from middleware.model import Envelope, ResultStatus, SampleRole, ValueKind
from tests.kit.columns_profile import (
    CONTEXT,
    HEADING,
    TALL,
    WIDE,
    TableProfile,
    numbers_of,
    read_table,
)


def test_columns_are_found_by_heading_wherever_they_stand() -> None:
    """An export with its columns in another order, or with more of them, is read as well."""
    expected = [("S1", "GLU", Decimal("5.4"), "mmol/L")]
    assert numbers_of(read_table("Sample,Test,Value,Unit", "S1,GLU,5.4,mmol/L")) == expected
    assert numbers_of(read_table("x,Unit,Value,y,Test,Sample", "1,mmol/L,5.4,2,GLU,S1")) == expected


def test_each_row_has_its_own_specimen_and_an_empty_sample_id_stays_empty() -> None:
    """Nothing is taken from the row above, however the file looks to a reader."""
    read = read_table("Sample,Test,Value,Unit", "S1,GLU,5,u", ",K,4,u", "  ,NA,140,u")
    assert [one.specimen.sample_id for one in read.results] == ["S1", "", ""]
    assert [one.run for one in read.results] == [1, 1, 1]


def test_a_decimal_comma_that_moves_the_columns_makes_its_row_unread_and_no_other() -> None:
    """`5,4` in a file with commas never becomes the value 5 with the unit 4."""
    read = read_table("Sample,Test,Value,Unit,Flag", "S1,GLU,5,4,mmol/L,", "S2,GLU,5.1,mmol/L,")
    assert numbers_of(read) == [("S2", "GLU", Decimal("5.1"), "mmol/L")]
    (unread,) = read.unread
    assert (unread.record, unread.reason) == (
        2,
        "the row cannot be read: it has 6 columns, and the headings are 5",
    )


def test_a_row_that_was_cut_off_is_unread() -> None:
    """The last row of a file that was copied while it was written."""
    read = read_table("Sample,Test,Value,Unit", "S1,GLU,5.4,mmol/L", "S2,GLU,12")
    assert len(read.results) == 1
    assert read.unread[0].record == 3


def test_missing_headings_are_named_with_the_line_of_the_others() -> None:
    """A person sees what the export lacks."""
    with pytest.raises(DriverError, match=r"lacks 'Unit' \(headings in line 2\)") as caught:
        read_table("Run,7", "Sample,Test,Value", "S1,GLU,5.4")
    assert (caught.value.record, caught.value.field) == (2, "Unit")
    with pytest.raises(DriverError, match=r"line 1 comes nearest and lacks 'Test'"):
        read_table("Sample,Assay,Value,Unit", "S1,GLU,5.4,mmol/L")


def test_two_columns_with_one_heading_are_never_chosen_by_position() -> None:
    """Which of two units is meant must be said."""
    lines = ("Sample,Test,Value,Unit,Value,Unit", "S1,DNA,1,ug,2,ng")
    heading = 'heading = ["Sample", "Test", "Unit"]'
    with pytest.raises(DriverError, match="stands 2 times in line 1"):
        read_table(*lines, protocol=heading)
    second = TALL.replace("Value", "Value[2]").replace("Unit", "Unit[2]")
    assert numbers_of(read_table(*lines, protocol=heading, result=second)) == [
        ("S1", "DNA", Decimal(2), "ng")
    ]


def test_quotes_hold_delimiters_and_an_open_quote_spoils_only_its_own_row() -> None:
    """One row is one line: a lost quote never swallows the next patient."""
    read = read_table(
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


def test_any_mark_of_a_control_makes_a_control_whatever_another_column_says() -> None:
    """No control reaches a patient's record."""
    roles = """role = [
        { path = "Kind", table = { P = "patient", "*" = "qc" } },
        { path = "Sample", pattern = "QC.*", role = "qc" }]"""
    read = read_table(
        "Sample,Kind,Test,Value,Unit", "S1,P,K,4,u", "QC1,P,K,4,u", "S2,C,K,4,u", "S3,,K,4,u",
        specimen=roles,
    )  # fmt: skip
    assert [one.specimen.role for one in read.results] == [
        SampleRole.PATIENT, SampleRole.QC, SampleRole.QC, SampleRole.QC,
    ]  # fmt: skip
    assert read.results[1].specimen.role_rule == "Sample matches QC.*"


def test_a_sample_id_of_another_form_is_in_doubt() -> None:
    """An id with a name typed behind it is looked at by a person, not shortened."""
    protocol = HEADING + "\nsample_id_pattern = '[0-9]+'"
    read = read_table("Sample,Test,Value,Unit", "17,K,4,u", "17 DOE,K,4,u", protocol=protocol)
    assert [bool(one.specimen.sample_id_doubt) for one in read.results] == [False, True]
    assert read.results[1].specimen.sample_id == "17 DOE"


def test_a_wrong_analyzer_is_refused_whole() -> None:
    """A file of the neighbour's analyzer in this folder gives no result."""
    top = '[identify]\n"Device" = ["A1", "A2"]'
    lines = ("Sample,Test,Value,Unit,Device", "S1,K,4,u,A2")
    assert len(read_table(*lines, top=top).results) == 1
    with pytest.raises(DriverError, match=r"wrong analyzer .*'B7'.* \(line 3\)"):
        read_table(*lines, "S2,K,4,u,B7", top=top)


def test_values_are_explained_by_the_rules_of_every_driver() -> None:
    """Comma, comparator, mask, padding and words: no table of its own for files."""
    read = read_table(
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
    (one,) = read_table(
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
    (one,) = read_table("Sample,Test,Value,Unit,S", "S1,K,6.8,u,??", result=status).results
    assert one.status is ResultStatus.UNKNOWN


def test_headings_without_any_row_are_a_fault_and_no_error() -> None:
    """An empty run is taken, and said."""
    assert [one.code for one in read_table("Sample,Test,Value,Unit").faults] == ["no_rows"]


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
        TableProfile(**profile).driver()


def test_a_connection_is_refused_because_nothing_says_where_a_table_ends() -> None:
    """A line with this driver needs a folder."""
    with pytest.raises(DriverError, match="reads files"):
        TableProfile().driver().make_link({})


CELL = st.text(alphabet='aS1.,;"\t <µ', max_size=5)


@given(st.lists(st.tuples(CELL, CELL, CELL, CELL), max_size=5))
def test_whatever_a_cell_holds_it_is_read_back_and_no_column_moves(
    rows: list[tuple[str, str, str, str]],
) -> None:
    """Quoted as every spreadsheet does it, every text comes back in its own column."""
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    read = read_table("Sample,Test,Value,Unit", *quoted)
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


def test_a_place_to_look_may_have_others_and_a_column_may_be_optional() -> None:
    """Exports of two versions of one software, by one profile."""
    profile = {
        "result": TALL.replace(
            '"Value"', '"Value"\noperator = ["User", "Analyst"]\nmodule = "Module"'
        ),
        "protocol": HEADING + '\noptional = ["Module"]',
    }
    (old,) = read_table("Sample,Test,Value,Unit,Analyst", "S1,K,4,u,ann", **profile).results
    (new,) = read_table("Sample,Test,Value,Unit,User,Module", "S1,K,4,u,bob,M2", **profile).results
    assert (old.operator, old.module) == ("ann", "")
    assert (new.operator, new.module) == ("bob", "M2")
    with pytest.raises(DriverError, match="lacks 'User' or 'Analyst'"):
        read_table("Sample,Test,Value,Unit", "S1,K,4,u", **profile)


def test_short_rows_and_trailing_delimiters_are_tolerated_only_by_name() -> None:
    """A row that lacks its last cells, or has one delimiter more, needs a word of the profile."""
    short = ["Sample,Test,Value,Unit,Note", "S1,K,4,u"]
    longer = ["Sample,Test,Value,Unit", "S1,K,4,u,"]
    assert len(read_table(*short).unread) == len(read_table(*longer).unread) == 1
    assert read_table(*short, protocol=HEADING + "\nshort_rows = true").results
    named = HEADING + "\ntrailing_delimiter = true"
    assert read_table(*longer, protocol=named).results
    for line in ("S1,K,4,1,u", "S1,K,4,u", "S1,K,4,1,u,,"):
        assert read_table(longer[0], line, protocol=named).unread


def test_the_end_mark_of_old_systems_is_no_row() -> None:
    """A file of DOS ends in a character of its own."""
    assert not read_table("Sample,Test,Value,Unit", "S1,K,4,u", "\x1a").unread
