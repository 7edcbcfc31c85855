"""Finishes what a driver has read, for every protocol alike: hook, missing point, dilution, mark and unit, UCUM.

Protocols read what stands in a message. What a profile declares of tests and units beyond that is done here, after
`decode`, in this order; each step is done once, and a value says which rules made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from middleware.driver.dilution import diluted
from middleware.driver.hooks import hook_of
from middleware.driver.mapping import OTHERWISE
from middleware.driver.policy import policy_of
from middleware.driver.profile import Profile
from middleware.driver.units import UCUM
from middleware.driver.value_rules import ValueRule, is_by, joined
from middleware.model import (
    AbnormalFlag,
    Envelope,
    Result,
    ResultValue,
    ValueKind,
    with_changes,
)

REASON_POINT = "a number that does not fit the format which says where its point stands"
_MOST_FINISHERS = 256
_MOST_UNITS = 1024


class Finisher:
    """I finish the envelopes of one profile. I keep nothing from one to the next but the units that I have looked up.

    Raises DriverError, when made, for a hook that cannot be found.
    """

    def __init__(self, profile: Profile) -> None:
        values = profile.values
        self._hook = hook_of(profile)
        self._policy = policy_of(profile)
        self._marks: Mapping[str, AbnormalFlag | str] = values.marks
        self._dilution = values.dilution
        self._is_for_reporting = profile.driver.reporting
        self._formats = {test: _places(text) for test, text in values.formats.items()}
        self._changes_values = bool(
            self._formats or self._policy.beside.marks or self._policy.beside.units
        )
        self._declared = {
            rule.unit or sent: rule.ucum for sent, rule in profile.units.items() if rule.ucum
        }
        self._ucum: dict[str, str] = {}
        declares_more = self._changes_values or self._dilution is not None
        self._finished = self._result if declares_more else self._with_ucum

    def finish(self, envelope: Envelope) -> Envelope:
        """The same message, complete. Raises DriverError when the hook fails."""
        if self._hook is not None:
            envelope = self._hook(envelope)
        if not envelope.results:
            return envelope
        return with_changes(
            envelope,
            results=tuple([self._finished(one) for one in envelope.results]),
            is_for_reporting=self._is_for_reporting,
        )

    def _with_ucum(self, result: Result) -> Result:
        """All that most profiles need."""
        unit = result.unit
        if not unit or result.unit_ucum:
            return result
        ucum = self._ucum.get(unit)
        if ucum is None:
            ucum = self._ucum_of(unit)
        return with_changes(result, unit_ucum=ucum) if ucum else result

    def _result(self, result: Result) -> Result:
        """What the profile declares of values, then the unit."""
        changes: dict[str, Any] = self._of_value(result) if self._changes_values else {}
        if self._dilution is not None and result.dilution_factor is not None:
            value = changes.get("value", result.value)
            changes["value"] = diluted(value, result.dilution_factor, self._dilution)
        return self._with_ucum(with_changes(result, **changes) if changes else result)

    def _ucum_of(self, unit: str) -> str:
        """The profile's word, else that of the list; '' for what nobody knows."""
        if len(self._ucum) >= _MOST_UNITS:
            self._ucum.clear()
        found = self._ucum[unit] = self._declared.get(unit) or UCUM.get(unit, "")
        return found

    def _of_value(self, result: Result) -> dict[str, Any]:
        """What stood beside the number in its field goes where it belongs, and the point where it stands."""
        value = result.value
        changes: dict[str, Any] = {}
        if value.number is not None and value.text:
            beside, value = value.text, value.model_copy(update={"text": ""})
            changes["value"] = value
            if is_by(ValueRule.FLAG_IN_VALUE, value.rule):
                changes |= self._flag(result, beside)
            else:
                changes["unit"] = self._policy.shown_unit(beside, value)
        places = self._formats.get(result.test_code) or self._formats.get(OTHERWISE)
        if places is not None and value.number is not None:
            changes["value"] = _pointed(value, *places)
        return changes

    def _flag(self, result: Result, mark: str) -> dict[str, Any]:
        meaning = self._marks.get(mark, "")
        if isinstance(meaning, AbnormalFlag):
            flags = dict.fromkeys((*result.abnormal_flags, meaning))
            return {"abnormal_flags": tuple(flags)}
        return {"instrument_flags": tuple(dict.fromkeys((*result.instrument_flags, mark)))}


def _places(point_format: str) -> tuple[int, int]:
    """Digits in all, and behind the point."""
    whole, _, decimals = point_format.partition(".")
    return len(whole) + len(decimals), len(decimals)


def _pointed(value: ResultValue, digits: int, decimals: int) -> ResultValue:
    """The number with its point where the format says; UNEXPLAINED when it does not fit."""
    number = value.number
    if number is None or is_by(ValueRule.MISSING_POINT, value.rule):
        return value
    parts = number.as_tuple()
    if value.kind is not ValueKind.NUMBER or parts.exponent != 0 or len(parts.digits) > digits:
        return ResultValue(
            kind=ValueKind.UNEXPLAINED,
            raw=value.raw,
            text=value.raw.strip(),
            rule=value.rule,
            reason=REASON_POINT,
        )
    moved = Decimal(format(number.scaleb(-decimals), "f"))
    rule = joined(value.rule, ValueRule.MISSING_POINT)
    return value.model_copy(update={"number": moved, "rule": rule})


_finishers: dict[int, tuple[Profile, Callable[[Envelope], Envelope]]] = {}


def finish(envelope: Envelope, profile: Profile) -> Envelope:
    """What `profile`'s driver has decoded, complete. Raises DriverError when the hook cannot be found or fails."""
    known = _finishers.get(id(profile))
    if known is None or known[0] is not profile:
        if len(_finishers) >= _MOST_FINISHERS:
            _finishers.clear()
        known = _finishers[id(profile)] = (profile, Finisher(profile).finish)
    return known[1](envelope)
