"""A small rule set and the facts of one clean result of it, for tests of rules. Every number is invented."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from middleware.rules.book import RuleBook, compiled
from middleware.rules.criteria import Fate, Index
from middleware.rules.evaluate import Judgement, evaluate
from middleware.rules.facts import Facts, Previous, Source, Status
from middleware.rules.scope import Sex
from tests.kit.rule_laboratory import rules_of

COLLECTED_AT = 1_700_000_000
HOUR_S, DAY_S = 3600, 86400
POTASSIUM = '[test.K]\nname = "Potassium"\nunit = "mmol/L"\ndecimals = 1\n'
SEROLOGY = '[test.HBSAG]\nwords = ["POS", "NEG"]\n'


def book_of(text: str) -> RuleBook:
    """The compiled rules of a text without mistakes."""
    return compiled(rules_of(text))


def potassium(rule: str) -> RuleBook:
    """One rule for K; `rule` is what stands below its head."""
    return book_of(f'{POTASSIUM}[[rule]]\nid = "k"\ntest = "K"\n{rule}\n')


def clean(value: str | Decimal | None = "4.2", **changes: Any) -> Facts:
    """A result of K that says everything that a check may ask for."""
    known: dict[str, Any] = {
        "test": "K",
        "line": "chem-1",
        "value": None if value is None else Decimal(value),
        "unit": "mmol/L",
        "indices": dict.fromkeys(Index, Decimal(0)),
        "age_days": 40 * 365,
        "sex": Sex.FEMALE,
        "location": "",
        "specimen": "serum",
        "collected_at": COLLECTED_AT,
        "awaited": frozenset(),
        "was_positive": False,
        "statuses": dict.fromkeys(Source, Status.GOOD),
    }
    return Facts(**{**known, **changes})


def before(value: str, ago_s: int = DAY_S, unit: str = "mmol/L", comparator: str = "") -> Previous:
    """A previous result so many seconds earlier."""
    return Previous(Decimal(value), unit, COLLECTED_AT - ago_s, comparator)


def found(book: RuleBook, facts: Facts) -> list[str]:
    """What was found, as `critical/high`."""
    return names(evaluate(book, facts))


def names(judgement: Judgement) -> list[str]:
    """The findings of a judgement, as `critical/high`."""
    return [f"{one.criterion.value}/{one.code}" for one in judgement.findings]


def fate(book: RuleBook, facts: Facts) -> Fate:
    """What becomes of a result."""
    return evaluate(book, facts).fate
