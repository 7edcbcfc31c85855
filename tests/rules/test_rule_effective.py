"""`labwire rules show`: what counts for whom, and where each setting comes from."""

from __future__ import annotations

import pytest

from middleware.rules.criteria import Criterion
from middleware.rules.effective import InForce, effective
from middleware.rules.rule_set import RulesWrong
from middleware.rules.scope import Population, Sex
from tests.kit.rule_facts import POTASSIUM
from tests.kit.rule_laboratory import rules_of

TEXT = (
    POTASSIUM + '[[rule]]\nid = "k"\ntest = "K"\nreview = { low = 3.0, high = 5.8 }\n'
    'delta = [{ method = "absolute", limit = 1.0, within = "3 d" }]\n'
    '[[rule]]\nid = "babies"\ntest = "K"\nage = { below = "28 d" }\n[rule.review]\nlow = 3.0\nhigh = 6.5\n'
    '[[rule]]\nid = "icu"\ntest = "K"\nlocations = ["ICU"]\noff = ["delta"]\n'
)


def shown(age: int | None, location: str | None = "") -> dict[Criterion, InForce]:
    who = Population("chem-1", age, Sex.FEMALE, location, "serum")
    return {one.criterion: one for one in effective(rules_of(TEXT), "K", who)}


def test_every_setting_has_its_file_and_line() -> None:
    """`labwire rules show K --age 3d`."""
    review = shown(3)[Criterion.REVIEW]
    assert (review.rule, review.who) == ("babies", "younger than 28 d")
    places = {one.key: (one.value, one.place) for one in review.settings}
    assert places["high"] == ("6.5", "rules.toml:16")
    assert review.overridden == ("rules.toml:8",)


def test_other_people_have_other_rules() -> None:
    """The criterion that the narrower rule does not state comes from the general one."""
    assert shown(3)[Criterion.DELTA].rule == "k"
    assert shown(28)[Criterion.REVIEW].rule == "k"


def test_what_is_put_off_or_cannot_be_said_is_shown_so() -> None:
    """Nothing is shown as if it counted."""
    delta = shown(9000, "ICU")[Criterion.DELTA]
    assert (delta.is_off, delta.settings, delta.overridden) == (True, (), ("rules.toml:9",))
    assert shown(None)[Criterion.REVIEW].lacking == "age"
    assert shown(9000, None)[Criterion.DELTA].lacking == "location"


def test_a_test_that_is_not_declared_is_refused() -> None:
    """Instead of an empty answer."""
    with pytest.raises(RulesWrong, match="not declared"):
        effective(rules_of(TEXT), "NA", Population())
