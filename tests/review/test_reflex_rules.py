"""When a rule of a site fits a result: all that it says must be so, and a number that is only a bound must be beyond
doubt."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from middleware.review.reflex import ReflexRule, added_tests, rerun_of


def rule(when: dict[str, Any], **more: Any) -> ReflexRule:
    more = more or {"order": ["FT4"]}
    return ReflexRule.model_validate({"when": {"test": "TSH"} | when, **more})


def row(value: str = "5.0", comparator: str = "", **more: Any) -> dict[str, Any]:
    said = {
        "line": "chem-1",
        "test_code": "TSH",
        "lis_code": None,
        "result_status": "final",
        "value_kind": "number",
        "value_raw": f"{comparator}{value}",
        "value_text": None,
        "value_number": value,
        "comparator": comparator or None,
        "unit": "mIU/L",
        "instrument_flags": None,
        "abnormal_flags": None,
        "abnormal_flags_raw": None,
    }
    return said | more


@pytest.mark.parametrize(
    ("when", "result", "fits"),
    [
        ({"above": 4.5}, row("4.6"), True),
        ({"above": 4.5}, row("4.5"), False),
        ({"above": 4.5}, row("4.5", ">"), True),
        ({"above": 4.5}, row("4.5", ">="), False),
        ({"above": 4.5}, row("9", "<"), False),
        ({"below": 0.3}, row("0.2"), True),
        ({"below": 0.3}, row("0.3", "<"), True),
        ({"below": 0.3}, row("0.1", ">"), False),
        ({"above": 1, "below": 2}, row("1.5"), True),
        ({"above": 1, "below": 2}, row("2.5"), False),
        ({"above": 4.5, "unit": "mIU/L"}, row("9"), True),
        ({"above": 4.5, "unit": "U/L"}, row("9"), False),
        ({"above": 4.5}, row("9", value_kind="titer"), False),
        ({"above": 4.5}, row("9", value_number=None, value_kind="text"), False),
        ({"above": 40}, row("9", reported_value="90", reported_unit="x"), True),
        ({"above": 4.5}, row("9", result_status="preliminary"), False),
        ({"above": 4.5}, row("9", test_code="FT3"), False),
        ({"above": 4.5}, row("9", test_code="0815", lis_code="TSH"), True),
        ({"above": 4.5}, row("9", lis_code="OTHER"), False),
        ({"value": "POS"}, row("0", value_raw="POS", value_kind="text"), True),
        ({"value": "POS"}, row("0", value_raw="POSITIVE", value_kind="text"), False),
        ({"flag": "H"}, row(abnormal_flags="H,A"), True),
        ({"flag": "clot"}, row(instrument_flags='["clot", "x"]'), True),
        ({"flag": "clo"}, row(instrument_flags='["clot"]'), False),
    ],
)
def test_a_rule_fits_what_it_says(when: dict, result: dict, fits: bool) -> None:
    assert rule(when).fits(result) is fits


def test_a_rule_may_be_of_some_lines() -> None:
    assert not rule({"above": 1}, order=["FT4"], lines=["chem-2"]).fits(row())
    assert rule({"above": 1}, order=["FT4"], lines=["chem-1"]).fits(row())


def test_tests_of_several_rules_are_ordered_once() -> None:
    rules = [rule({"above": 1}), rule({"above": 2}, order=["FT3", "FT4"])]
    assert added_tests(rules, row()) == ["FT4", "FT3"]
    assert rerun_of(rules, row()) is None


@pytest.mark.parametrize(
    "said",
    [
        {"when": {"test": "TSH"}, "order": ["FT4"]},
        {"when": {"test": "TSH", "above": 1}},
        {"when": {"test": "TSH", "above": 1}, "order": ["FT4"], "rerun": True},
        {"when": {"test": "TSH", "above": 1}, "order": ["FT4"], "dilution": 10},
        {"when": {"test": "TSH", "above": 1}, "rerun": True, "dilution": 1},
        {"when": {"test": "TSH", "above": "NaN"}, "order": ["FT4"]},
    ],
)
def test_a_rule_that_says_nothing_or_too_much_is_refused(said: dict) -> None:
    with pytest.raises(ValidationError):
        ReflexRule.model_validate(said)
