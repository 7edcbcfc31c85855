"""Absurd, critical and review limits and the measuring interval, on both sides of each number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.rules.criteria import Fate
from middleware.rules.evaluate import evaluate
from middleware.rules.findings import Task
from tests.kit.rule_facts import clean, fate, found, potassium

LIMITS = "= { low = 2.5, high = 6.2 }"


@pytest.mark.parametrize("criterion", ["absurd", "critical", "review"])
@pytest.mark.parametrize(
    ("value", "code"),
    [("2.4", "low"), ("2.5", ""), ("2.6", ""), ("6.1", ""), ("6.2", ""), ("6.3", "high")],
)
def test_the_limits_belong_to_the_inside(criterion: str, value: str, code: str) -> None:
    """`low <= x <= high` is inside, for every kind of limit."""
    book = potassium(f"{criterion} {LIMITS}")
    assert found(book, clean(value)) == ([f"{criterion}/{code}"] if code else [])


@pytest.mark.parametrize(
    ("criterion", "expected", "task"),
    [
        ("absurd", Fate.BLOCK, Task.NONE),
        ("critical", Fate.HOLD, Task.CALL),
        ("review", Fate.HOLD, Task.NONE),
    ],
)
def test_each_kind_of_limit_has_its_own_fate(criterion: str, expected: Fate, task: Task) -> None:
    """An impossible value is blocked, a critical one is called."""
    judgement = evaluate(potassium(f"{criterion} {LIMITS}"), clean("9.9"))
    assert (judgement.fate, judgement.findings[0].task) == (expected, task)


@pytest.mark.parametrize(
    ("comparator", "value", "code"),
    [
        ("<", "2.5", "low"),
        ("<=", "2.5", "undecided"),
        ("<=", "2.4", "low"),
        ("<", "4.0", "undecided"),
        (">", "6.2", "high"),
        (">=", "6.2", "undecided"),
        (">=", "6.3", "high"),
        (">", "4.0", "undecided"),
    ],
)
def test_a_comparator_that_leaves_a_doubt_is_held(comparator: str, value: str, code: str) -> None:
    """`<4` may be 2: nobody knows, so a person looks. `<2.5` is certainly below 2.5."""
    facts = clean(value, comparator=comparator)
    assert found(potassium(f"review {LIMITS}"), facts) == [f"review/{code}"]


@pytest.mark.parametrize(
    ("limits", "comparator", "value", "names"),
    [
        ("high = 6.2", "<", "4.0", []),
        ("high = 6.2", "<", "6.2", []),
        ("high = 6.2", "<", "8.0", ["review/undecided"]),
        ("low = 2.5", ">", "4.0", []),
        ("low = 2.5", ">", "2.0", ["review/undecided"]),
        ("low = 2.5, high = 6.2, censored = 'bound'", "<", "4.0", []),
        ("low = 2.5, high = 6.2, censored = 'bound'", "<", "2.4", ["review/low"]),
    ],
)
def test_a_comparator_passes_where_no_doubt_is_left(
    limits: str, comparator: str, value: str, names: list[str]
) -> None:
    """A troponin `<3` under a limit of 14 needs nobody; nor does one that the rule compares as its bound."""
    book = potassium(f"review = {{ {limits} }}")
    assert found(book, clean(value, comparator=comparator)) == names


def test_limits_in_another_unit_are_converted_exactly() -> None:
    """A rule written in umol/L is the same rule."""
    book = potassium('unit = "umol/L"\nreview = { low = 2500, high = 6200 }')
    assert found(book, clean("6.2")) == []
    assert found(book, clean("6.3")) == ["review/high"]


MEASURING = 'measuring = { low = 1.5, high = 10, above = "rerun", dilution = 5 }'


def test_a_result_above_the_measuring_interval_is_diluted_once() -> None:
    """The first time it is measured again with the factor, the second time a person decides."""
    book = potassium(MEASURING)
    first = evaluate(book, clean("10.1"))
    assert (first.fate, first.findings[0].task) == (Fate.RERUN, Task.DILUTE)
    assert first.findings[0].dilution == Decimal(5)
    assert fate(book, clean("10.1", run=2)) is Fate.HOLD
    assert fate(book, clean("10.0")) is Fate.RELEASE


@pytest.mark.parametrize(
    ("settings", "value", "task"),
    [
        ('low = 1.5, below = "rerun", high = 10, above = "rerun", dilution = 5', "1.4", Task.RERUN),
        (
            'low = 1.5, below = "rerun", high = 10, above = "rerun", dilution = 5',
            "10.1",
            Task.DILUTE,
        ),
        ('high = 10, above = "rerun"', "10.1", Task.RERUN),
    ],
)
def test_only_a_high_result_with_a_declared_factor_is_diluted(
    settings: str, value: str, task: Task
) -> None:
    """A low one is measured again as it is; without a factor the analyzer's own repeat is asked for."""
    (finding,) = evaluate(potassium(f"measuring = {{ {settings} }}"), clean(value)).findings
    assert (finding.fate, finding.task) == (Fate.RERUN, task)
    assert (finding.dilution is not None) == (task is Task.DILUTE)


def test_a_diluted_run_has_the_diluted_interval() -> None:
    """Five times diluted the method measures from 7.5 to 50."""
    book = potassium(MEASURING)
    values = {"7.4": "low", "7.5": "", "50.0": "", "50.1": "high"}
    for value, code in values.items():
        facts = clean(value, dilution=Decimal(5), run=2)
        assert found(book, facts) == ([f"measuring/{code}"] if code else []), value


@pytest.mark.parametrize("dilution", ["0", "-1", "NaN", "1E+99"])
def test_a_dilution_that_is_none_holds(dilution: str) -> None:
    """Nothing is multiplied with it."""
    facts = clean(dilution=Decimal(dilution))
    assert found(potassium(MEASURING), facts) == ["measuring/dilution_unknown"]


@pytest.mark.parametrize(
    ("comparator", "value", "names"),
    [
        ("<", "1.5", []),
        ("", "1.4", ["measuring/low"]),
        ("<", "1.4", ["measuring/low"]),
        ("<", "4.0", ["measuring/low"]),
        (">", "10.0", []),
        (">", "9.0", ["measuring/high"]),
        ("", "10.1", ["measuring/high"]),
    ],
)
def test_report_lets_by_only_what_names_the_end_of_the_interval(
    comparator: str, value: str, names: list[str]
) -> None:
    """`<1.5` says what the method can say; a plain 1.4 is a number that it cannot measure."""
    ends = 'measuring = { low = 1.5, high = 10, below = "report", above = "report" }'
    assert found(potassium(ends), clean(value, comparator=comparator)) == names


@pytest.mark.parametrize(
    ("comparator", "value", "words"),
    [
        ("", "1.4", "K 1.4 mmol/L is below 1.5"),
        ("<", "1.5", "K <1.5 mmol/L is below 1.5"),
        ("<", "4.0", "K <4.0 mmol/L may be below 1.5"),
        ("", "10.1", "K 10.1 mmol/L is above 10"),
        (">", "10.0", "K >10.0 mmol/L is above 10"),
        (">", "9.0", "K >9.0 mmol/L may be above 10"),
    ],
)
def test_the_sentence_says_whether_it_is_certain(comparator: str, value: str, words: str) -> None:
    """`<4` may be below the interval; nobody knows."""
    book = potassium("measuring = { low = 1.5, high = 10 }")
    (finding,) = evaluate(book, clean(value, comparator=comparator)).findings
    assert finding.text.startswith(words)
