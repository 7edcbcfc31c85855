"""From TOML to a rule set: includes, overrides, and mistakes told with file and line."""

from __future__ import annotations

import pytest

from middleware.rules.book import compiled
from middleware.rules.problems import Code
from middleware.rules.read import FILES_MOST, TEXT_MOST, RuleText, read
from tests.kit.rule_facts import POTASSIUM, clean, found
from tests.kit.rule_laboratory import rule_text, rules_of


def read_files(**files: str):  # type: ignore[no-untyped-def]
    """Read `main` with the others beside it."""
    texts = {f"{name}.toml": rule_text(text, f"{name}.toml") for name, text in files.items()}
    return read(texts["main.toml"], lambda _from, name: texts.get(name))


BASE = POTASSIUM + '[[rule]]\nid = "k"\ntest = "K"\nreview = { low = 3.0, high = 5.0 }\n'


def test_a_rule_with_the_id_of_an_included_one_replaces_it() -> None:
    """A site takes a common set and changes one rule of it."""
    main = (
        '[rules]\nname = "site"\ninclude = ["base.toml"]\n'
        '[[rule]]\nid = "k"\ntest = "K"\nreview = { low = 3.0, high = 6.0 }\n'
    )
    rule_set, problems = read_files(main=main, base=BASE)
    assert problems == []
    assert [rule.at() for rule in rule_set.rules] == ["main.toml:4"]
    assert rule_set.files == ("base.toml", "main.toml")
    assert found(compiled(rule_set), clean("5.5")) == []


def test_of_two_equal_scopes_the_including_file_goes_first() -> None:
    """What stands nearer to the site is stronger."""
    main = '[rules]\ninclude = ["base.toml"]\n[[rule]]\ntest = "K"\nreview = { high = 6.0 }\n'
    rule_set, _problems = read_files(main=main, base=BASE)
    assert found(compiled(rule_set), clean("5.5")) == []


def test_files_that_include_each_other_are_read_once() -> None:
    """A circle is no mistake and no endless work."""
    rule_set, problems = read_files(
        main='[rules]\ninclude = ["base.toml"]\n', base='[rules]\ninclude = ["main.toml"]\n' + BASE
    )
    assert (problems, len(rule_set.rules)) == ([], 1)


def test_a_chain_of_includes_has_an_end() -> None:
    """Files that a machine made without end are refused."""

    def more(_from: str, name: str) -> RuleText:
        number = int(name) + 1
        return rule_text(f'[rules]\ninclude = ["{number}"]\n', name)

    _rule_set, problems = read(more("", "0"), more)
    assert [problem.code for problem in problems] == [Code.INCLUDE_MISSING]
    assert problems[0].place.startswith(f"{FILES_MOST - 1}:")


WRONG = [
    ("[rules]\ninclude = ['gone.toml']", Code.INCLUDE_MISSING, "rules.toml:2", "gone.toml"),
    ("a = ", Code.NOT_TOML, "rules.toml", "not TOML"),
    ("a = " + "[" * 5000, Code.NOT_TOML, "rules.toml", "not TOML"),
    (f"a = {'9' * 5000}", Code.NOT_TOML, "rules.toml", "not TOML"),
    ("[rule]\ntest = 'K'", Code.NOT_UNDERSTOOD, "rules.toml:1", ""),
    ("[rules_]\n", Code.NOT_UNDERSTOOD, "rules.toml:1", "unknown table"),
    ("\n[[rule]]\ntest = 'K'\nreveiw = {}", Code.NOT_UNDERSTOOD, "rules.toml:4", "reveiw"),
    (
        "[[rule]]\ntest = 'K'\nreview = { high = '5' }",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "without quotation",
    ),
    (
        "[[rule]]\ntest = 'K'\nreview = { high = true }",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "number",
    ),
    (
        "[[rule]]\ntest = 'K'\nreview = { high = nan }",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "number",
    ),
    (
        "[[rule]]\ntest = 'K'\nreview = { high = 1e99 }",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "too large",
    ),
    (
        "[[rule]]\ntest = 'K'\nage = { from = 18 }",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "write an age",
    ),
    ("[[rule]]\ntest = 'K'\nsex = 'woman'", Code.NOT_UNDERSTOOD, "rules.toml:3", "sex"),
    (
        "[[rule]]\ntest = 'K'\noff = ['form']",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "cannot be put off",
    ),
    (
        "[[rule]]\ntest = 'K'\ndelta = [{ method = 'rcv', limit = 3, within = '1 d' }]",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "cv_a",
    ),
    (
        "[[rule]]\ntest = 'K'\ndelta = [{ method = 'percent', limit = 3, z = 2, within = '1 d' }]",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "no cv_a",
    ),
    (
        "[[rule]]\ntest = 'K'\nindices = { icterus = { above = 1, then = 'release' } }",
        Code.NOT_UNDERSTOOD,
        "rules.toml:3",
        "hold, rerun or block",
    ),
    (
        "[[rule]]\nid = 'k'\ntest = 'K'\n[[rule]]\nid = 'k'\ntest = 'K'",
        Code.NAME_TWICE,
        "rules.toml:5",
        "stands twice",
    ),
    (
        "[[consistency]]\nid = 'x'\nkind = 'ratio'\ntests = ['A', 'B', 'C']",
        Code.NOT_UNDERSTOOD,
        "rules.toml:1",
        "two tests",
    ),
]


@pytest.mark.parametrize(("text", "code", "place", "words"), WRONG)
def test_a_mistake_is_told_with_its_place(text: str, code: Code, place: str, words: str) -> None:
    """A person finds the line without searching."""
    _rule_set, problems = read(rule_text(text), lambda _from, _name: None)
    assert (problems[0].code, problems[0].place) == (code, place)
    assert words in problems[0].message


def test_too_many_rules_of_one_test_are_refused() -> None:
    """The bound is a number, not a slow machine."""
    rules = '[[rule]]\ntest = "K"\nqc = {}\n' * 101
    _rule_set, problems = read(rule_text(POTASSIUM + rules), lambda _from, _name: None)
    assert [problem.code for problem in problems] == [Code.TOO_MANY]


def test_the_digest_tells_every_change() -> None:
    """Another limit, another name of a file, another order: another set."""
    digests = {
        rules_of(BASE).digest,
        rules_of(BASE.replace("5.0", "5.1")).digest,
        read(rule_text(BASE, "other.toml"), lambda _from, _name: None)[0].digest,
    }
    assert len(digests) == 3
    assert rules_of(BASE).digest in digests


def test_a_file_without_end_is_refused_before_it_is_read() -> None:
    """Neither its tables nor their places are looked at."""
    _rule_set, problems = read(rule_text("#" * (TEXT_MOST + 1)), lambda _from, _name: None)
    assert [problem.code for problem in problems] == [Code.TOO_MANY]


def test_the_same_name_may_mean_another_file_in_another_folder() -> None:
    """Who includes is told, so `limits.toml` is the one beside it."""
    texts = {
        ("main", "a/set"): '[rules]\ninclude = ["limits"]\n',
        ("main", "b/set"): '[rules]\ninclude = ["limits"]\n',
        ("a/set", "limits"): POTASSIUM,
        ("b/set", "limits"): '[[rule]]\ntest = "K"\nqc = {}\n',
    }

    def included(includer: str, name: str) -> RuleText:
        folder = includer.split("/", maxsplit=1)[0] + "/" if "/" in includer else ""
        return rule_text(texts[includer, name], folder + name)

    rule_set, problems = read(
        rule_text('[rules]\ninclude = ["a/set", "b/set"]\n', "main"), included
    )
    assert problems == []
    assert rule_set.files == ("a/limits", "a/set", "b/limits", "b/set", "main")
    assert (len(rule_set.tests), len(rule_set.rules)) == (1, 1)
