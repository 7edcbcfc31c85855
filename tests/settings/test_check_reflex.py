"""What can be wrong with `[[reflex]]` rules and with the `sample_ids` of a line."""

from __future__ import annotations

from pathlib import Path

from middleware.model.sample_id import CheckDigit
from middleware.settings.check_reflex import reflexes_can_happen
from middleware.settings.code_files import read_code_tables
from middleware.settings.load import load_text
from middleware.settings.parts import Parts, read_parts
from middleware.settings.problems import Weight
from tests.kit.site_settings import GOOD, problems_of

RULE = '\n[[reflex]]\nwhen = { test = "TSH", above = 4.5 }\norder = ["FT4"]\n'
CODES = '\n[codes]\ntable = "a.csv"\n'


def read(folder: Path, text: str, table: str) -> Parts:
    (folder / "a.csv").write_text(table, encoding="utf-8")
    parts = read_parts(load_text(text, folder / "labwire.toml", {}), {})
    assert read_code_tables(parts) == []
    return parts


def test_a_good_rule_is_read(tmp_path: Path) -> None:
    parts = read(tmp_path, GOOD + RULE + CODES, "test_code,lis_code\n1,TSH\n2,FT4\n")
    assert [rule.order for _, rule in parts.reflexes] == [("FT4",)]
    assert list(reflexes_can_happen(parts)) == []


def test_a_test_that_no_table_has_is_told(tmp_path: Path) -> None:
    """Its order would wait for ever."""
    parts = read(tmp_path, GOOD + RULE + CODES, "test_code,lis_code\n1,TSH\n")
    (problem,) = reflexes_can_happen(parts)
    assert '"FT4"' in problem.message
    assert problem.weight is Weight.WARNING


def test_without_tables_any_test_is_possible(tmp_path: Path) -> None:
    parts = read(tmp_path, GOOD + RULE, "")
    assert list(reflexes_can_happen(parts)) == []


def test_a_rule_of_a_line_that_is_not_there_is_a_mistake() -> None:
    (problem,) = problems_of(GOOD + RULE + 'lines = ["chem-7"]\n')
    assert problem.message == 'there is no line "chem-7"'


def test_a_rule_that_does_nothing_is_a_mistake() -> None:
    (problem,) = problems_of(GOOD + RULE.replace('order = ["FT4"]\n', ""))
    assert "say either what to order, or rerun = true" in problem.message


def test_the_ids_of_a_line_are_read_by_its_rules(tmp_path: Path) -> None:
    rule = 'sample_ids = { check_digit = "mod43", strip_check_digit = true, pad_zeros_to = 10 }\n'
    text = GOOD.replace('release = "auto"\n', 'release = "auto"\n' + rule, 1)
    ((_, line), _) = read(tmp_path, text, "").lines
    assert line.sample_ids.check_digit is CheckDigit.MOD43
    assert line.sample_ids.as_ordered("12345ABCDE/T").id == "12345ABCDE/"


def test_a_rerun_that_no_analyzer_is_told_of_is_a_mistake() -> None:
    """Its results would wait for ever."""
    rule = '\n[[reflex]]\nwhen = { test = "GLU", above = 40 }\nrerun = true\n'
    found = problems_of(GOOD + rule)
    assert [one.weight for one in found] == [Weight.WARNING, Weight.WARNING]
    (problem,) = problems_of(GOOD + rule + 'lines = ["chem-1"]\n')
    assert "writes no orders: no rerun" in problem.message
    assert problem.weight is Weight.ERROR
