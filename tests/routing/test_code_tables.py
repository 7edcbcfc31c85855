"""A table of test codes: what is read, and each mistake told with its line and what to write instead."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.routing.code_csv import COLUMNS, read_table
from middleware.routing.code_row import CodeFate, CodeRow
from tests.kit.code_tables import faults_of, table_of
from tests.kit.places import ROOT


def test_a_row_is_read_whole() -> None:
    """What stands in the table is what counts."""
    text = (
        "# chemistry\n"
        "test_code,unit,valid_from,lis_code,lis_name,loinc,lis_unit,decimals,rounding\n"
        "\n"
        'GLU,mg/dL,2031-01-01,"GLUC","Glucose, fasting",2345-7,g/L,2,half_up\n'
    )
    (row,) = table_of(text).rows
    assert (row.number, row.lis_name, row.lis_system) == (4, "Glucose, fasting", "L")
    assert (row.valid_from, row.factor, row.fate) == (
        date(2031, 1, 1),
        Fraction(1, 100),
        CodeFate.DELIVER,
    )


def test_a_spreadsheet_of_another_country_is_read() -> None:
    """Semicolons, a mark at the beginning and CR LF."""
    assert table_of("Test code;LIS code\r\nGLU;GLUC\r\n").rows[0].lis_code == "GLUC"


MISTAKES = [
    ("lis_code\nGLUC\n", 1, "the column is missing"),
    ("test_code,lis_kode\nGLU,x\n", 1, "unknown column"),
    ("test_code,test_code\nGLU,x\n", 1, "stands twice"),
    ("test_code,lis_code\n,GLUC\n", 2, "is empty"),
    ("test_code,lis_code\nGLU,\n", 2, "nothing says under which code"),
    ("test_code,lis_code\nGLU,GLUC,more\n", 2, "more cells"),
    ("test_code,lis_name\nGLU,Glucose\n", 2, "nothing says under which code"),
    ("test_code,loinc,lis_name\nGLU,2345-7,Glucose\n", 2, "no code"),
    ("test_code,loinc\nGLU,2345-8\n", 2, "check digit"),
    ("test_code,lis_code,fate\nGLU,GLUC,drop\n", 2, "unknown word"),
    ("test_code,lis_code,valid_from\nGLU,GLUC,1.2.2031\n", 2, "no date"),
    ("test_code,lis_code,valid_from\nGLU,GLUC,20310201\n", 2, "no date"),
    ("test_code,lis_code,valid_from,valid_until\nGLU,G,2031-02-01,2031-01-31\n", 2, "before"),
    ("test_code,lis_code,lis_unit\nGLU,GLUC,mmol/L\n", 2, "unit that is named"),
    ("test_code,lis_code,unit,factor\nGLU,GLUC,mg/dL,2\n", 2, "no unit that it leads to"),
    ("test_code,lis_code,unit,lis_unit\nGLU,GLUC,mg/dL,mmol/L\n", 2, "cannot be derived"),
    ("test_code,lis_code,unit,lis_unit,factor\nGLU,G,mg/dL,g/L,10\n", 2, "UCUM says 0.01"),
    ("test_code,lis_code,unit,lis_unit,factor\nGLU,G,mg/dL,mmol/L,0.0555\n", 2, "nobody approved"),
    ("test_code,lis_code,unit,lis_unit\nALT,A,U/L,ukat/L\n", 2, "must be rounded"),
    ("test_code,lis_code,unit,lis_unit,factor\nA,A,g,kg,0\n", 2, "no factor"),
    ("test_code,lis_code,unit,lis_unit,factor\nA,A,g,kg,1/0\n", 2, "no factor"),
    ('test_code,lis_code,unit,lis_unit,factor\nA,A,g,kg,"0,5"\n', 2, "no factor"),
    ("test_code,lis_code,decimals\nGLU,GLUC,1\n", 2, "stand together"),
    ("test_code,lis_code,decimals,rounding\nGLU,GLUC,99,half_up\n", 2, "no number"),
    ("test_code,lis_code\nGLU,GL\x07UC\n", 2, "cannot be printed"),
    ("", 0, "empty"),
    ('test_code,lis_code\nGLU,"GLUC\n', 0, "not CSV"),
    ("test_code,lis_code\nGLU,A\nGLU,B\n", 3, "says something else"),
]


@pytest.mark.parametrize(("text", "line", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_line(text: str, line: int, words: str) -> None:
    """A table with a mistake is refused as a whole, before any result meets it."""
    (fault,) = (one for one in faults_of(text) if not one.is_warning)
    assert (fault.line, words in fault.message) == (line, True), fault


DOUBTS = [
    ("test_code,loinc,loinc_name\nGLU,2345-7,Deprecated Glucose\n", "deprecated"),
    ("test_code,lis_code\n1E+05,GLUC\n", "spreadsheet"),
    ("test_code,module,unit,lis_code\nGLU,M1,,A\nGLU,,mmol/L,B\n", "they are held"),
    ("test_code,lis_code\nGLU,GLUC\nGLU2,GLUC\n", "the same code as the test GLU"),
    ("test_code,specimen_type,lis_code\nGLU,-,GLUC\n", "nobody knows the specimen"),
]


@pytest.mark.parametrize(("text", "words"), DOUBTS)
def test_what_somebody_should_look_at_is_a_warning(text: str, words: str) -> None:
    """It may be meant so."""
    (fault,) = faults_of(text)
    assert fault.is_warning
    assert words in fault.message


def test_rows_of_other_days_units_or_specimens_do_not_claim_one_result() -> None:
    """The usual shapes of a table are no mistakes."""
    text = (
        "test_code,specimen_type,unit,valid_from,valid_until,lis_code\n"
        "GLU,SER,mmol/L,,2030-12-31,A\nGLU,SER,mmol/L,2031-01-01,,B\nGLU,UR,mmol/L,,,C\nGLU,SER,,,,D\n"
    )
    assert faults_of(text) == []


def test_every_column_of_the_reference_belongs_to_a_row() -> None:
    """The list that people read is the list that is read."""
    assert set(COLUMNS) - {"fate"} <= {*CodeRow.__dataclass_fields__}


def test_the_sample_that_comes_along_is_good() -> None:
    """Whoever copies it begins with a table that works."""
    text = (ROOT / "config/codes/chemistry.csv").read_text(encoding="utf-8")
    assert faults_of(text) == []
    assert len(table_of(text).rows) > 5


@given(st.text(max_size=300))
def test_any_text_is_a_table_or_faults(text: str) -> None:
    """A wrong file named in the settings must not stop anything with a trace."""
    table, faults = read_table("test_code,lis_code\n" + text, "any.csv")
    assert table.rows or faults or not text.strip(" \t\r\n,") or "#" in text
