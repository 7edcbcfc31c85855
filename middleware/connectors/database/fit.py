"""A text as the value of a column: whole and exact, or not at all. Pure.

Databases help themselves: they round, cut, or store a text as something else. So each value is looked at here before
it is sent; what does not fit is refused, and the words never hold the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import types
from sqlalchemy.types import TypeEngine

from middleware.connectors.database.config import ClockTimes
from middleware.payload.flat_results import BOOLEANS, TIMES, ResultField

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_DAY = 10  # characters of YYYY-MM-DD
# How many bits an integer column has; the special ones before the usual.
_BITS = ((types.SmallInteger, 16), (types.BigInteger, 64), (types.Integer, 32))


class DoesNotFit(ValueError):
    """A value that its column cannot take whole. The text names the column and the reason, never the value."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What is known of a column. `is_exact`: the database keeps the decimals of its numeric columns."""

    name: str
    type: TypeEngine[Any]
    may_be_null: bool
    is_exact: bool = True


_Convert = Callable[[str, ColumnFacts, ClockTimes], object]


def why_never(facts: ColumnFacts, field: ResultField | None) -> str:
    """Why no value of this field (None: a constant) will ever fit ('': some do)."""
    kind = facts.type
    if isinstance(kind, types.Float) or (isinstance(kind, types.Numeric) and not facts.is_exact):
        return (
            "keeps no exact decimals; make it a text column, or NUMERIC where the database has that"
        )
    if _converter(kind) is None:
        return f"has a type that nothing is written into ({type(kind).__name__})"
    is_time = isinstance(kind, types.DateTime | types.Date)
    if is_time and field is not None and field not in TIMES:
        return "holds times, and the field is none"
    if isinstance(kind, types.Boolean) and field is not None and field not in BOOLEANS:
        return "holds true or false, and the field is neither"
    return ""


def fitted(text: str, facts: ColumnFacts, times: ClockTimes) -> object:
    """The value to send; an empty text is NULL where the column allows it. Raises DoesNotFit."""
    if not text:
        return _nothing(facts)
    convert = _converter(facts.type)
    if convert is None:
        raise DoesNotFit(f"column {facts.name} has a type that nothing is written into")
    return convert(text, facts, times)


def _nothing(facts: ColumnFacts) -> str | None:
    if facts.may_be_null:
        return None
    if isinstance(facts.type, types.String) and not isinstance(facts.type, types.Enum):
        return ""
    raise DoesNotFit(f"column {facts.name} needs a value, and the result has none")


def _text(text: str, facts: ColumnFacts, _times: ClockTimes) -> str:
    longest = getattr(facts.type, "length", None)
    if longest is not None and len(text) > longest:
        raise DoesNotFit(
            f"column {facts.name} takes {longest} characters, and there are {len(text)}"
        )
    return text


def _choice(text: str, facts: ColumnFacts, _times: ClockTimes) -> str:
    if text not in getattr(facts.type, "enums", ()):
        raise DoesNotFit(f"column {facts.name} takes only its own words, and this is none of them")
    return text


def _integer(text: str, facts: ColumnFacts, _times: ClockTimes) -> int:
    said = {"true": "1", "false": "0"}.get(text, text)
    if not _WHOLE.fullmatch(said):
        raise DoesNotFit(f"column {facts.name} takes whole numbers")
    number = int(said)
    bits = next(bits for kind, bits in _BITS if isinstance(facts.type, kind))
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise DoesNotFit(f"column {facts.name} takes no number as large as this")
    return number


def _numeric(text: str, facts: ColumnFacts, _times: ClockTimes) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise DoesNotFit(f"column {facts.name} takes numbers")
    number = Decimal(text)
    precision = getattr(facts.type, "precision", None)
    if precision is None:
        return number
    scale = getattr(facts.type, "scale", None) or 0
    places = max(0, -int(number.as_tuple().exponent))
    if places > scale:
        raise DoesNotFit(f"column {facts.name} takes {scale} decimals, and there are {places}")
    if number and number.adjusted() >= precision - scale:
        raise DoesNotFit(f"column {facts.name} takes {precision - scale} digits before the point")
    return number


def _time(text: str, facts: ColumnFacts, times: ClockTimes) -> datetime:
    if len(text) <= _DAY:
        raise DoesNotFit(f"column {facts.name} takes a time, and only the day is known")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DoesNotFit(f"column {facts.name} takes times") from error
    if getattr(facts.type, "timezone", False):
        return moment
    return (moment.astimezone(UTC) if times is ClockTimes.UTC else moment).replace(tzinfo=None)


def _date(text: str, facts: ColumnFacts, times: ClockTimes) -> date:
    try:
        if len(text) <= _DAY:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DoesNotFit(f"column {facts.name} takes days") from error
    return (moment.astimezone(UTC) if times is ClockTimes.UTC else moment).date()


def _boolean(text: str, facts: ColumnFacts, _times: ClockTimes) -> bool:
    if text not in ("true", "false"):
        raise DoesNotFit(f"column {facts.name} takes true or false")
    return text == "true"


# The special types before those that they are made of.
_CONVERTERS: Mapping[type[TypeEngine[Any]], _Convert] = {
    types.Boolean: _boolean,
    types.DateTime: _time,
    types.Date: _date,
    types.Integer: _integer,
    types.Float: _numeric,
    types.Numeric: _numeric,
    types.Enum: _choice,
    types.String: _text,
}


def _converter(kind: TypeEngine[Any]) -> _Convert | None:
    return next((one for base, one in _CONVERTERS.items() if isinstance(kind, base)), None)
