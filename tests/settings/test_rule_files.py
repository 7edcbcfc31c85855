"""The files of rules that `[rules]` names: found, read, compiled, and part of the setup in force."""

from __future__ import annotations

from pathlib import Path

from middleware.settings.load import load_text
from middleware.settings.parts import Parts, read_parts
from middleware.settings.problems import Problem, Weight
from middleware.settings.rule_files import read_rules, with_rules
from tests.kit.site_settings import GOOD

TEST = '[test.K]\nunit = "mmol/L"\ndecimals = 1\n'
RULE = '[[rule]]\nid = "k"\ntest = "K"\nreview = { low = 3.0, high = 5.8 }\n'
NAMED = GOOD + '\n[rules]\nfile = "rules.toml"\n'


def read(folder: Path, text: str = NAMED, **files: str) -> tuple[Parts, list[Problem]]:
    """Settings in a folder with files of rules beside them."""
    for name, content in files.items():
        (folder / f"{name}.toml").write_text(content, encoding="utf-8")
    parts = read_parts(load_text(text, folder / "labwire.toml", {}), {})
    return parts, read_rules(parts)


def errors(problems: list[Problem]) -> list[Problem]:
    return [one for one in problems if one.weight is Weight.ERROR]


def test_rules_are_read_with_what_they_include(tmp_path: Path) -> None:
    """And compiled once for the setup."""
    head = '[rules]\ninclude = ["common.toml"]\n'
    parts, problems = read(tmp_path, rules=head + RULE, common=TEST)
    assert errors(problems) == []
    assert parts.rules is not None
    assert parts.rules.book.plan("K", "chem-1") is not None
    assert set(parts.rules.texts) == {"rules.toml", "common.toml"}


def test_without_the_table_there_are_no_rules(tmp_path: Path) -> None:
    parts, problems = read(tmp_path, GOOD)
    assert (parts.rules, parts.candidate, problems) == (None, None, [])


def test_a_mistake_in_a_rule_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    """As every other mistake of the settings."""
    parts, problems = read(tmp_path, rules=TEST + RULE.replace("3.0", "6.0"))
    (first, *_) = errors(problems)
    assert (first.file, first.line, first.key) == (tmp_path / "rules.toml", 7, "swapped_limits")
    assert parts.rules is None


def test_a_rule_for_a_line_that_does_not_exist_is_told(tmp_path: Path) -> None:
    """It would never count."""
    _, problems = read(tmp_path, rules=TEST + RULE + 'lines = ["chem-9"]\n')
    assert "chem-9" in errors(problems)[0].message


def test_a_missing_file_is_told_where_it_is_named(tmp_path: Path) -> None:
    _, (problem,) = read(tmp_path)
    assert (problem.key, "cannot be read" in problem.message) == ("rules.file", True)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_bytes(b'[test."\xfc"]\n')
    _, (problem,) = read(tmp_path)
    assert "not UTF-8" in problem.message


def test_a_missing_include_is_told_in_the_file_that_names_it(tmp_path: Path) -> None:
    _, problems = read(tmp_path, rules='[rules]\ninclude = ["none.toml"]\n' + TEST + RULE)
    assert [(one.file.name, one.line, one.key) for one in errors(problems)] == [
        ("rules.toml", 2, "include_missing")
    ]


def test_a_candidate_without_rules_in_force_is_a_mistake(tmp_path: Path) -> None:
    """It is tried beside something."""
    text = GOOD + '\n[rules]\ncandidate = "rules.toml"\n'
    _, problems = read(tmp_path, text, rules=TEST + RULE)
    assert [one.key for one in errors(problems)] == ["rules.candidate"]


def test_other_rules_are_another_setup_and_stay_known(tmp_path: Path) -> None:
    """The generation changes with them, and what they said is kept with the settings."""
    parts, _ = read(tmp_path, rules=TEST + RULE)
    base = (parts.loaded.text, parts.loaded.sha256)
    text, sha256 = with_rules(base, parts)
    assert "#| decimals = 1" in text
    other, _ = read(tmp_path, rules=TEST + RULE.replace("5.8", "5.9"))
    assert with_rules(base, other)[1] != sha256
    assert load_text(text, parts.loaded.path, {}).tables == parts.loaded.tables
    bare, _ = read(tmp_path, GOOD)
    assert with_rules(base, bare) == base


def test_serum_indices_are_named_in_the_settings(tmp_path: Path) -> None:
    text = NAMED + 'indices = { haemolysis = ["H", "HEM"] }\n'
    parts, _ = read(tmp_path, text, rules=TEST + RULE)
    assert parts.rules is not None
    assert {code: one.value for code, one in parts.rules.indices.items()} == {
        "H": "haemolysis",
        "HEM": "haemolysis",
    }
