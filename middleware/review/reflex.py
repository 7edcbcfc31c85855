"""Rules of a site that order more work because of a result: another test (reflex), or the same again (rerun). Pure.

A rule says of one test what must be so; all that it says must be. A value counts as it goes to the LIS. A number that
is only known as "less than" or "more than" fits when every number that it could be fits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from middleware.model import Finding, ResultStatus, ValueKind, VerdictKind

MOST_TESTS = 20
LARGEST_DILUTION = 100_000
_BELOW, _ABOVE = frozenset({"<", "<="}), frozenset({">", ">="})
_NOT_MEASURED = frozenset({ResultStatus.PRELIMINARY, ResultStatus.PENDING, ResultStatus.PARTIAL})


class When(BaseModel):
    """What must be so: the `when` table of a `[[reflex]]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: str = Field(
        min_length=1,
        max_length=80,
        description="The LIS's code of the test; without a table of codes the analyzer's.",
    )
    above: Decimal | None = Field(default=None, description="The value is more than this.")
    below: Decimal | None = Field(default=None, description="The value is less than this.")
    unit: str = Field(
        default="",
        max_length=40,
        description="The value's unit as it goes to the LIS; a result in another unit does not fit. Empty: any.",
    )
    flag: str = Field(
        default="",
        max_length=80,
        description="A flag of the analyzer, or an abnormal flag of HL7 table 0078.",
    )
    value: str = Field(
        default="",
        max_length=200,
        description="The value's text, exactly as the analyzer wrote it.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.above is None and self.below is None and not self.flag and not self.value:
            raise ValueError("say at least one of above, below, flag and value")
        return self


class ReflexRule(BaseModel):
    """One `[[reflex]]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: When = Field(description="What must be so of a result; see below.")
    order: tuple[str, ...] = Field(
        default=(),
        max_length=MOST_TESTS,
        description="Tests, by the LIS's codes, that are ordered on the specimen unless they are there already.",
    )
    rerun: bool = Field(
        default=False,
        description="The test is measured again by the same analyzer, once; the result is held until then.",
    )
    dilution: Decimal | None = Field(
        default=None,
        gt=1,
        le=LARGEST_DILUTION,
        description="Factor of dilution of the rerun, where the analyzer's profile has a place for it.",
    )
    lines: tuple[str, ...] = Field(
        default=(), description="Ids of the lines whose results count; empty: every line."
    )

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if bool(self.order) == self.rerun:
            raise ValueError("say either what to order, or rerun = true")
        if self.dilution is not None and not self.rerun:
            raise ValueError("a dilution needs rerun = true")
        return self

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the results table is what the rule speaks of."""
        when = self.when
        if (row.get("lis_code") or row["test_code"]) != when.test:
            return False
        if (self.lines and row["line"] not in self.lines) or row["result_status"] in _NOT_MEASURED:
            return False
        if when.unit and (row.get("reported_unit") or row["unit"]) != when.unit:
            return False
        return (
            (not when.value or when.value in (row["value_raw"], row["value_text"]))
            and (not when.flag or when.flag in _flags(row))
            and (when.above is None or _is_above(row, when.above))
            and (when.below is None or _is_below(row, when.below))
        )


def rerun_of(rules: Sequence[ReflexRule], row: Mapping[str, Any]) -> ReflexRule | None:
    """The first rule that asks for this result to be measured again."""
    return next((one for one in rules if one.rerun and one.fits(row)), None)


def added_tests(rules: Sequence[ReflexRule], row: Mapping[str, Any]) -> list[str]:
    """The tests that the rules order because of this result, each once."""
    return list(
        dict.fromkeys(test for one in rules if one.order and one.fits(row) for test in one.order)
    )


def rerun_finding(rule: ReflexRule) -> Finding:
    """Why the result waits for its rerun."""
    diluted = "" if rule.dilution is None else f", diluted by {rule.dilution}"
    return Finding(
        check="reflex",
        code="measured_again",
        verdict=VerdictKind.HOLD,
        text=f"A rule of the settings has this test measured again{diluted}. Wait for that result, then compare both: "
        "release the one that is to be reported, and reject the other.",
    )


def _flags(row: Mapping[str, Any]) -> list[str]:
    own: list[str] = json.loads(row["instrument_flags"]) if row["instrument_flags"] else []
    return [*own, *(row["abnormal_flags"] or "").split(","), row["abnormal_flags_raw"] or ""]


def _number(row: Mapping[str, Any]) -> Decimal | None:
    if row["value_kind"] != ValueKind.NUMBER:
        return None
    text = row.get("reported_value") or row["value_number"]
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:  # the table of codes made a text of it
        return None
    return number if number is None or number.is_finite() else None


def _is_above(row: Mapping[str, Any], limit: Decimal) -> bool:
    number, sign = _number(row), row["comparator"] or ""
    if number is None or sign in _BELOW:
        return False
    return number > limit or (sign == ">" and number == limit)


def _is_below(row: Mapping[str, Any], limit: Decimal) -> bool:
    number, sign = _number(row), row["comparator"] or ""
    if number is None or sign in _ABOVE:
        return False
    return number < limit or (sign == "<" and number == limit)
