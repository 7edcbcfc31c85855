"""Brings a number into a plain unit where the unit of a file holds a factor, such as 10^(-1)%."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal

from drivers.protocols.columns.settings import Scale
from middleware.model import ResultValue, ValueKind

RULE = "unit_scale"
REASON_UNIT = "a unit that the profile's table of scales does not name"

# More digits than a value and a factor have together: the product is exact.
_EXACT = Context(prec=100)
_SCALED = frozenset({ValueKind.NUMBER, ValueKind.RANGE})


def scaled(value: ResultValue, unit: str, scales: Mapping[str, Scale]) -> tuple[ResultValue, str]:
    """The value and its unit by the profile's table; UNEXPLAINED for a number in any other unit."""
    if value.kind not in _SCALED and value.kind is not ValueKind.TITER:
        return value, unit
    scale = scales.get(unit)
    if scale is None or value.kind is ValueKind.TITER:
        return _unexplained(value), unit
    if scale.factor == 1:
        return value, scale.unit
    return value.model_copy(
        update={
            "number": _times(value.number, scale.factor),
            "upper": _times(value.upper, scale.factor),
            "rule": f"{value.rule},{RULE}" if value.rule else RULE,
        }
    ), scale.unit


def _times(number: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if number is None else _EXACT.multiply(number, factor)


def _unexplained(value: ResultValue) -> ResultValue:
    return ResultValue(
        kind=ValueKind.UNEXPLAINED,
        raw=value.raw,
        text=value.raw.strip(),
        rule=value.rule,
        reason=REASON_UNIT,
    )
