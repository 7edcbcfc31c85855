"""One message with its whole life: wire bytes, records with field names, results, and what the LIS answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from middleware.cli import show
from middleware.cli.message_life import Step, life_of
from middleware.errors import StoreError, WireError
from middleware.store import audit, journal, outbox, results
from middleware.store.connection import Connection
from middleware.store.results import ResultFilter
from middleware.wire.control import readable
from middleware.wire.lis2 import Record, parse_message

MOST_RESULTS = 10_000
MOST_DECISIONS = 2_000  # of the audit trail, the newest

_RESULT_COLUMNS = (
    ("id", "id"),
    ("sample", "sample_id"),
    ("test", "test_code"),
    ("value", "value_raw"),
    ("unit", "unit"),
    ("flags", "abnormal_flags"),
    ("verdict", "verdict"),
    ("now", "release_state"),
    ("decided by", "verifier"),
)
_OUTBOX_COLUMNS = (
    ("number", "number"),
    ("to", "connector"),
    ("control id", "control_id"),
    ("sample", "sample_id"),
    ("state", "state"),
    ("attempts", "attempts"),
    ("settled", "settled"),
    ("answer", "answer"),
)


@dataclass(frozen=True, slots=True)
class MessageView:
    """Rows of the store that belong to one message."""

    entry: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    outbox: Sequence[Mapping[str, Any]]
    decisions: Sequence[Mapping[str, Any]]

    def life(self) -> list[Step]:
        """What happened to it, in order of time."""
        return life_of(self.entry, self.results, self.outbox, self.decisions)

    def as_item(self, encoding: str) -> dict[str, Any]:
        """For JSON; `records` only where the text has any."""
        return {
            **show.for_json(self.entry),
            "wire_readable": readable(self.entry["wire"]),
            "records": [
                {
                    "type": record.letter,
                    "fields": [
                        {"number": number, "name": name, "text": text}
                        for number, name, text in record.named_fields()
                    ],
                }
                for record in records_of(self.entry["text"], encoding)
            ],
            "results": [show.for_json(row) for row in self.results],
            "outbox": [show.for_json(row) for row in self.outbox],
            "life": [
                show.for_json({"happened_at": one.at, "what": one.what}) for one in self.life()
            ],
        }


def read_message(conn: Connection, number: int) -> MessageView:
    """Everything that is stored about message `number`. Raises StoreError when there is none."""
    entry = journal.get(conn, number)
    if entry is None:
        raise StoreError(
            f"there is no message {number}", what_to_do="See `labwire messages list` for the ids."
        )
    rows = results.listing(conn, ResultFilter(journal_id=number, limit=MOST_RESULTS))
    rows.sort(key=lambda row: int(row["id"]))
    decided = audit.listing(conn, MOST_DECISIONS)
    return MessageView(entry, rows, outbox.for_journal(conn, number), decided)


def records_of(text: bytes, encoding: str) -> list[Record]:
    """The records of a LIS2 message; none where it cannot be split into records."""
    try:
        return parse_message(text, encoding).records
    except (WireError, LookupError):
        return []


def say_message(view: MessageView, encoding: str, zone: tzinfo, *, with_wire: bool) -> None:
    """Print it for a person."""
    _say_head(view, zone)
    if with_wire:
        show.say("\nOn the wire", "bold")
        show.say(wire_lines(view.entry["wire"]))
    _say_records(view, encoding)
    if view.results:
        show.say("")
        shown = [_flat(row) for row in view.results]
        show.table(_RESULT_COLUMNS, shown, title="Results")
        _say_findings(view.results)
    if view.outbox:
        show.say("")
        messages = [_outbox_row(row, zone) for row in view.outbox]
        show.table(_OUTBOX_COLUMNS, messages, title="To the LIS")
        for row in view.outbox:
            if row["reply"]:
                show.say(f"   {row['number']} was answered: {readable(row['reply'])}")
    show.say("\nIts life", "bold")
    for step in view.life():
        show.say(f"{show.moment(step.at, zone) if step.at else 'still to come':19}  {step.what}")


def wire_lines(wire: bytes) -> str:
    """Readable wire bytes, a new line after each frame and each end of a phase."""
    return re.sub(r"(<LF>|<ENQ>|<EOT>|<ACK>|<NAK>)(?=.)", r"\1\n", readable(wire))


def _say_head(view: MessageView, zone: tzinfo) -> None:
    entry = view.entry
    show.say(f"Message {entry['id']} of line {entry['line']}", "bold")
    driver = f", driver {entry['driver']}" if entry["driver"] else ""  # a LIS's messages have none
    facts = [
        f"received      {show.moment(entry['received_at'], zone)}{driver}",
        f"state         {entry['state']}, kind {entry['kind']}, {entry['result_count'] or 0} results",
    ]
    if entry["file_name"]:
        facts.append(f"file          {entry['file_name']}")
    if entry["replays"]:
        facts.append(f"replayed      {entry['replays']} time(s)")
    if entry["analyzer"]:
        facts.append(f"analyzer      {entry['analyzer']}")
    if entry["quirks"]:
        facts.append(f"tolerated     {entry['quirks'].replace(',', ', ')}")
    for fact in facts:
        show.say(fact)
    _say_trouble(entry)


def _say_trouble(entry: Mapping[str, Any]) -> None:
    if entry["reason"]:
        where = f" (record {entry['reason_record']}" if entry["reason_record"] else ""
        where += f", field {entry['reason_field']}" if where and entry["reason_field"] else ""
        show.say(f"reason        {entry['reason']}{where + ')' if where else ''}", "red")
    for fault in json.loads(entry["faults"] or "[]"):
        place = f" in record {fault['record']}" if fault.get("record") else ""
        field = f", field {fault['field']}" if fault.get("field") else ""
        show.say(f"noticed       {fault['text']}{place}{field}", "yellow")


def _say_records(view: MessageView, encoding: str) -> None:
    records = records_of(view.entry["text"], encoding)
    if not records:
        return
    show.say("\nRecords", "bold")
    for record in records:
        show.say(f"{record.index}  {record.letter}", "bold")
        for number, name, text in record.named_fields():
            show.say(f"   {record.letter}-{number:<3} {name}: {text}")


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return show.for_json(row)


def _say_findings(rows: Sequence[Mapping[str, Any]]) -> None:
    """Each finding once, with the results that it is about."""
    about: dict[str, list[str]] = {}
    for row in rows:
        for finding in json.loads(row["findings"] or "[]"):
            about.setdefault(finding["text"], []).append(f"{row['id']} {row['test_code']}")
    for text, named in about.items():
        said = ", ".join(named) if len(named) < len(rows) or len(named) == 1 else "all"
        show.say(f"   {said}: {text}", "yellow")


def _outbox_row(row: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    answer = " ".join(part for part in (row["outcome_code"], row["outcome_text"]) if part)
    return {**row, "settled": show.moment(row["settled_at"], zone), "answer": answer}
