"""Results beside others of their specimen: sums, differences, ratios, parts, and panels that wait."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.rules.facts import Neighbour
from tests.kit.rule_facts import book_of, clean, found

IONS = "".join(
    f'[test.{test}]\nunit = "mmol/L"\ndecimals = 1\n[[rule]]\ntest = "{test}"\nqc = {{}}\n'
    for test in ("K", "NA", "CL")
)


def others(**values: str) -> dict[str, Neighbour]:
    return {test: Neighbour(Decimal(value), "mmol/L") for test, value in values.items()}


def relation(settings: str) -> str:
    return f'{IONS}[[consistency]]\nid = "r"\n{settings}\n'


DIFFERENCE = 'kind = "difference"\ntests = ["NA", "CL", "K"]\nlow = -5\nhigh = 30'


@pytest.mark.parametrize(
    ("settings", "values", "code"),
    [
        (DIFFERENCE, {"NA": "100", "CL": "100.8"}, ""),
        (DIFFERENCE, {"NA": "100", "CL": "100.9"}, "low"),
        (DIFFERENCE, {"NA": "134.2", "CL": "100.0"}, ""),
        (DIFFERENCE, {"NA": "134.3", "CL": "100.0"}, "high"),
        ('kind = "sum"\ntests = ["K", "CL"]\nlow = 99\nhigh = 101', {"CL": "94.8"}, ""),
        ('kind = "sum"\ntests = ["K", "CL"]\nlow = 99\nhigh = 101', {"CL": "94.7"}, "low"),
        ('kind = "sum"\ntests = ["K", "CL"]\nlow = 99\nhigh = 101', {"CL": "96.9"}, "high"),
        (
            'kind = "sum"\ntests = ["K", "CL"]\nfactors = [3, -1]\nlow = -3\nhigh = 3',
            {"CL": "9.6"},
            "",
        ),
        (
            'kind = "sum"\ntests = ["K", "CL"]\nfactors = [3, -1]\nlow = -3\nhigh = 3',
            {"CL": "9.5"},
            "high",
        ),
        ('kind = "ratio"\ntests = ["K", "CL"]\nlow = 1\nhigh = 3', {"CL": "1.4"}, ""),
        ('kind = "ratio"\ntests = ["K", "CL"]\nlow = 1\nhigh = 3', {"CL": "1.3"}, "high"),
        ('kind = "ratio"\ntests = ["K", "CL"]\nlow = 1\nhigh = 3', {"CL": "4.3"}, "low"),
        ('kind = "ratio"\ntests = ["K", "CL"]\nlow = 1\nhigh = 3', {"CL": "0"}, "no_ratio"),
        ('kind = "part"\ntests = ["CL", "K"]', {"CL": "4.2"}, ""),
        ('kind = "part"\ntests = ["CL", "K"]', {"CL": "4.1"}, "low"),
        ('kind = "part"\ntests = ["CL", "K"]\nlow = -0.1', {"CL": "4.1"}, ""),
    ],
)
def test_a_relation_holds_just_outside_its_limits(
    settings: str, values: dict[str, str], code: str
) -> None:
    """The result is K 4.2."""
    names = found(book_of(relation(settings)), clean(others=others(**values)))
    assert names == ([f"consistency/{code}"] if code else [])


def test_a_partner_that_is_awaited_holds_and_one_not_ordered_does_not() -> None:
    """A relation between tests that nobody ordered says nothing."""
    book = book_of(relation('kind = "part"\ntests = ["CL", "K"]'))
    assert found(book, clean()) == []
    assert found(book, clean(awaited=frozenset({"CL"}))) == ["consistency/awaited"]
    assert found(book, clean(awaited=None)) == ["consistency/orders_unknown"]


@pytest.mark.parametrize(
    "partner",
    [
        Neighbour(None, "mmol/L"),
        Neighbour(Decimal(9), "mg/dL"),
        Neighbour(Decimal(9), "mmol/L", "<"),
        Neighbour(Decimal("NaN"), "mmol/L"),
    ],
)
def test_a_partner_that_cannot_be_compared_holds(partner: Neighbour) -> None:
    """Without number, censored, in another unit: a person compares."""
    book = book_of(relation('kind = "part"\ntests = ["CL", "K"]'))
    assert found(book, clean(others={"CL": partner})) == ["consistency/not_comparable"]


PANEL = IONS + '[[panel]]\nid = "ions"\ntests = ["K", "NA", "CL"]\n'


def test_a_panel_waits_for_what_is_ordered() -> None:
    """What is there, or was never ordered, is not waited for."""
    book = book_of(PANEL)
    assert found(book, clean()) == []
    assert found(book, clean(awaited=frozenset({"NA"}))) == ["completeness/incomplete"]
    assert found(book, clean(awaited=None)) == ["completeness/orders_unknown"]
    assert found(book, clean(awaited=None, others=others(NA="140", CL="100"))) == []
    assert found(book, clean(awaited=frozenset({"NA"}), others=others(NA="140"))) == []


def test_a_panel_may_wait_for_all_of_it() -> None:
    """Some are only of use together."""
    book = book_of(PANEL + 'whole = "all"\n')
    assert found(book, clean(others=others(NA="140"))) == ["completeness/incomplete"]
    assert found(book, clean(others=others(NA="140", CL="100"))) == []
