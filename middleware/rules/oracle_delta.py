"""The part of the oracle that judges the change since the previous result: with quotients and roots, as printed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

from middleware.rules.criteria import Delta, DeltaMethod, Direction, Otherwise
from middleware.rules.facts import Facts
from middleware.rules.units import in_ucum

_FINE = Context(prec=90)


@lru_cache(maxsize=4096)
def rcv_percent(delta: Delta) -> Decimal:
    """sqrt(2) * z * sqrt(cv_a^2 + cv_i^2), to 90 digits (fact sheet, 1.3)."""
    cv_a, cv_i = delta.cv_a or Decimal(0), delta.cv_i or Decimal(0)
    root = _FINE.sqrt(_FINE.add(_FINE.multiply(cv_a, cv_a), _FINE.multiply(cv_i, cv_i)))
    return _FINE.multiply(_FINE.multiply(_FINE.sqrt(Decimal(2)), delta.z), root)


def delta_codes(deltas: tuple[Delta, ...], facts: Facts, unit: str, by: Fraction) -> Iterator[str]:
    """The code of each delta check; a method that is used again is numbered."""
    used: list[DeltaMethod] = []
    for delta in deltas:
        used.append(delta.method)
        times = used.count(delta.method)
        code = delta_code(delta, facts, unit, by)
        name = delta.method.value + (f"_{times}" if times > 1 else "")
        yield {"changed": name, "no_previous": f"{name}_no_previous"}.get(code, code)


def delta_code(delta: Delta, facts: Facts, unit: str, by: Fraction) -> str:
    """The code of the finding, "" for none. `by` makes a limit one in the unit of the test."""
    assert facts.value is not None
    lonely = "no_previous" if delta.without_previous is Otherwise.HOLD else ""
    before = facts.previous
    if before is None:
        return lonely
    if before.collected_at is None or facts.collected_at is None:
        return "time_unknown"
    age_s = facts.collected_at - before.collected_at
    if age_s < 0:
        return "time_order"
    is_alike = in_ucum(before.unit) == in_ucum(unit) and not before.comparator
    if age_s > delta.within or before.value is None or facts.comparator or not is_alike:
        return lonely
    change = Fraction(facts.value) - Fraction(before.value)
    if change == 0 or (change < 0 and delta.direction is Direction.RISE):
        return ""
    if change > 0 and delta.direction is Direction.FALL:
        return ""
    return "changed" if _is_too_much(delta, change, (Fraction(before.value), age_s), by) else ""


def _is_too_much(delta: Delta, change: Fraction, since: tuple[Fraction, int], by: Fraction) -> bool:
    before, age_s = since
    days = Fraction(max(age_s, 3600), 86400)
    percent = abs(change / before) * 100 if before else None
    limit = Fraction(delta.limit or 0)
    if delta.method is DeltaMethod.ABSOLUTE:
        return abs(change) >= limit * by
    if delta.method is DeltaMethod.ABSOLUTE_RATE:
        return abs(change) / days >= limit * by
    if percent is None:
        return True  # any change from nothing is more than any percentage
    if delta.method is DeltaMethod.PERCENT:
        return percent >= limit
    if delta.method is DeltaMethod.PERCENT_RATE:
        return percent / days >= limit
    return percent > Fraction(rcv_percent(delta))
