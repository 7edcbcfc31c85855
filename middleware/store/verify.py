"""Checks a whole store: the file, the audit chain, the kept texts, and that counters and marks say
what the rows say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select, text

from middleware.store import audit, meta
from middleware.store.outbox import OUTBOX_COUNTER
from middleware.store.results import RESULT_COUNTER
from middleware.store.schema import (
    COUNTERS,
    JOURNAL,
    LANES,
    OUTBOX,
    OUTBOX_COUNTS,
    OUTBOX_RESULTS,
    RESULTS,
    OutboxState,
)

Progress = Callable[[str, int, int], None]
"""Called now and then with (what is being done, done, total)."""

_CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found. No problems: the store is whole. `facts` counts what it holds, for people."""

    problems: tuple[str, ...]
    facts: Mapping[str, int] = field(default_factory=dict)


def verify(conn: Connection, progress: Progress | None = None) -> VerifyReport:
    """Run every check on one consistent state of the store; reads everything once."""
    tell = progress or _silent
    problems: list[str] = []
    tell("file", 0, 1)
    problems.extend(_faults_of_file(conn))
    trail = audit.verify(conn, lambda done, total: tell("audit trail", done, total))
    problems.extend(trail.problems)
    problems.extend(_faults_of_texts(conn, tell))
    tell("outbox", 0, 1)
    for check in (_faults_of_counts, _faults_of_lanes, _faults_of_counters, _faults_of_links):
        problems.extend(check(conn))
    tell("outbox", 1, 1)
    facts = {
        "messages": _count(conn, JOURNAL),
        "results": _count(conn, RESULTS),
        "outbox": _count(conn, OUTBOX),
        "audit rows": trail.rows,
    }
    return VerifyReport(tuple(problems), facts)


def _silent(_what: str, _done: int, _total: int) -> None:
    return


def _count(conn: Connection, table: object) -> int:
    return conn.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


def _faults_of_file(conn: Connection) -> Iterator[str]:
    """SQLite's own check of pages and indexes, and of references between tables."""
    if conn.dialect.name != "sqlite":
        return
    for (said,) in conn.exec_driver_sql("PRAGMA integrity_check"):
        if said != "ok":
            yield f"the database file is damaged: {said}"
    for row in conn.exec_driver_sql("PRAGMA foreign_key_check").all():
        yield f"a row of {row[0]} refers to a row of {row[2]} that is not there"
    if meta.identity(conn) is None:
        yield "the store has no id"


def _faults_of_texts(conn: Connection, tell: Progress) -> Iterator[str]:
    """Each kept message still has the hash that was noted when it came."""
    total = conn.scalar(select(func.max(JOURNAL.c.id))) or 0
    last = 0
    columns = select(JOURNAL.c.id, JOURNAL.c.text, JOURNAL.c.text_sha256).order_by(JOURNAL.c.id)
    while rows := conn.execute(columns.where(JOURNAL.c.id > last).limit(_CHUNK_ROWS)).all():
        for number, content, noted in rows:
            if hashlib.sha256(content).digest() != bytes(noted):
                yield f"the text of message {number} was changed"
        last = rows[-1][0]
        tell("messages", last, total)


def _faults_of_counts(conn: Connection) -> Iterator[str]:
    query = select(OUTBOX.c.connector, OUTBOX.c.state, func.count())
    rows = conn.execute(query.group_by(OUTBOX.c.connector, OUTBOX.c.state))
    real = {(connector, state): count for connector, state, count in rows}
    noted = {(one.connector, one.state): one[2] for one in conn.execute(select(*OUTBOX_COUNTS.c))}
    for key in sorted(real.keys() | noted.keys()):
        if real.get(key, 0) != noted.get(key, 0):
            connector, state = key
            yield (
                f"connector {connector} has {real.get(key, 0)} {state} messages, "
                f"its counter says {noted.get(key, 0)}"
            )


def _faults_of_lanes(conn: Connection) -> Iterator[str]:
    """Nothing waits at or below a low-water mark (it would never be sent); no place lies beyond the
    last one given.
    """
    for lane in conn.execute(select(LANES)).mappings().all():
        of_lane = (OUTBOX.c.connector == lane["connector"], OUTBOX.c.lane == lane["lane"])
        name = f"lane {lane['connector']}/{lane['lane']}"
        lost = conn.scalar(
            select(func.count()).where(
                *of_lane,
                OUTBOX.c.lane_seq <= lane["low_water"],
                OUTBOX.c.state == OutboxState.WAITING.value,
            )
        )
        if lost:
            yield f"{name}: {lost} messages wait below the low-water mark"
        last = conn.scalar(select(func.max(OUTBOX.c.lane_seq)).where(*of_lane)) or 0
        if last > lane["last_seq"]:
            yield f"{name}: a message stands at {last}, the last place given is {lane['last_seq']}"


def _faults_of_counters(conn: Connection) -> Iterator[str]:
    """A number that was given is never given again."""
    rows = conn.execute(select(COUNTERS.c.name, COUNTERS.c.value))
    noted = {name: value for name, value in rows}  # noqa: C416 - a typed row is no pair for dict()
    for counter, column in ((OUTBOX_COUNTER, OUTBOX.c.number), (RESULT_COUNTER, RESULTS.c.id)):
        last = conn.scalar(select(func.max(column))) or 0
        if last > noted.get(counter, 0):
            yield f"the counter {counter} stands at {noted.get(counter, 0)}, {last} was given"


def _faults_of_links(conn: Connection) -> Iterator[str]:
    query = (
        select(func.count())
        .select_from(OUTBOX_RESULTS.outerjoin(RESULTS, RESULTS.c.id == OUTBOX_RESULTS.c.result_id))
        .where(RESULTS.c.id.is_(None))
    )
    missing = conn.scalar(query)
    if missing:
        yield f"{missing} results that outgoing messages carry are not there"
    silent = conn.scalar(
        select(func.count())
        .select_from(OUTBOX)
        .where(text("NOT EXISTS (SELECT 1 FROM outbox_results r WHERE r.number = outbox.number)"))
    )
    if silent:
        yield f"{silent} outgoing messages carry no result"
