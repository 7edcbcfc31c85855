"""Generated cases sent through the real pipeline: what the pipeline gathers is what the case means."""

from __future__ import annotations

import pytest

from middleware.cli.rules_effort import setup_of
from middleware.pipeline import rule_facts
from middleware.pipeline.rule_walk import walked
from tests.kit.rule_laboratory import laboratory, rules_of
from tests.kit.site_rules import glucose

pytestmark = pytest.mark.slow  # a store in memory, and hundreds of messages

RULES = glucose('review = { low = 3.0, high = 8.0 }\nflags = { ignore = ["N"] }\n') + (
    '[[rule]]\nid = "old"\ntest = "GLU"\nage = { from = "60 a" }\nsex = "female"\n'
    'delta = [{ method = "absolute", limit = 2.0, within = "30 d" }]\n'
)


def test_every_case_comes_out_as_the_oracle_says() -> None:
    rows = walked(setup_of(rules_of(RULES)))
    assert len(rows) > 50
    assert [row.name for row in rows if not row.is_good] == []


def test_cases_of_a_laboratory_with_every_criterion_come_out_too() -> None:
    rows = walked(setup_of(rules_of(laboratory(16))), most=120)
    assert len(rows) > 80
    assert [(row.name, row.expected, row.got) for row in rows if not row.is_good] == []


def test_a_rerun_that_is_diluted_passes_with_its_value_counted() -> None:
    """A laboratory that dilutes must be able to prove its rules: the case's value counts the dilution already."""
    rules = glucose('measuring = { low = 0.5, high = 30.0, above = "rerun", dilution = 5 }')
    rows = walked(setup_of(rules_of(rules)))
    assert any("diluted" in row.name for row in rows)
    assert [(row.name, row.expected, row.got) for row in rows if not row.is_good] == []


def test_a_pipeline_that_forgets_the_age_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk is worth something only when a fault of the pipeline shows."""
    monkeypatch.setattr(rule_facts, "day_of", lambda _text: None)
    assert [row for row in walked(setup_of(rules_of(RULES))) if not row.is_good] != []
