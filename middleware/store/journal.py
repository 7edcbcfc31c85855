"""The journal: every message that was accepted, as it came; its state tells what became of it.
Never deleted here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, true, update

from middleware.model import MessageKind
from middleware.store.rows import execute_many, fetch
from middleware.store.schema import JOURNAL, JournalState

# Written literally, so that both engines can use the partial index (DESIGN 6.5).
_RECEIVED = text("state = 'received'")
_FOR_PEOPLE = text("state IN ('unreadable', 'incomplete', 'not_answered')")
# What another analyzer sent is evidence, and no part of what the line's own analyzer sent.
_TAKEN = text("state <> 'refused'")

_INDEXED = {
    JournalState.RECEIVED: _RECEIVED,
    JournalState.UNREADABLE: _FOR_PEOPLE,
    JournalState.INCOMPLETE: _FOR_PEOPLE,
    JournalState.NOT_ANSWERED: _FOR_PEOPLE,
}

_APPEND = (
    insert(JOURNAL)
    .values(
        {
            name: bindparam(name)
            for name in (
                "line",
                "driver",
                "kind",
                "state",
                "received_at",
                "text",
                "wire",
                "text_sha256",
                "quirks",
                "reason",
                "file_name",
            )
        }
    )
    .returning(JOURNAL.c.id)
)
_CONFIRM = update(JOURNAL).where(JOURNAL.c.id == bindparam("entry_id")).values(ack_confirmed=True)
_TO_PROCESS = (
    select(
        JOURNAL.c.id,
        JOURNAL.c.line,
        JOURNAL.c.driver,
        JOURNAL.c.kind,
        JOURNAL.c.received_at,
        JOURNAL.c.text,
        JOURNAL.c.quirks,
        JOURNAL.c.replays,
    )
    .where(_RECEIVED, JOURNAL.c.id > bindparam("after_id"))
    .order_by(JOURNAL.c.id)
    .limit(bindparam("count"))
)
_SAME_FILE = (
    select(JOURNAL.c.id)
    .where(
        text("file_name IS NOT NULL"),
        JOURNAL.c.line == bindparam("of_line"),
        JOURNAL.c.text_sha256 == bindparam("digest"),
        _TAKEN,
    )
    .order_by(JOURNAL.c.id)
    .limit(1)
)
_PREVIOUS = (
    select(JOURNAL.c.id, JOURNAL.c.ack_confirmed)
    .where(JOURNAL.c.line == bindparam("of_line"), JOURNAL.c.id < bindparam("before"), _TAKEN)
    .order_by(JOURNAL.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A message to keep. `text` is the message, `wire` the bytes as they came (frames, checksums);
    `received_at` in seconds since 1970 UTC; `quirks` the deviations that were tolerated; `file_name` the file's, where
    the message is a whole file.
    """

    line: str
    driver: str
    kind: MessageKind
    received_at: float
    text: bytes
    wire: bytes
    quirks: Sequence[str] = ()
    state: JournalState = JournalState.RECEIVED
    reason: str = ""
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A kept message as the pipeline needs it. `replays` counts how often a person sent it through
    again.
    """

    id: int
    line: str
    driver: str
    kind: MessageKind
    received_at: float
    text: bytes
    quirks: tuple[str, ...]
    replays: int


@dataclass(frozen=True, slots=True)
class Processed:
    """What processing found out about one entry; `generation` is the setup that did it,
    `faults_json` a list of model.Fault as JSON (None: none), `quirks` all tolerances by name (the link's too).
    """

    id: int
    kind: MessageKind
    state: JournalState
    processed_at: float
    generation: int
    result_count: int = 0
    analyzer: str | None = None
    message_control_id: str | None = None
    faults_json: str | None = None
    quirks: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why the driver could not decode an entry, and where: the 1-based record and the field, when
    known.
    """

    id: int
    reason: str
    generation: int
    at: float
    record: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """What became of a host query: ANSWERED or NOT_ANSWERED, in words, and when."""

    id: int
    state: JournalState
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which entries a listing shows, newest first; `before_id` continues an earlier page."""

    line: str | None = None
    state: JournalState | None = None
    kind: MessageKind | None = None
    before_id: int | None = None
    limit: int = 50


def append(conn: Connection, entry: JournalEntry) -> int:
    """Keep a message; answers its journal id. It may be acknowledged once this is committed, not
    earlier.
    """
    row = {
        "line": entry.line,
        "driver": entry.driver,
        "kind": entry.kind.value,
        "state": entry.state.value,
        "received_at": entry.received_at,
        "text": entry.text,
        "wire": entry.wire,
        "text_sha256": hashlib.sha256(entry.text).digest(),
        "quirks": ",".join(entry.quirks),
        "reason": entry.reason,
        "file_name": entry.file_name,
    }
    return int(fetch(conn, _APPEND, row)[0][0])


def same_file(conn: Connection, entry: JournalEntry) -> int | None:
    """The first entry of the same line that is a file with exactly this content, under whatever name; None: there is
    none.
    """
    digest = hashlib.sha256(entry.text).digest()
    found = fetch(conn, _SAME_FILE, {"of_line": entry.line, "digest": digest})
    return int(found[0][0]) if found else None


def confirm_ack(conn: Connection, journal_ids: Sequence[int]) -> None:
    """The analyzer is known to have received our acknowledgement of these entries (DESIGN 8.6)."""
    execute_many(conn, _CONFIRM, [{"entry_id": entry_id} for entry_id in journal_ids])


def to_process(conn: Connection, after_id: int, limit: int) -> list[StoredEntry]:
    """The oldest entries that wait to be processed, in order of arrival. Cheap from 0: only waiting
    ones are indexed.
    """
    return [
        StoredEntry(
            entry_id,
            line,
            driver,
            MessageKind(kind),
            received_at,
            bytes(message),
            tuple(quirks.split(",")) if quirks else (),
            replays,
        )
        for entry_id, line, driver, kind, received_at, message, quirks, replays in fetch(
            conn, _TO_PROCESS, {"after_id": after_id, "count": limit}
        )
    ]


_PROCESSED = (
    update(JOURNAL)
    .where(JOURNAL.c.id == bindparam("b_id"))
    .values(
        kind=bindparam("b_kind"),
        state=bindparam("b_state"),
        processed_at=bindparam("b_processed_at"),
        setup_generation=bindparam("b_generation"),
        result_count=bindparam("b_result_count"),
        analyzer=bindparam("b_analyzer"),
        message_control_id=bindparam("b_message_control_id"),
        faults=bindparam("b_faults_json"),
        quirks=bindparam("b_quirks"),
        reason="",
        reason_record=None,
        reason_field=None,
    )
)
_PROCESSED_FIELDS = tuple((f"b_{field.name}", field.name) for field in fields(Processed))


def mark_processed(conn: Connection, rows: Sequence[Processed]) -> None:
    """These entries were decoded and all that follows from them stands in this same transaction."""
    values = [{bind: getattr(row, name) for bind, name in _PROCESSED_FIELDS} for row in rows]
    execute_many(conn, _PROCESSED, values)


def remark(conn: Connection, entry_id: int, reason: str, state: JournalState) -> None:
    """Say what is to be known of an entry that was done, and where it stands."""
    changed = update(JOURNAL).where(JOURNAL.c.id == entry_id)
    conn.execute(changed.values(reason=reason, state=state.value))


def mark_unreadable(conn: Connection, entry: Unreadable) -> None:
    """This entry could not be decoded; it waits for a person, with its bytes (DESIGN promise 4)."""
    conn.execute(
        update(JOURNAL)
        .where(JOURNAL.c.id == entry.id)
        .values(
            state=JournalState.UNREADABLE.value,
            reason=entry.reason,
            reason_record=entry.record,
            reason_field=entry.field,
            setup_generation=entry.generation,
            processed_at=entry.at,
        )
    )


def note_query(conn: Connection, outcome: QueryOutcome) -> None:
    """Say what became of a host query. One that was sent through processing meanwhile is left as it is."""
    conn.execute(
        update(JOURNAL)
        .where(JOURNAL.c.id == outcome.id, JOURNAL.c.state == JournalState.NOT_ANSWERED.value)
        .values(state=outcome.state.value, reason=outcome.reason, processed_at=outcome.at)
    )


def requeue(conn: Connection, entry_id: int) -> bool:
    """Send an entry through processing again (its id stays, below those that came later); False
    when there is none.
    """
    changed = conn.execute(
        update(JOURNAL)
        .where(JOURNAL.c.id == entry_id)
        .values(state=JournalState.RECEIVED.value, replays=JOURNAL.c.replays + 1, reason="")
    )
    return changed.rowcount == 1


def get(conn: Connection, entry_id: int) -> dict[str, Any] | None:
    """Every column of one entry, or None."""
    row = conn.execute(select(JOURNAL).where(JOURNAL.c.id == entry_id)).mappings().first()
    return dict(row) if row is not None else None


def listing(conn: Connection, wanted: JournalFilter) -> list[dict[str, Any]]:
    """Entries newest first, every column but the bytes (`text_size` instead)."""
    shown = [column for column in JOURNAL.c if column.name not in {"text", "wire", "text_sha256"}]
    query = select(*shown, func.length(JOURNAL.c.text).label("text_size"))
    if wanted.line is not None:
        query = query.where(JOURNAL.c.line == wanted.line)
    if wanted.state is not None:
        # Both terms: only the one that an index was made with lets the database use that index.
        query = query.where(
            _INDEXED.get(wanted.state, true()), JOURNAL.c.state == wanted.state.value
        )
    if wanted.kind is not None:
        query = query.where(JOURNAL.c.kind == wanted.kind.value)
    if wanted.before_id is not None:
        query = query.where(JOURNAL.c.id < wanted.before_id)
    rows = conn.execute(query.order_by(JOURNAL.c.id.desc()).limit(wanted.limit)).mappings()
    return [dict(row) for row in rows]


def previous_of_line(conn: Connection, line: str, before_id: int) -> tuple[int, bool] | None:
    """The entry before `before_id` of the line's analyzer, and whether its acknowledgement is known to
    have arrived.
    """
    found = fetch(conn, _PREVIOUS, {"of_line": line, "before": before_id})
    return (found[0][0], bool(found[0][1])) if found else None


def counts_for_people(conn: Connection) -> dict[JournalState, int]:
    """How many entries wait for a person, by state. Touches only those."""
    rows = conn.execute(
        select(JOURNAL.c.state, func.count()).where(_FOR_PEOPLE).group_by(JOURNAL.c.state)
    )
    return {JournalState(state): count for state, count in rows}


def last_received(conn: Connection) -> dict[str, float]:
    """When each line's newest entry was received (seconds since 1970 UTC)."""
    newest = select(func.max(JOURNAL.c.id)).group_by(JOURNAL.c.line)
    rows = conn.execute(
        select(JOURNAL.c.line, JOURNAL.c.received_at).where(JOURNAL.c.id.in_(newest))
    )
    return {row.line: row.received_at for row in rows}


_NEWEST = (
    select(JOURNAL.c.id, JOURNAL.c.received_at, JOURNAL.c.state)
    .where(JOURNAL.c.line == bindparam("of_line"), JOURNAL.c.id < bindparam("before"))
    .order_by(JOURNAL.c.id.desc())
    .limit(bindparam("count"))
)
_PAGE = 100
_LAST_ID = 2**62


def received_after(conn: Connection, line: str, after: float, most: int) -> list[float]:
    """When the newest entries of a line's analyzer were received, in the order of arrival: at most `most` of those
    after `after`. Reads little more than it answers.
    """
    found: list[float] = []
    before = _LAST_ID
    while len(found) < most:
        page = fetch(conn, _NEWEST, {"of_line": line, "before": before, "count": _PAGE})
        found += [at for _, at, state in page if at > after and state != JournalState.REFUSED]
        if len(page) < _PAGE or page[-1][1] <= after:
            break
        before = page[-1][0]
    return found[:most][::-1]
