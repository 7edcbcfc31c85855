"""The tables of test codes that settings name: found, read, and part of the setup in force."""

from __future__ import annotations

from pathlib import Path

from middleware.routing.codes import UnmappedRule
from middleware.settings.code_files import read_code_tables, with_tables
from middleware.settings.load import load_text
from middleware.settings.parts import Parts, read_parts
from middleware.settings.problems import Problem, Weight
from tests.kit.site_settings import GOOD

ANCHOR = 'release = "auto"\n'
TABLE = "test_code,lis_code\nGLU,GLUC\n"


def read(folder: Path, text: str, **tables: str) -> tuple[Parts, list[Problem]]:
    """Settings in a folder with tables beside them."""
    for name, content in tables.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    parts = read_parts(load_text(text, folder / "labwire.toml", {}), {})
    return parts, read_code_tables(parts)


def line_with(words: str) -> str:
    return GOOD.replace(ANCHOR, ANCHOR + words + "\n", 1)


def test_a_table_of_the_site_is_for_every_line_without_its_own(tmp_path: Path) -> None:
    """And each line's days are those of its own zone."""
    text = line_with('codes = "b.csv"') + '\n[codes]\ntable = "a.csv"\n'
    parts, problems = read(tmp_path, text, a=TABLE, b=TABLE)
    assert problems == []
    tables = {line: one.table.name for line, one in parts.line_codes.items()}
    assert tables == {"chem-1": "b.csv", "haem-1": "a.csv"}
    assert parts.line_codes["haem-1"].scope.time_zone == "UTC"
    assert parts.line_codes["chem-1"].scope.time_zone == "Europe/Berlin"
    assert parts.line_codes["chem-1"].unmapped is UnmappedRule.HOLD


def test_without_a_table_there_is_nothing_to_map(tmp_path: Path) -> None:
    """Codes go to the LIS as analyzers send them."""
    parts, problems = read(tmp_path, GOOD)
    assert (parts.line_codes, problems) == ({}, [])


def test_a_line_may_pass_on_what_has_no_row(tmp_path: Path) -> None:
    """Its own word goes before the site's."""
    text = line_with('unmapped_codes = "pass"') + '\n[codes]\ntable = "a.csv"\n'
    parts, _ = read(tmp_path, text, a=TABLE)
    assert parts.line_codes["chem-1"].unmapped is UnmappedRule.PASS_ON
    assert parts.line_codes["haem-1"].unmapped is UnmappedRule.HOLD


def test_a_rule_without_a_table_is_a_mistake(tmp_path: Path) -> None:
    """Whoever wrote it thinks that something is held."""
    _, (problem,) = read(tmp_path, line_with('unmapped_codes = "hold"'))
    assert "no table of codes" in problem.message


def test_a_missing_table_is_told_where_it_is_named(tmp_path: Path) -> None:
    """The line of the settings, not of a file that is not there."""
    _, (problem,) = read(tmp_path, line_with('codes = "none.csv"'))
    assert (problem.key, "cannot be read" in problem.message) == ("line.codes", True)


def test_a_table_in_another_encoding_is_told(tmp_path: Path) -> None:
    """As spreadsheets save it by default."""
    (tmp_path / "a.csv").write_bytes(b"test_code,lis_name\nGLU,Z\xfccker\n")
    _, (problem,) = read(tmp_path, line_with('codes = "a.csv"'))
    assert "UTF-8" in problem.message


def test_a_mistake_of_a_table_is_told_once_with_its_line(tmp_path: Path) -> None:
    """Also where two lines use the table."""
    _, (problem,) = read(tmp_path, GOOD + '\n[codes]\ntable = "a.csv"\n', a="test_code\nGLU\n")
    assert (problem.file.name, problem.line, problem.weight) == ("a.csv", 2, Weight.ERROR)


def test_a_row_for_a_line_that_does_not_exist_is_a_warning(tmp_path: Path) -> None:
    """It never counts, and nobody would notice."""
    table = "test_code,line,driver,lis_code\nGLU,chem-9,,A\nNA,,plane,B\n"
    _, problems = read(tmp_path, line_with('codes = "a.csv"'), a=table)
    assert [(one.line, one.weight) for one in problems] == [
        (2, Weight.WARNING),
        (3, Weight.WARNING),
    ]
    assert "chem-1" in problems[0].suggestion


def test_another_table_is_another_setup_and_stays_known(tmp_path: Path) -> None:
    """The generation changes with the table, and what it said is kept with the settings."""
    parts, _ = read(tmp_path, line_with('codes = "a.csv"'), a=TABLE)
    text, sha256 = with_tables(parts.loaded, parts.line_codes)
    assert "#| GLU,GLUC" in text
    other, _ = read(tmp_path, line_with('codes = "a.csv"'), a=TABLE.replace("GLUC", "GLUX"))
    assert with_tables(other.loaded, other.line_codes)[1] != sha256
    assert load_text(text, parts.loaded.path, {}).tables == parts.loaded.tables
    assert with_tables(parts.loaded, {}) == (parts.loaded.text, parts.loaded.sha256)


PANEL = '[codes.panels]\nBMP = ["GLUC", "POT"]\n'


def test_a_panel_of_a_test_that_no_table_has_is_told(tmp_path: Path) -> None:
    """The whole panel would be refused when it is ordered."""
    _, (problem,) = read(tmp_path, f'{GOOD}\n[codes]\ntable = "a.csv"\n{PANEL}', a=TABLE)
    assert problem.message == 'the panel "BMP" names the test "POT", which no table of codes has'
    assert problem.weight is Weight.WARNING


def test_a_line_without_a_table_may_do_any_test_of_a_panel(tmp_path: Path) -> None:
    text = line_with('codes = "a.csv"') + f"\n{PANEL}"
    assert read(tmp_path, text, a=TABLE)[1] == []
