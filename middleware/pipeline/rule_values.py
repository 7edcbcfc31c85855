"""What one row of the results table says as the LIS gets it: code, value, unit, time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from middleware.model import ValueKind

Row = Mapping[str, Any]
"""One row of the results table; a stored one, or one that is about to be."""

_DAY_DIGITS = 8


def code_of(row: Row) -> str:
    """The test as the LIS calls it, where a table of codes says so."""
    return str(row.get("lis_code") or row["test_code"])


def value_of(row: Row) -> tuple[Decimal | None, str]:
    """The result as it goes to the LIS: its number, or its text."""
    if row["value_kind"] == ValueKind.NUMBER:
        number = decimal_of(row.get("reported_value") or row["value_number"])
        if number is not None:
            return number, ""
    return None, str(row.get("reported_value") or row["value_text"] or row["value_raw"])


def unit_of(row: Row) -> str:
    return str(row.get("reported_unit") or row["unit"] or "")


def measured_at(row: Row) -> float:
    at = row["measured_at"]
    return float(row["received_at"] if at is None else at)


def dilution_of(row: Row) -> Decimal | None:
    factor = decimal_of(row["dilution_factor"])
    return None if factor is None or factor == 1 else factor


def decimal_of(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return number if number is None or number.is_finite() else None


def day_of(text: str | None) -> date | None:
    """A whole day of YYYYMMDD…; anything less exact is no birth date for an age in days."""
    digits = (text or "")[:_DAY_DIGITS]
    if len(digits) < _DAY_DIGITS or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name or str(UTC))
