"""Reads orders from a CSV file, one test in each row under a row of names, and writes the answer to it. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from middleware.model import OrderOutcome, OrderRequest
from middleware.payload.flat_orders import FIELDS, FlatOrders, request_of
from middleware.payload.hl7_orders import MOST_ORDERS, UnreadableOrders

ANSWER_COLUMNS = ("row", "sample_id", "test_code", "placer_number", "answer", "reason")
"""Of the answer: the row of the file (the row of names is 1), what it ordered, what became of it, and why not."""

_NEEDED = ("sample_id", "test_code")
_SHOWN = 20
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How the file is written: what stands between two columns, the encoding, the zone of times without one."""

    delimiter: str = ","
    encoding: str = "utf-8"
    time_zone: str = "UTC"


def read_csv_orders(text: bytes, form: CsvForm) -> FlatOrders:
    """The requests of a file, in order. Raises UnreadableOrders, and says in which row."""
    rows = _rows(text, form)
    try:
        names = _names(next(rows, []))
        requests: list[OrderRequest] = []
        environments: dict[str, None] = {}
        for number, row in enumerate(rows, 2):
            if not any(row):
                continue
            if len(row) != len(names):
                raise UnreadableOrders(
                    f"row {number} has {len(row)} columns instead of {len(names)}"
                )
            if len(requests) == MOST_ORDERS:
                raise UnreadableOrders(f"the file holds more than {MOST_ORDERS} orders")
            said = dict(zip(names, row, strict=True))
            requests.append(request_of(said, number, form.time_zone))
            environments.setdefault(said.get("environment", "").strip())
    except csv.Error as error:
        raise UnreadableOrders(f"the file is no CSV: {error}") from error
    if not requests:
        raise UnreadableOrders("the file holds no order")
    return FlatOrders(tuple(requests), tuple(environments))


def csv_answer(
    requests: Sequence[OrderRequest], outcomes: Sequence[OrderOutcome], form: CsvForm
) -> bytes:
    """What became of each row."""
    rows = [
        [
            str(request.source),
            request.sample_id,
            request.test_code,
            request.placer_number,
            outcome.answer.value,
            outcome.text,
        ]
        for request, outcome in zip(requests, outcomes, strict=True)
    ]
    return _written(rows, form)


def csv_refusal(reason: str, form: CsvForm) -> bytes:
    """The answer to a file of which nothing was taken."""
    return _written([["", "", "", "", "refused", reason]], form)


class _Lines(list[str]):
    """What a csv writer writes to."""

    write = list.append


def _written(rows: Sequence[Sequence[str]], form: CsvForm) -> bytes:
    lines = _Lines()
    writer = csv.writer(lines, delimiter=form.delimiter, lineterminator="\r\n")
    writer.writerow(ANSWER_COLUMNS)
    writer.writerows([[_harmless(text) for text in row] for row in rows])
    return "".join(lines).encode(form.encoding, "replace")


def _harmless(text: str) -> str:
    """A text that a spreadsheet would take for a formula gets a blank before it."""
    return f" {text}" if text.startswith(_BEGINS_A_FORMULA) else text


def _rows(text: bytes, form: CsvForm) -> Iterator[list[str]]:
    try:
        decoded = text.decode(form.encoding)
    except UnicodeError as error:
        raise UnreadableOrders(f"the file is no {form.encoding}") from error
    decoded = decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = [f"{line}\n" for line in decoded.split("\n")]
    return csv.reader(lines, delimiter=form.delimiter, strict=True)


def _names(row: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in row]
    strange = next((name for name in names if name not in FIELDS), None)
    if strange is not None:
        raise UnreadableOrders(f"the column {strange[:_SHOWN]!r} is not known")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise UnreadableOrders(f"the column {doubled!r} stands twice")
    missing = next((name for name in _NEEDED if name not in names), None)
    if missing is not None:
        raise UnreadableOrders(f"the column {missing!r} is missing")
    return names
