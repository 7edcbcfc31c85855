"""A candidate over stored results: every changed fate, totals, and bounds."""

from __future__ import annotations

from decimal import Decimal

from middleware.rules.criteria import Criterion, Fate
from middleware.rules.replay import Changed, replay
from tests.kit.rule_facts import clean, potassium

ACTIVE = potassium("review = { low = 3.0, high = 5.0 }")
CANDIDATE = potassium("review = { low = 3.5, high = 5.5 }\nabsurd = { high = 9 }")
VALUES = ["2.9", "3.4", "4.0", "5.4", "5.6", "9.9"]
STORED = [(number, clean(value)) for number, value in enumerate(VALUES)]


def test_every_result_whose_fate_changes_is_listed_with_both_reasons() -> None:
    """3.4 is held now, 5.4 is released, 9.9 is blocked instead of held."""
    found = replay(STORED, ACTIVE, CANDIDATE)
    assert [(one.key, one.before, one.after) for one in found.changed] == [
        (1, Fate.RELEASE, Fate.HOLD),
        (3, Fate.HOLD, Fate.RELEASE),
        (5, Fate.HOLD, Fate.BLOCK),
    ]
    first: Changed = found.changed[0]
    assert first.why_before == ()
    assert "below 3.5" in first.why_after[0]


def test_the_totals_tell_the_held_rate_before_and_after() -> None:
    """And which rule held how often."""
    found = replay(STORED, ACTIVE, CANDIDATE)
    assert (found.total, found.held_before, found.held_after) == (6, 4, 4)
    assert found.changed_count == 3
    assert found.moves[Fate.HOLD, Fate.HOLD] == 2
    assert found.by_test["K", Fate.HOLD, Fate.BLOCK] == 1
    assert found.found_before[Criterion.REVIEW, "k"] == 4
    assert found.found_after[Criterion.ABSURD, "k"] == 1


def test_the_list_is_bounded_and_the_totals_are_not() -> None:
    """A candidate that changes everything does not fill the memory."""
    found = replay(((number, clean("3.4")) for number in range(50)), ACTIVE, CANDIDATE, most=10)
    assert (len(found.changed), found.unlisted, found.changed_count) == (10, 40, 50)


def test_the_same_rules_change_nothing() -> None:
    """Also for values that are none."""
    odd = [*STORED, (9, clean(Decimal("NaN"))), (10, clean(None))]
    assert replay(odd, ACTIVE, ACTIVE).changed == []
