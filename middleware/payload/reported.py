"""One stored result as any format reports it: its value, unit, range and test as released, in plain text. Pure.

What a table of codes decided stands before what the analyzer sent; digits are never made anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal

from middleware.model import ValueKind
from middleware.payload.outgoing import Row

_NUMERIC = re.compile(r"[+-]?\d*\.?\d+|[+-]?\d+\.")


@dataclass(frozen=True, slots=True)
class ReportedTest:
    """Which test it is: the code that the receiver knows it by, its name, the rest of the analyzer's test id, LOINC."""

    code: str
    name: str
    detail: str
    system: str
    loinc: str
    loinc_name: str


@dataclass(frozen=True, slots=True)
class ReportedIsolate:
    """What grew, and the analyzer's code of the identification."""

    number: str
    organism: str
    test_code: str


def test_of(row: Row) -> ReportedTest:
    """The LIS's code where a table gives one, else the analyzer's own. LOINC is empty without a table."""
    loinc, loinc_name = row.get("loinc") or "", row.get("loinc_name") or ""
    detail = row.get("test_detail") or ""
    if row.get("lis_code"):
        name, system = row.get("lis_name") or "", row.get("lis_system") or ""
        return ReportedTest(
            row["lis_code"], name, "" if loinc else detail, system, loinc, loinc_name
        )
    return ReportedTest(row["test_code"], row.get("test_name") or "", detail, "", loinc, loinc_name)


def number_of(row: Row) -> str:
    """The exact decimal text of a NUMBER (without its comparator), a TITER's denominator, or a RANGE's lower end."""
    if row.get("reported_value") is not None:
        return _plain(row["reported_value"])
    raw = row["value_raw"].strip()
    is_as_sent = row["value_kind"] == ValueKind.NUMBER and not row.get("comparator")
    # The digits as sent are what was released (a trailing zero counts), unless a named rule read them.
    if is_as_sent and not row.get("value_rule") and _NUMERIC.fullmatch(raw):
        return str(raw)
    return _plain(row["value_number"])


def upper_of(row: Row) -> str:
    """The exact decimal text of the upper end of a RANGE."""
    reported = row.get("reported_upper")
    return _plain(row["value_upper"] if reported is None else reported)


def text_of(row: Row) -> str:
    """A TEXT or CODED value as a reader sees it, else what was sent."""
    kinds = (ValueKind.TEXT, ValueKind.CODED)
    text = row.get("value_text") if row["value_kind"] in kinds else None
    return str(text or row["value_raw"].strip())


def code_of(row: Row) -> str:
    """The code of a CODED value."""
    return str(row["value_raw"].strip().partition("^")[0])


def unit_of(row: Row) -> str:
    """As the table of codes has it, else as sent."""
    return (row.get("reported_unit") if row.get("code_source") else None) or row.get("unit") or ""


def range_of(row: Row) -> str:
    """The reference range as the table of codes makes it (it may leave it out), else as sent."""
    reported = row.get("reported_range")
    if row.get("code_source") and reported is not None:
        return str(reported)
    return row.get("reference_range") or ""


def comments_of(row: Row) -> list[str]:
    """Every comment that says something, in order."""
    found = json.loads(row["comments"]) if row.get("comments") else []
    return [one["text"] for one in found if one["text"].strip()]


def instrument_flags_of(row: Row) -> list[str]:
    """The analyzer's own flags."""
    return list(json.loads(row["instrument_flags"])) if row.get("instrument_flags") else []


def isolate_of(row: Row) -> ReportedIsolate | None:
    """Of a culture: the isolate that the result belongs to."""
    return ReportedIsolate(*json.loads(row["isolate"])) if row.get("isolate") else None


def _plain(number: str) -> str:
    """An exact decimal without exponent."""
    return format(Decimal(number), "f") if "E" in number or "e" in number else number
