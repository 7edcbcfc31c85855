"""Reads earlier results from a CSV file: one line a result, columns by name. Pure.

Needed: patient_id, lis_code, value, measured_at. Allowed: authority, lis_system, specimen_type, unit, placer_number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from middleware.driver.times import read_time
from middleware.errors import MiddlewareError
from middleware.model import EarlierResult, Identifier
from middleware.model.order import LONGEST_ORDER_TEXT
from middleware.payload.hl7_prior import value_of_text

NEEDED = ("patient_id", "lis_code", "value", "measured_at")
ALLOWED = ("authority", "lis_system", "specimen_type", "unit", "placer_number")


class NoEarlierResults(MiddlewareError):
    """The file is no table of earlier results."""

    code = "no-earlier-results"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be taken, and why. Names no patient."""

    line: int
    reason: str


def read_csv(text: str, time_zone: str) -> Iterator[EarlierResult | BadLine]:
    """Each line as a result, or why it is none. Times without offset are of `time_zone`. Raises NoEarlierResults."""
    header = text.partition("\n")[0]
    mark = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=mark, strict=True)
    _check_columns(reader.fieldnames or ())
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadLine(reader.reader.line_num, f"the line is no CSV: {error}")
            return
        yield _read(row, reader.line_num, time_zone)


def _check_columns(names: object) -> None:
    given = list(names) if isinstance(names, (list, tuple)) else []
    missing = [one for one in NEEDED if one not in given]
    unknown = [one for one in given if one not in NEEDED + ALLOWED]
    if missing or unknown or len(set(given)) < len(given):
        words = f"the column {missing[0]} is missing" if missing else "a column stands twice"
        if unknown:
            words = f"the column {unknown[0][:40]!r} is not known"
        raise NoEarlierResults(
            words, what_to_do=f"Needed: {', '.join(NEEDED)}. Allowed: {', '.join(ALLOWED)}."
        )


def _read(row: Mapping[str | None, object], line: int, zone: str) -> EarlierResult | BadLine:
    if None in row or None in row.values():
        return BadLine(line, "the line has more or fewer fields than the first line")
    said = {str(name): str(text).strip() for name, text in row.items()}
    empty = next((name for name in NEEDED if not said[name]), None)
    if empty is not None:
        return BadLine(line, f"{empty} is empty")
    damaged = next(
        (
            name
            for name, text in said.items()
            if len(text) > LONGEST_ORDER_TEXT or not text.isprintable()
        ),
        None,
    )
    if damaged is not None:
        return BadLine(line, f"{damaged} is damaged or too long")
    at = _time(said["measured_at"], zone)
    if at is None:
        return BadLine(
            line, "measured_at is no time (2031-03-04T09:30:00+01:00, or 20310304093000)"
        )
    value = value_of_text(said["value"])
    if value is None:
        return BadLine(line, "value is empty")
    return EarlierResult(
        identifiers=(Identifier(id=said["patient_id"], authority=said.get("authority", "")),),
        lis_code=said["lis_code"],
        lis_system=said.get("lis_system", ""),
        specimen_type=said.get("specimen_type", ""),
        value=value,
        unit=said.get("unit", ""),
        measured_at=at,
        placer_number=said.get("placer_number", ""),
        source=line,
    )


def _time(text: str, zone: str) -> datetime | None:
    """ISO 8601 or as HL7 writes it; a day alone is no time, nor is an hour that does not exist, or exists twice."""
    if text.replace("+", "").isdigit():
        read = read_time(text, zone)
        return None if read.mark else read.at
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if ":" not in text:
        return None
    if at.tzinfo is None:
        first = at.replace(tzinfo=ZoneInfo(zone), fold=0)
        if first.utcoffset() != at.replace(tzinfo=ZoneInfo(zone), fold=1).utcoffset():
            return None
        at = first
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return None
