"""The generated proof: cases for every boundary, outcomes from the written rules, and mutants that are noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from middleware.rules.book import Slot, candidates_of, compiled
from middleware.rules.cases import CasesOfTest, cases_of
from middleware.rules.criteria import STRICTNESS, Criterion, Fate
from middleware.rules.evaluate import Judgement, evaluate
from middleware.rules.facts import Facts
from middleware.rules.mutants import is_noticed, mutants_of
from middleware.rules.proof import merged, passed_book, prove
from middleware.rules.variants import Kind
from tests.kit.rule_facts import POTASSIUM
from tests.kit.rule_laboratory import laboratory, rules_of

BANDS = (
    POTASSIUM + '[[rule]]\nid = "k"\ntest = "K"\nreview = { low = 3.0, high = 5.8 }\n'
    'flags = { ignore = ["N"], block = ["ERR"] }\nqc = {}\n'
    '[[rule]]\nid = "babies"\ntest = "K"\nage = { below = "28 d" }\nreview = { low = 3.0, high = 6.5 }\n'
)
EVERYTHING = (
    POTASSIUM.replace(
        "decimals = 1", 'decimals = 1\nwords = ["HAEM"]\nspecimens = ["serum", "plasma"]'
    )
    + '[test.NA]\nunit = "mmol/L"\ndecimals = 0\n'
    '[[rule]]\nid = "na"\ntest = "NA"\nreview = { low = 130, high = 150 }\n'
    '[[rule]]\nid = "k"\ntest = "K"\nunit = "umol/L"\n'
    'measuring = { low = 1500, high = 10000, below = "report", above = "rerun", dilution = 5 }\n'
    "absurd = { low = 1000, high = 20000 }\ncritical = { low = 2500, high = 6200 }\n"
    'review = { low = 3000, high = 5800, censored = "bound" }\n'
    'delta = [{ method = "absolute", limit = 1000, within = "3 d", direction = "rise" },\n'
    '  { method = "percent", limit = 25, within = "3 d" },\n'
    '  { method = "absolute_rate", limit = 500, within = "3 d", without_previous = "hold" },\n'
    '  { method = "percent_rate", limit = 12.5, within = "3 d" },\n'
    '  { method = "rcv", cv_a = 2.0, cv_i = 5.0, within = "90 d" }]\n'
    "indices = { haemolysis = { above = 50 }, icterus = { above = 9.5, then = 'block' } }\n"
    'flags = { ignore = ["N", "M"], rerun = ["CLOT"], block = ["ERR"] }\n'
    'qc = { warning = "ignore" }\ncalibration = {}\nreagent = {}\nmoving_average = {}\n'
    'first_positive = { words = ["HAEM"], at_least = 5500 }\nsent_again = { tolerance = 100 }\n'
    '[[rule]]\nid = "icu"\ntest = "K"\nlocations = ["ICU", "NICU"]\nage = { from = "1 a", below = "90 a" }\n'
    'sex = "female"\nlines = ["chem-1", "chem-2"]\nspecimens = ["plasma"]\n'
    'critical = { low = 2.0, high = 7.0 }\noff = ["delta", "flags"]\n'
    '[[consistency]]\nid = "ratio"\nkind = "ratio"\ntests = ["K", "NA"]\nlow = 0.01\nhigh = 0.06\n'
    '[[panel]]\nid = "ions"\ntests = ["K", "NA"]\n'
)


def tried(cases: CasesOfTest, rule: str, criterion: Criterion) -> set[tuple[Kind, str]]:
    return {
        (case.kind, case.at)
        for subject, ones in cases.by_subject.items()
        if subject.rule == rule and subject.criterion is criterion
        for case in ones
    }


def test_every_limit_is_tried_inside_on_and_just_outside() -> None:
    """At the resolution of the test: 2.9, 3.0, 3.1 and 5.7, 5.8, 5.9."""
    cases = cases_of(rules_of(BANDS), "K")
    values = {
        (case.at, case.kind): (case.facts.value, case.expected.fate)
        for subject, ones in cases.by_subject.items()
        if subject.rule == "k" and subject.criterion is Criterion.REVIEW
        for case in ones
    }
    assert values["low", Kind.OUTSIDE] == (Decimal("2.9"), Fate.HOLD)
    assert values["low", Kind.ON] == (Decimal("3.0"), Fate.RELEASE)
    assert values["low", Kind.INSIDE] == (Decimal("3.1"), Fate.RELEASE)
    assert values["high", Kind.INSIDE] == (Decimal("5.7"), Fate.RELEASE)
    assert values["high", Kind.ON] == (Decimal("5.8"), Fate.RELEASE)
    assert values["high", Kind.OUTSIDE] == (Decimal("5.9"), Fate.HOLD)


def test_every_flag_status_and_edge_of_a_band_is_tried() -> None:
    """And what is missing."""
    cases = cases_of(rules_of(BANDS), "K")
    flags = {at for _kind, at in tried(cases, "k", Criterion.FLAGS)}
    assert {"N", "ERR", "a flag that is not listed"} <= flags
    gate = {at for _kind, at in tried(cases, "k", Criterion.QC)}
    assert {"good", "warning", "bad", "expired", "unknown", "no status"} <= gate
    edges = {at for kind, at in tried(cases, "babies", Criterion.REVIEW) if kind is Kind.SCOPE}
    assert edges == {"age 0 d", "age 27 d", "age 28 d", "age not known"}
    assert (Kind.MISSING, "no value") in tried(cases, "k", Criterion.REVIEW)


def test_criteria_that_are_in_force_together_are_tried_together() -> None:
    """Two things at once: both are found."""
    cases = cases_of(rules_of(BANDS), "K")
    both = {frozenset(mark.criterion for mark in case.expected.marks) for case in cases.pairs}
    assert frozenset({Criterion.QC, Criterion.REVIEW}) in both
    assert frozenset({Criterion.FLAGS, Criterion.REVIEW}) in both
    assert frozenset({Criterion.FLAGS, Criterion.QC}) in both


@pytest.mark.slow
def test_a_rule_set_with_everything_is_proved() -> None:
    """Each case as the written rules demand, each criterion tried, each pair seen, each mutant noticed."""
    proof = prove(rules_of(EVERYTHING))
    assert proof.failures == []
    assert [row for row in proof.subjects if row.missing] == []
    assert proof.pairs_seen == proof.pairs_possible > 0
    assert proof.survivors == []
    assert proof.mutant_count > 150
    assert proof.is_passed


@pytest.mark.slow
def test_nine_of_ten_mutants_and_more_of_a_laboratory_are_noticed() -> None:
    """Of those that survive each changes nothing: the narrower band of children goes first at 27 days all the same."""
    proof = prove(rules_of(laboratory(24)))
    assert proof.noticed > 0.99
    assert all(name.endswith("age from -1 d") for name in proof.survivors)
    assert proof.is_passed


def test_cases_that_try_nothing_notice_no_mutant() -> None:
    """The share of noticed mutants can be bad."""
    rule_set = rules_of(BANDS)
    rules = {rule.number: rule for rule in rule_set.rules}
    declared = rule_set.tests["K"].what
    ones = candidates_of(rule_set.rules, "K", declared)[Criterion.REVIEW]
    slot = Slot(Criterion.REVIEW, "K", ones)
    mutants = list(mutants_of(ones[0], rules[ones[0].number], Criterion.REVIEW, declared, "K"))
    assert {"dropped", "high 6.5 -> 6.6", "operator above 1", "age below +1 d"} <= {
        mutant.words for mutant in mutants
    }
    assert not any(is_noticed(mutant, slot, ones[0], []) for mutant in mutants)


Change = Callable[[Facts], Facts]
BROKEN: list[tuple[str, Change, str]] = [
    (
        "the age is off by a day",
        lambda one: replace(one, age_days=(one.age_days or 0) + 1),
        "babies",
    ),
    ("flags are lost", lambda one: replace(one, flags=()), "flags"),
    ("comparators are lost", lambda one: replace(one, comparator=""), "censored"),
    ("statuses are lost", lambda one: replace(one, statuses={}), "clean"),
    ("units are lost", lambda one: replace(one, unit="mmol/L"), "unit"),
]


@pytest.mark.parametrize(("fault", "change", "name"), BROKEN, ids=[one[0] for one in BROKEN])
def test_a_pipeline_that_loses_something_on_the_way_is_found(
    fault: str, change: Change, name: str
) -> None:
    """The cases go through the real pipeline: what it breaks fails by name."""
    rule_set = rules_of(BANDS)
    book = compiled(rule_set)
    proof = prove(rule_set, lambda facts: evaluate(book, change(facts)))
    assert any(name in row.name for row in proof.failures), fault
    assert not proof.is_passed


@pytest.mark.slow
@pytest.mark.parametrize("criterion", [one for one in Criterion if one is not Criterion.RULE])
def test_a_check_that_is_never_called_is_found(criterion: Criterion) -> None:
    """Whatever check the evaluator forgot, some case misses it."""
    rule_set = rules_of(EVERYTHING)
    book = compiled(rule_set)

    def forgetful(facts: Facts) -> Judgement:
        judgement = evaluate(book, facts)
        rest = tuple(one for one in judgement.findings if one.criterion is not criterion)
        fate = max((one.fate for one in rest), key=STRICTNESS.__getitem__, default=Fate.RELEASE)
        return Judgement(fate, rest, judgement.checked)

    proof = prove(rule_set, forgetful, tests=["K"])
    assert any(f"/ {criterion.value}:" in row.name for row in proof.failures)


def test_a_rule_that_never_counts_is_named_and_the_proof_does_not_pass() -> None:
    """A dead rule has no case."""
    twice = BANDS + '[[rule]]\nid = "again"\ntest = "K"\nreview = { low = 3.0, high = 5.0 }\n'
    proof = prove(rules_of(twice))
    assert [(one.rule, one.criterion) for one in proof.unreached] == [("k", Criterion.REVIEW)]
    assert not proof.is_passed


def test_a_proof_in_parts_is_the_proof_of_the_whole() -> None:
    """The tests can be divided among processors."""
    text = (
        BANDS
        + '[test.NA]\nunit = "mmol/L"\ndecimals = 0\n[[rule]]\ntest = "NA"\nreview = { high = 150 }\n'
    )
    rule_set = rules_of(text)
    whole = prove(rule_set)
    parts = merged([prove(rule_set, tests=["K"]), prove(rule_set, tests=["NA"])])
    assert (parts.case_count, parts.mutant_count, parts.is_passed) == (
        whole.case_count,
        whole.mutant_count,
        True,
    )
    with pytest.raises(ValueError, match="different rule sets"):
        merged([prove(rule_set, tests=[]), prove(rules_of(BANDS), tests=[])])


def test_only_the_rules_that_were_proved_are_activated() -> None:
    """A proof of other texts, even of the same limits, is none."""
    rule_set = rules_of(BANDS)
    proof = prove(rule_set)
    assert passed_book(rule_set, proof) is not None
    assert passed_book(rules_of(BANDS + "# a comment\n"), proof) is None
