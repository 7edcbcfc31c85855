"""The laboratory's own cases: read with their places, judged, and shown side by side."""

from __future__ import annotations

import pytest

from middleware.rules.book import RuleBook
from middleware.rules.evaluate import Judgement, evaluate
from middleware.rules.facts import Facts
from middleware.rules.own_cases import facts_of, read_cases, run_cases
from middleware.rules.proof import CaseRow
from tests.kit.rule_facts import potassium
from tests.kit.rule_laboratory import rule_text

BOOK = potassium(
    "critical = { low = 2.5, high = 6.2 }\nqc = {}\n"
    'delta = [{ method = "absolute", limit = 1.0, within = "3 d" }]'
)
CASE = (
    '[[case]]\nname = "{0}"\ntest = "K"\nvalue = {1}\nunit = "mmol/L"\n'
    'statuses = {{ qc = "good" }}\nexpect = "{2}"\n'
)


def rows(text: str, book: RuleBook = BOOK) -> list[CaseRow]:
    cases, problems = read_cases(rule_text(text, "cases.toml"))
    assert problems == []

    def judge(facts: Facts) -> Judgement:
        return evaluate(book, facts)

    return run_cases(cases, judge, lambda _test: "mmol/L")


def test_a_case_passes_when_its_fate_comes_out() -> None:
    """The name and the place of the case are told."""
    good, bad = rows(
        CASE.format("normal", "4.2", "release") + CASE.format("high", "6.3", "release")
    )
    assert (good.name, good.is_good) == ("normal (cases.toml:1)", True)
    assert (bad.is_good, bad.expected, bad.got) == (False, "release", "hold: critical/high")


def test_a_case_may_name_its_findings() -> None:
    """Nothing more and nothing less may be found."""
    text = CASE.format("jump", "6.3", "hold") + 'previous = { value = 4.2, ago = "1 d" }\n'
    (row,) = rows(text + 'findings = ["critical/high", "delta/absolute"]\n')
    assert row.is_good
    (row,) = rows(text + 'findings = ["critical/high"]\n')
    assert not row.is_good


def test_what_a_case_does_not_say_is_not_known() -> None:
    """Without a status of quality control it is held."""
    (row,) = rows(
        '[[case]]\nname = "bare"\ntest = "K"\nvalue = 4.2\nunit = "mmol/L"\nexpect = "release"\n'
    )
    assert row.got == "hold: qc/unknown"


def test_a_case_can_say_everything_that_checks_look_at() -> None:
    """Each key arrives in the facts."""
    text = CASE.format("all", "4.2", "hold") + (
        'line = "chem-1"\ncomparator = "<"\nflags = ["N"]\nage = "3 d"\nsex = "female"\n'
        'location = "ICU"\nspecimen = "serum"\nothers = { NA = 140 }\nawaited = ["CL"]\n'
        "was_positive = true\nreleased = 4.1\ndilution = 5\nrun = 2\nindices = { icterus = 3 }\n"
    )
    (case,), _problems = read_cases(rule_text(text))
    facts = facts_of(case.what, lambda _test: "mmol/L")
    untouched = {"text", "previous", "collected_at"}
    blank = Facts("K")
    same = {
        name
        for name in Facts.__slots__
        if getattr(facts, name) == getattr(blank, name) and name not in untouched
    }
    assert same == {"test"}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("[[case]]\nname = 'x'\n", "cases.toml:1", "test"),
        (CASE.format("x", "4.2", "releese"), "cases.toml:7", "expect"),
        (CASE.format("x", "'4.2'", "hold"), "cases.toml:4", "quotation"),
        (
            CASE.format("x", "4.2", "hold") + "findings = ['critcal/high']",
            "cases.toml:8",
            "criterion",
        ),
        (CASE.format("x", "4.2", "hold") + "comparator = '~'", "cases.toml:8", "write <"),
        ("[cases]\n", "cases.toml:1", "unknown table"),
        ("[[case", "cases.toml", "not TOML"),
        ("[case]\nname = 'x'", "cases.toml", "list"),
    ],
)
def test_a_mistake_in_a_case_is_told_with_its_place(text: str, place: str, words: str) -> None:
    """A case that cannot be read never counts as passed."""
    cases, problems = read_cases(rule_text(text, "cases.toml"))
    assert cases == []
    assert problems[0].place == place
    assert words in problems[0].message
