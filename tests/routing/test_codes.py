"""Which row of a table fits a result; where none or several do, it is held and the reason said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import MeasuredTime, ResultValue, Specimen, ValueKind
from middleware.routing.code_row import CodeFate
from middleware.routing.codes import AS_SENT, LineCodes, Scope, UnmappedRule
from tests.kit.code_tables import codes_of, row_of, table_of

SERUM = Specimen(sample_id="S1001", specimen_type="SER")
URINE = Specimen(sample_id="S1001", specimen_type="UR")


def test_a_row_gives_code_name_system_and_loinc() -> None:
    """The LIS reads its own code, and LOINC beside it."""
    text = "test_code,lis_code,lis_name,lis_system,loinc\nGLU,GLUC,Glucose,99X,14749-6\n"
    found = codes_of(text).translate(row_of())
    assert found.finding is None
    assert found.fate is CodeFate.DELIVER
    expected = {"lis_code": "GLUC", "lis_name": "Glucose", "lis_system": "99X", "loinc": "14749-6"}
    assert {key: found.columns[key] for key in expected} == expected
    assert found.columns["code_source"].startswith("chem.csv@")
    assert found.columns["code_source"].endswith(":2")


def test_a_test_without_a_row_is_held() -> None:
    """Its name says what to do."""
    found = codes_of("test_code,lis_code\nNA,SOD\n").translate(row_of())
    assert found.finding is not None
    assert found.finding.code == "unmapped_code"
    assert "labwire codes release" in found.finding.text
    assert found.columns == {**AS_SENT, "code_fate": "unmapped"}


def test_a_test_without_a_row_may_pass_where_the_site_says_so() -> None:
    """As the analyzer sends it; but what the table cannot decide is held all the same."""
    text = "test_code,specimen_type,lis_code\nNA,SER,SOD\n"
    codes = codes_of(text, UnmappedRule.PASS_ON)
    passed = codes.translate(row_of())
    assert (passed.fate, passed.finding) == (CodeFate.PASSED, None)
    assert codes.translate(row_of(test="NA")).fate is CodeFate.UNMAPPED


@pytest.mark.parametrize(
    ("columns", "cells", "said"),
    [
        ("line", "chem-2", {}),
        ("driver", "other", {}),
        ("analyzer", "Chemist 8", {}),
        ("module", "M2", {"module": "M1"}),
        ("module", "-", {"module": "M1"}),
        ("unit", "mg/dL", {}),
        ("unit", "MMOL/L", {}),
        ("unit", "g/L", {"unit": "g/L", "unit_ucum": "10*9/L"}),  # this analyzer means giga
        ("unit", "-", {}),
        ("test_detail", "F", {}),
        ("test_detail", "", {"test_detail": "F"}),
        ("specimen_type", "UR", {"specimen": SERUM}),
    ],
)
def test_a_row_for_something_else_does_not_fit(columns: str, cells: str, said: dict) -> None:
    """Texts are compared exactly, capitals too."""
    found = codes_of(f"test_code,lis_code,{columns}\nGLU,GLUC,{cells}\n").translate(row_of(**said))
    assert found.fate is CodeFate.UNMAPPED


@pytest.mark.parametrize(
    ("columns", "cells", "said"),
    [
        ("line", "chem-1", {}),
        ("driver", "made", {}),
        ("analyzer", "Chemist 9", {}),
        ("module", "M1", {"module": "M1"}),
        ("module", "-", {}),
        ("unit", "mmol/L", {}),
        ("unit", "mg/dL", {"unit": "mg/dl", "unit_ucum": "mg/dL"}),
        ("unit", "-", {"unit": ""}),
        ("test_detail", "*", {"test_detail": "F"}),
        ("specimen_type", "SER", {"specimen": SERUM}),
        ("specimen_type", "-", {}),
    ],
)
def test_a_row_for_just_this_fits(columns: str, cells: str, said: dict) -> None:
    """Each column of the key, and the marks for nothing and anything."""
    found = codes_of(f"test_code,lis_code,{columns}\nGLU,GLUC,{cells}\n").translate(row_of(**said))
    assert found.columns["lis_code"] == "GLUC"


def test_the_row_that_asks_for_more_goes_first() -> None:
    """A general row for the test, and one for its unit."""
    codes = codes_of("test_code,unit,lis_code\nGLU,,A\nGLU,mg/dL,B\n")
    assert codes.translate(row_of()).columns["lis_code"] == "A"
    assert codes.translate(row_of(unit="mg/dL")).columns["lis_code"] == "B"


def test_two_rows_that_fit_and_differ_hold_the_result() -> None:
    """Nobody guesses which was meant."""
    codes = codes_of("test_code,module,unit,lis_code\nGLU,M1,,A\nGLU,,mmol/L,B\n")
    found = codes.translate(row_of(module="M1"))
    assert found.finding is not None
    assert found.finding.code == "several_targets"
    assert "line 2: A" in found.finding.text
    assert "line 3: B" in found.finding.text


def test_an_unknown_specimen_type_holds_where_the_table_asks_for_one() -> None:
    """Even where a row for any specimen would fit: glucose of urine is not glucose of serum."""
    codes = codes_of("test_code,specimen_type,lis_code\nGLU,SER,A\nGLU,UR,B\nGLU,,C\n")
    assert codes.translate(row_of(specimen=SERUM)).columns["lis_code"] == "A"
    assert codes.translate(row_of(specimen=URINE)).columns["lis_code"] == "B"
    found = codes.translate(row_of())
    assert found.finding is not None
    assert found.finding.code == "unknown_specimen_type"


def test_a_unit_that_no_row_knows_holds_and_is_named() -> None:
    """The reason says what is missing."""
    found = codes_of("test_code,unit,lis_code\nGLU,mmol/L,A\n").translate(row_of(unit="mg/dL"))
    assert found.finding is not None
    assert found.finding.code == "no_row_fits"
    assert "unit mg/dL" in found.finding.text


def at(*moment: int) -> MeasuredTime:
    return MeasuredTime(text="given", at=datetime(*moment, tzinfo=UTC))


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (at(2030, 12, 31, 22, 59, 59), "OLD"),  # 23:59:59 in Berlin
        (at(2030, 12, 31, 23, 0, 0), "NEW"),  # midnight
        (at(2031, 1, 31, 22, 59, 59), "NEW"),
        (at(2031, 1, 31, 23, 0, 0), None),  # the day after the last
        (MeasuredTime(), None),  # the message came in March
    ],
)
def test_a_day_begins_at_midnight_of_the_lines_zone(
    measured: MeasuredTime, code: str | None
) -> None:
    """valid_from and valid_until are days of the laboratory, both included."""
    codes = codes_of(
        "test_code,valid_from,valid_until,lis_code\nGLU,,2030-12-31,OLD\nGLU,2031-01-01,2031-01-31,NEW\n"
    )
    found = codes.translate(row_of(measured=measured))
    assert found.columns["lis_code"] == code
    if found.finding is not None:
        assert found.finding.code == "code_not_in_force"


def test_the_zone_is_the_lines_own() -> None:
    """The same moment is another day on the other side of the world."""
    table = table_of("test_code,valid_from,lis_code\nGLU,2031-01-01,NEW\n")
    row = row_of(measured=at(2030, 12, 31, 12, 0, 0))
    auckland = LineCodes(table, Scope("chem-1", "made", "Pacific/Auckland"), UnmappedRule.HOLD)
    berlin = LineCodes(table, Scope("chem-1", "made", "Europe/Berlin"), UnmappedRule.HOLD)
    assert auckland.translate(row).columns["lis_code"] == "NEW"
    assert berlin.translate(row).fate is CodeFate.UNMAPPED


def test_a_unit_is_converted_and_the_original_stays() -> None:
    """The columns beside the measured ones; those are not touched."""
    codes = codes_of("test_code,unit,lis_code,lis_unit\nTP,g/dL,TPROT,g/L\n")
    row = row_of(test="TP", value="7.2", unit="g/dL", reference_range="6.4-8.3")
    found = codes.translate(row)
    assert found.columns["reported_value"] == "72"
    assert found.columns["reported_unit"] == "g/L"
    assert found.columns["reported_range"] == "64-83"
    assert (row["value_raw"], row["unit"], row["reference_range"]) == ("7.2", "g/dL", "6.4-8.3")


def test_what_cannot_be_converted_is_held() -> None:
    """A text in a unit that is converted."""
    codes = codes_of("test_code,unit,lis_code,lis_unit\nTP,g/dL,TPROT,g/L\n")
    value = ResultValue(kind=ValueKind.TEXT, raw="about 7", text="about 7")
    found = codes.translate(row_of(test="TP", unit="g/dL", value=value))
    assert found.finding is not None
    assert found.finding.code == "cannot_convert"
    assert found.fate is CodeFate.UNMAPPED


def test_what_is_remembered_is_bounded() -> None:
    """Test codes come from analyzers: endless different ones must not fill the memory."""
    codes = codes_of("test_code,lis_code\nGLU,GLUC\n")
    codes.KINDS_MAX = 3  # type: ignore[misc]
    for number in range(10):
        assert codes.translate(row_of(test=f"T{number}")).fate is CodeFate.UNMAPPED
    assert codes.translate(row_of()).columns["lis_code"] == "GLUC"
    assert len(codes._known) == 3


CELLS = st.sampled_from(["", "-", "SER", "UR"])
ROWS = st.lists(
    st.tuples(CELLS, st.sampled_from(["", "-", "mmol/L"]), st.sampled_from("AB")), max_size=5
)


@given(ROWS, st.sampled_from(["", "SER", "UR", "PLAS"]), st.sampled_from(["", "mmol/L", "mg/dL"]))
def test_whatever_the_table_a_result_is_held_or_one_target_fits_it(
    cells: list[tuple[str, str, str]], specimen: str, unit: str
) -> None:
    """No order of the rows, and no row for something else, ever decides."""
    lines = [",".join(("GLU", *row)) for row in cells]
    head = "test_code,specimen_type,unit,lis_code"
    row = row_of(specimen=Specimen(sample_id="S1", specimen_type=specimen), unit=unit)
    found = [
        codes_of("\n".join([head, *order]) + "\n").translate(row) for order in (lines, lines[::-1])
    ]
    assert len({(one.fate, one.columns["lis_code"]) for one in found}) == 1
    if found[0].finding is None:
        fitting = {
            target
            for type_of_row, unit_of_row, target in cells
            if type_of_row in ("", specimen or "-") and unit_of_row in ("", unit or "-")
        }
        assert found[0].columns["lis_code"] in fitting
