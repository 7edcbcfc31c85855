"""One judgement: every finding kept, the strictest wins, what is missing holds, and the sentence says why."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from middleware.model import VerdictKind
from middleware.rules.book import compiled
from middleware.rules.criteria import Fate, Index
from middleware.rules.evaluate import evaluate
from middleware.rules.facts import COMPARATORS, Facts, Neighbour, Released, Source, Status
from middleware.rules.oracle import Mark, expect
from middleware.rules.rule_set import RulesWrong
from middleware.rules.scope import Sex
from tests.kit.rule_facts import POTASSIUM, before, book_of, clean, fate, found, names, potassium
from tests.kit.rule_laboratory import laboratory, rules_of

BANDS = (
    POTASSIUM + '[[rule]]\nid = "adults"\ntest = "K"\ncritical = { low = 2.5, high = 6.2 }\n'
    '[[rule]]\nid = "babies"\ntest = "K"\nage = { below = "28 d" }\ncritical = { low = 2.5, high = 7.0 }\n'
    '[[rule]]\nid = "icu"\ntest = "K"\nlocations = ["ICU"]\nlines = ["chem-1"]\noff = ["critical"]\nqc = {}\n'
)


def test_the_sentence_names_value_limit_scope_and_place() -> None:
    """What a technologist reads of a held result."""
    (finding,) = evaluate(book_of(BANDS), clean("7.1", age_days=3)).findings
    assert finding.text == (
        "K 7.1 mmol/L is above 7.0, the critical limit for younger than 28 d (rules.toml:13)."
    )
    assert (finding.rule, finding.place) == ("babies", "rules.toml:13")
    assert finding.as_finding().verdict is VerdictKind.HOLD


def test_every_finding_is_kept_and_the_strictest_wins() -> None:
    """A person sees all reasons at once."""
    book = potassium(
        "absurd = { high = 12 }\nreview = { high = 5 }\nqc = {}\nflags = { rerun = ['CLOT'] }"
    )
    judgement = evaluate(book, clean("13.0", flags=("CLOT",), statuses={}))
    assert names(judgement) == ["flags/rerun", "qc/unknown", "absurd/high", "review/high"]
    assert judgement.fate is Fate.BLOCK


def test_no_rules_never_means_release() -> None:
    """A test without a rule, or that nobody declared, waits for a person (DESIGN 1.1)."""
    assert found(book_of(POTASSIUM), clean()) == ["rule/no_rule"]
    assert found(book_of(POTASSIUM), clean(test="X")) == ["rule/unknown_test"]
    only_women = potassium('sex = "female"\nreview = { high = 9 }')
    assert fate(only_women, clean()) is Fate.RELEASE
    assert found(only_women, clean(sex=Sex.MALE)) == ["rule/no_rule"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"age_days": None}, ["critical/age_unknown"]),
        ({"location": None}, ["qc/location_unknown", "critical/location_unknown"]),
        ({"location": "ICU", "age_days": None}, []),
        ({"sex": None}, []),
    ],
)
def test_what_is_not_known_holds_only_where_a_rule_depends_on_it(
    changes: dict[str, object], expected: list[str]
) -> None:
    """At the ICU no rule asks for the age."""
    assert found(book_of(BANDS), clean(**changes)) == expected


@pytest.mark.parametrize(("age", "code"), [(0, ""), (27, ""), (28, "high"), (None, "age_unknown")])
def test_the_edge_of_a_band_is_exact(age: int | None, code: str) -> None:
    """6.5 is critical for adults and not for babies."""
    expected = [f"critical/{code}"] if code else []
    assert found(book_of(BANDS), clean("6.5", age_days=age)) == expected


def test_a_criterion_that_is_put_off_finds_nothing_there() -> None:
    """The other criteria of the rule still count, and on another line nothing is put off."""
    book = book_of(BANDS)
    assert found(book, clean("9.9", location="ICU")) == []
    assert found(book, clean("9.9", location="ICU", statuses={})) == ["qc/unknown"]
    assert found(book, clean("9.9", location="ICU", line="chem-2")) == ["critical/high"]


def test_rules_with_a_mistake_are_not_compiled() -> None:
    """`check` names it; here it stops."""
    with pytest.raises(RulesWrong, match="same kind of quantity"):
        compiled(rules_of(POTASSIUM + '[[rule]]\ntest = "K"\nunit = "s"\nreview = { high = 5 }\n'))
    with pytest.raises(RulesWrong, match="not declared"):
        compiled(rules_of('[[rule]]\ntest = "K"\nqc = {}\n'))


@pytest.mark.parametrize(
    "value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999", "1E-999999"]
)
def test_numbers_that_are_none_hold_and_break_nothing(value: str) -> None:
    """What an analyzer can send, the evaluator survives."""
    book = compiled(rules_of(laboratory(8)))
    facts = replace(clean(), test="T0", value=Decimal(value), previous=before(value))
    judgement = evaluate(book, facts)
    assert judgement.fate is not Fate.RELEASE
    assert "form/no_value" in names(judgement)


def test_a_long_text_makes_no_long_sentence() -> None:
    """A megabyte in a result field stays out of the findings."""
    book = potassium("review = { high = 5 }")
    flags = ("F" * 10**6,)
    facts = clean(value="9." + "9" * 10**5, text="T" * 10**6, unit="U" * 10**6, flags=flags)
    assert all(len(finding.text) < 500 for finding in evaluate(book, facts).findings)


def _random_facts(chance: random.Random, tests: list[str]) -> Facts:
    def number() -> Decimal | None:
        return chance.choice([None, Decimal(chance.randint(-50, 1400)) / 10, Decimal(0)])

    def previous():  # type: ignore[no-untyped-def]
        one = before("0", 3600 * chance.randint(-2, 100), chance.choice(["mmol/L", "g"]))
        return chance.choice([None, replace(one, value=number())])

    return Facts(
        chance.choice(tests),
        chance.choice(["", "chem-1", "chem-3"]),
        number(),
        chance.choice(["", "", *COMPARATORS, "~"]),
        chance.choice(["", "POS"]),
        chance.choice(["mmol/L", "mmol/l", "", "g/L"]),
        tuple(chance.sample(["N", "CLOT", "ERR", "Z"], chance.randint(0, 3))),
        {index: Decimal(chance.randint(0, 400)) for index in Index if chance.random() < 0.8},
        chance.choice([None, 0, 27, 28, 6574, 6575, 30000]),
        chance.choice([None, *Sex]),
        chance.choice([None, "", "ICU", "x"]),
        chance.choice([None, "serum", "plasma", "x"]),
        chance.choice([None, 1_700_000_000]),
        previous(),
        {test: Neighbour(number(), "mmol/L") for test in tests if chance.random() < 0.5},
        chance.choice([None, frozenset(test for test in tests if chance.random() < 0.3)]),
        chance.choice([None, True, False]),
        chance.choice([None, Released(number(), chance.choice(["", "POS"]))]),
        {source: chance.choice(list(Status)) for source in Source if chance.random() < 0.8},
        chance.choice([None, Decimal(5), Decimal(0), Decimal(-1)]),
        chance.randint(1, 3),
    )


RELATED = (
    '[[consistency]]\nid = "r"\nkind = "ratio"\ntests = ["T0", "T1"]\nlow = 0.5\nhigh = 2\n'
    '[[panel]]\nid = "p"\ntests = ["T0", "T1"]\nwhole = "all"\n'
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_evaluator_and_the_oracle_never_differ(seed: int) -> None:
    """Two readings of the same rules, written apart, over facts that nobody thought of."""
    chance = random.Random(seed)
    rule_set = rules_of(laboratory(16) + "\n" + RELATED)
    book = compiled(rule_set)
    for _ in range(1500):
        facts = _random_facts(chance, ["T0", "T1", "X"])
        judgement, expected = evaluate(book, facts), expect(rule_set, facts)
        got = {
            Mark(one.criterion, one.code, one.rule, one.fate, one.errand)
            for one in judgement.findings
        }
        assert (judgement.fate, got) == (expected.fate, expected.marks), facts
