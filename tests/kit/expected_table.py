"""Reads the tables of what a person reads out of a recording, and writes what a driver read in the same words.

The notation is told in tests/drivers/expected/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from middleware.driver.cases import Played
from middleware.model import HostQuery, MeasuredTime, Result, ResultValue, SampleRole, ValueKind

TABLES = Path(__file__).resolve().parents[1] / "drivers" / "expected"
ZONE = ZoneInfo("Europe/Berlin")
_SEPARATOR = " | "
_CELL = re.compile(r"\s\|(?=\s|$)")  # a cell may be empty
_NONE = "-"
_SOME_MORE = "…"  # at the end of a flag: only its beginning is written down
_WITHOUT_SECONDS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
_WORDS = ("sample", "unit", "flags", "status", "role", "time", "held")


class Row(NamedTuple):
    """One result in words. `detail` None: the code alone tells the test, the rest of its field is of no interest."""

    sample: str
    test: str
    detail: str | None
    value: str
    unit: str
    flags: tuple[str, ...]
    status: str
    role: str
    time: str
    held: str


@dataclass(frozen=True)
class ExpectedFile:
    """What is expected of one recording."""

    name: str
    driver: str = ""
    by: str = ""
    refused: str = ""
    error: str = ""
    is_mended: bool = False
    notes: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass
class _Reader:
    """Reads one table line by line."""

    files: list[ExpectedFile] = field(default_factory=list)
    group: dict[str, str] = field(default_factory=dict)

    def take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "file":
            self.files.append(ExpectedFile(rest))
            self.group = {}
        elif word == "driver":
            driver, _, by = rest.partition(" by ")
            self._change(driver=driver, by=by)
        elif word in ("refused", "error"):
            self._change(**{word: rest})
        elif word == "mended":
            self._change(is_mended=True)
        elif word in ("query", "unread", "fault"):
            self._change(notes=(*self.files[-1].notes, line))
        elif word == "group":
            self.group = dict(_settings(rest))
        elif word != "nothing":
            self._change(rows=(*self.files[-1].rows, _row(line, self.group)))

    def _change(self, **changes: object) -> None:
        self.files[-1] = replace(self.files[-1], **changes)  # type: ignore[arg-type]


def expected_files(folder: str) -> dict[str, ExpectedFile]:
    """The table of one folder of the corpus, by the name of the recording."""
    reader = _Reader()
    for line in (TABLES / f"{folder}.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            reader.take(line)
    found = {one.name: one for one in reader.files}
    assert len(found) == len(reader.files), "a recording stands twice in the table"
    return found


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(_SEPARATOR):
        if part.strip():
            word, _, value = part.strip().partition("=")
            assert word in _WORDS, part
            yield word, value


def _row(line: str, group: dict[str, str]) -> Row:
    test, value, *more = (part.strip() for part in _CELL.split(line))
    beside = zip(("unit", "flags"), more, strict=False)
    given = group | {place: text for place, text in beside if text}
    given.update(_settings(_SEPARATOR.join(more[2:])))
    code, tilde, detail = test.partition(" ~")
    assert value, line
    return Row(
        sample=given.get("sample", ""),
        test=code,
        detail=detail if tilde else None,
        value=value,
        unit=_text(given.get("unit", "")),
        flags=tuple(part.strip() for part in _text(given.get("flags", "")).split(", ") if part),
        status=given.get("status", "final"),
        role=given.get("role", "patient"),
        time=_time_text(given.get("time", _NONE)),
        held=given.get("held", ""),
    )


def _text(text: str) -> str:
    return "" if text == _NONE else text


def _time_text(text: str) -> str:
    return f"{text}:00" if _WITHOUT_SECONDS.fullmatch(text) else text


def row_of(result: Result, wanted: Row | None) -> Row:
    """A result as a row. `wanted` says which details and ends of flags are of no interest."""
    value = result.value
    reasons = [
        "no sample id" if not result.specimen.sample_id else "",
        "sample id in doubt" if result.specimen.sample_id_doubt else "",
        value.reason if value.kind is ValueKind.UNEXPLAINED else "",
        f"time {result.measured.mark}"
        if result.measured.mark in ("unreadable", "ambiguous")
        else "",
        "a further run" if result.run > 1 and _is_of_patient(result) else "",
    ]
    flags = [*(one.value for one in result.abnormal_flags)]
    flags += [f"!{text}" for text in result.instrument_flags]
    return Row(
        sample=result.specimen.sample_id,
        test=result.test_code,
        detail=result.test_detail if wanted is None or wanted.detail is not None else None,
        value=value_text(value),
        unit=result.unit,
        flags=tuple(_cut(flags, wanted)),
        status=result.status.value,
        role=result.specimen.role.value,
        time=_measured(result.measured),
        held=", ".join(filter(None, reasons)),
    )


def _is_of_patient(result: Result) -> bool:
    return result.specimen.role is SampleRole.PATIENT


def _cut(flags: list[str], wanted: Row | None) -> Iterator[str]:
    beginnings = [
        one.removesuffix(_SOME_MORE)
        for one in (wanted.flags if wanted else ())
        if one.endswith(_SOME_MORE)
    ]
    for flag in flags:
        known = [start for start in beginnings if flag.startswith(start)]
        yield known[0] + _SOME_MORE if known else flag


def value_text(value: ResultValue) -> str:
    """`5.5`, `>8`, `1:64`, `3..5`, `"words"`, `none`, or `? as sent`."""
    if value.kind is ValueKind.UNEXPLAINED:
        return f"? {value.raw.strip()}".strip()
    if value.kind is ValueKind.ABSENT:
        return "none"
    if value.number is None:
        return f'"{value.text}"'
    number = format(value.number, "f")
    if value.kind is ValueKind.TITER:
        return f"{value.comparator}1:{number}"
    if value.upper is not None:
        return f"{number}..{value.upper:f}"
    return value.comparator + number


def _measured(time: MeasuredTime) -> str:
    if time.at is not None:
        return f"{time.at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
    if time.mark == "date_only":
        return f"{datetime.strptime(time.text[:8], '%Y%m%d'):%Y-%m-%d}"  # noqa: DTZ007
    return _NONE


def notes_of(played: Played) -> list[str]:
    """Queries, what stayed unread, and each kind of fault once, in words."""
    notes = []
    for envelope in played.envelopes:
        notes += [_query_text(one) for one in envelope.queries]
        notes += [f"unread {one.sample_id}: {one.reason}" for one in envelope.unread]
    faults = {one.code for envelope in played.envelopes for one in envelope.faults}
    return notes + [f"fault {code}" for code in sorted(faults)]


def _query_text(query: HostQuery) -> str:
    words = ["query", *query.sample_ids]
    words += ["all"] if query.is_for_all else []
    words += ["cancel"] if query.is_cancel else []
    words += [f"carrier={query.carrier}"] if query.carrier else []
    words += [f"position={query.position}"] if query.position else []
    return " ".join(words)
