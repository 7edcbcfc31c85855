"""The outbox: rendered messages in ordered lanes; filling them, claiming from the head, settling
what was answered.

Rules (DESIGN 6.15). `lane_seq` is the order of a lane, given in the transaction that enqueues.
`low_water` of a lane says that nothing at or below it waits any more: a claim starts there, so that
its cost does not grow with what was delivered. A message that is resent or released gets a new
`lane_seq` at the end (never below the mark) and keeps number, control id and payload.
`outbox_counts` changes in the same transaction as the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, text, update

from middleware.model import Outcome, OutcomeKind
from middleware.store import audit, meta
from middleware.store import outbox_statements as statements
from middleware.store.rows import execute_many, fetch, insert_rows
from middleware.store.schema import LANES, OUTBOX, OUTBOX_COUNTS, OUTBOX_RESULTS, OutboxState

OUTBOX_COUNTER = "outbox_number"


class ClaimedRow(NamedTuple):
    """One waiting message at the head of a lane. `received_at`: when the analyzer's message came
    (seconds UTC).
    """

    number: int
    control_id: str
    payload: bytes
    lane_seq: int
    sample_id: str
    received_at: float
    attempts: int
    line: str

    @property
    def has_results(self) -> bool:
        """It brings results of an analyzer; else it tells of orders."""
        return bool(self.line)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one delivery attempt ended; `at` in seconds since 1970 UTC."""

    number: int
    connector: str
    lane: int
    lane_seq: int
    outcome: Outcome
    at: float


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """Which messages a listing shows, newest first; `before_number` continues an earlier page."""

    connector: str | None = None
    state: OutboxState | None = None
    sample_id: str | None = None
    before_number: int | None = None
    limit: int = 50


# --- filling ---


def allocate_numbers(conn: Connection, count: int) -> int:
    """Reserve `count` outbox numbers; answers the first. Numbers are never reused (DESIGN 8.5)."""
    return meta.take_numbers(conn, OUTBOX_COUNTER, count)


def allocate_lane(conn: Connection, connector: str, lane: int, count: int) -> int:
    """Reserve `count` places at the end of a lane, in order; answers the first."""
    place = {"of_connector": connector, "of_lane": lane, "count": count}
    taken = fetch(conn, statements.TAKE_SEQ, place)
    if not taken:
        conn.execute(
            insert(LANES).values(connector=connector, lane=lane, last_seq=count, low_water=0)
        )
        return 1
    return int(taken[0][0]) - count + 1


def enqueue(
    conn: Connection, rows: Sequence[Mapping[str, Any]], links: Sequence[tuple[int, int]]
) -> None:
    """Add messages (column name -> value; `state` waiting unless given) and which results each
    carries.

    `links` are (number, result id). Numbers and places come from `allocate_numbers` and
    `allocate_lane`.
    """
    if not rows:
        return
    waiting = OutboxState.WAITING.value
    full = [row if "state" in row else {**row, "state": waiting} for row in rows]
    insert_rows(conn, OUTBOX, full)
    insert_rows(conn, OUTBOX_RESULTS, [{"number": n, "result_id": r} for n, r in links])
    changes: dict[tuple[str, str], int] = {}
    for row in full:
        key = (row["connector"], row["state"])
        changes[key] = changes.get(key, 0) + 1
    change_counts(conn, changes)


def change_counts(conn: Connection, changes: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts of (connector, state); in the transaction that changes the rows."""
    for (connector, state), change in sorted(changes.items()):
        if not change:
            continue
        values = {"of_connector": connector, "of_state": state, "change": change}
        if execute_many(conn, statements.COUNT, [values]) == 0:
            row = {"connector": connector, "state": state, "count": change}
            conn.execute(insert(OUTBOX_COUNTS).values(**row))


# --- claiming and settling ---


@dataclass(frozen=True, slots=True)
class ClaimRange:
    """`after_seq`: skip up to this place too (answers that are known but not yet settled in a
    commit). `specimens_once`: end before the second message of one specimen (DESIGN promise 3).
    """

    after_seq: int = 0
    specimens_once: bool = True


_FROM_THE_HEAD = ClaimRange()


def claim(
    conn: Connection, connector: str, lane: int, window: int, within: ClaimRange = _FROM_THE_HEAD
) -> list[ClaimedRow]:
    """The next waiting messages of a lane, in order, at most `window`. Writes nothing: a crash
    claims the same again.
    """
    place = {
        "of_connector": connector,
        "of_lane": lane,
        "window": window,
        "after_seq": within.after_seq,
    }
    claimed: list[ClaimedRow] = []
    seen: set[str] = set()
    for row in fetch(conn, statements.CLAIM, place):
        if within.specimens_once and row[4] in seen:
            break
        seen.add(row[4])
        claimed.append(ClaimedRow._make(row))
    return claimed


_END_STATES = {
    OutcomeKind.ACCEPTED: OutboxState.ACCEPTED.value,
    OutcomeKind.REFUSED: OutboxState.REFUSED.value,
}


def settle(conn: Connection, settlements: Sequence[Settlement]) -> None:
    """Write how deliveries ended: accepted and refused end a message, deferred only notes the
    attempt.

    Settling what is settled already changes nothing, so that a job may run again.
    """
    ends: dict[tuple[str, str], list[dict[str, Any]]] = {}
    deferred: list[dict[str, Any]] = []
    lanes: dict[tuple[str, int], None] = {}
    for one in settlements:
        values = _attempt_values(one)
        end = _END_STATES.get(one.outcome.kind)
        if end is None:
            deferred.append(values)
            continue
        lanes[one.connector, one.lane] = None
        ends.setdefault((one.connector, end), []).append({**values, "b_state": end})
    execute_many(conn, statements.DEFER, deferred)
    for (connector, end), rows in ends.items():
        _settle_rows(conn, connector, end, rows)
    for connector, lane in lanes:
        raise_mark(conn, connector, lane)


def _attempt_values(one: Settlement) -> dict[str, Any]:
    return {
        "b_number": one.number,
        "b_at": one.at,
        "b_code": one.outcome.code or None,
        "b_text": one.outcome.text or None,
        "b_reply": one.outcome.reply or None,
    }


def _settle_rows(conn: Connection, connector: str, end: str, rows: list[dict[str, Any]]) -> None:
    left = len(rows)
    for origin in (OutboxState.WAITING.value, OutboxState.HELD.value):
        done = execute_many(conn, statements.SETTLE, [{**row, "b_from": origin} for row in rows])
        change_counts(conn, {(connector, origin): -done, (connector, end): done})
        left -= done
        if left <= 0:
            return


def raise_mark(conn: Connection, connector: str, lane: int) -> None:
    """Move a lane's low-water mark up to just below its first waiting message."""
    execute_many(conn, statements.RAISE_MARK, [{"of_connector": connector, "of_lane": lane}])


# --- what people decide ---

_CAN_BE_RESENT = frozenset({OutboxState.ACCEPTED, OutboxState.REFUSED, OutboxState.HELD})


def hold(
    conn: Connection, numbers: Collection[int], author: str, at: float, reason: str = ""
) -> list[int]:
    """Stop waiting messages; answers which. One that is under way at that moment may still be
    settled. Audited.
    """
    rows = _in_states(conn, numbers, frozenset({OutboxState.WAITING}))
    for row in rows:
        change = update(OUTBOX).where(OUTBOX.c.number == row["number"])
        conn.execute(change.values(state=OutboxState.HELD.value))
        _count_change(conn, row, OutboxState.HELD)
    for connector, lane in dict.fromkeys((row["connector"], row["lane"]) for row in rows):
        raise_mark(conn, connector, lane)
    return _audited(conn, rows, audit.AuditEntry(author, "outbox.hold", "", at, {"reason": reason}))


def release(
    conn: Connection, numbers: Collection[int], author: str, at: float, reason: str = ""
) -> list[int]:
    """Let held messages go, at the end of their lane; answers which. Audited."""
    rows = _to_the_end(conn, _in_states(conn, numbers, frozenset({OutboxState.HELD})), resends=0)
    return _audited(
        conn, rows, audit.AuditEntry(author, "outbox.release", "", at, {"reason": reason})
    )


def resend(
    conn: Connection, numbers: Collection[int], author: str, at: float, reason: str = ""
) -> list[int]:
    """Send settled or held messages once more, at the end of their lane; answers which. Audited.

    Number, control id and payload stay: a LIS that honours the control id applies the message once.
    """
    rows = _to_the_end(conn, _in_states(conn, numbers, _CAN_BE_RESENT), resends=1)
    return _audited(
        conn, rows, audit.AuditEntry(author, "outbox.resend", "", at, {"reason": reason})
    )


def _in_states(
    conn: Connection, numbers: Collection[int], states: frozenset[OutboxState]
) -> list[Mapping[str, Any]]:
    query = (
        select(OUTBOX.c.number, OUTBOX.c.connector, OUTBOX.c.lane, OUTBOX.c.state)
        .where(OUTBOX.c.number.in_(numbers), OUTBOX.c.state.in_([one.value for one in states]))
        .order_by(OUTBOX.c.number)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _to_the_end(
    conn: Connection, rows: list[Mapping[str, Any]], resends: int
) -> list[Mapping[str, Any]]:
    for row in rows:
        change = update(OUTBOX).where(OUTBOX.c.number == row["number"])
        values = {
            "state": OutboxState.WAITING.value,
            "lane_seq": allocate_lane(conn, row["connector"], row["lane"], 1),
            "settled_at": None,
            "resends": OUTBOX.c.resends + resends,
        }
        conn.execute(change.values(**values))
        _count_change(conn, row, OutboxState.WAITING)
    return rows


def _count_change(conn: Connection, row: Mapping[str, Any], to_state: OutboxState) -> None:
    connector = row["connector"]
    change_counts(conn, {(connector, row["state"]): -1, (connector, to_state.value): 1})


def _audited(
    conn: Connection, rows: Sequence[Mapping[str, Any]], entry: audit.AuditEntry
) -> list[int]:
    numbers = [row["number"] for row in rows]
    if numbers:
        detail = {**entry.detail, "numbers": numbers}
        subject = f"outbox {', '.join(map(str, numbers))}"
        audit.append(conn, replace(entry, subject=subject, detail=detail))
    return numbers


# --- looking ---


def counts(conn: Connection) -> dict[str, dict[OutboxState, int]]:
    """How many messages of each connector stand in each state (all states, zeros too); from
    counters, never a count.
    """
    found: dict[str, dict[OutboxState, int]] = {}
    for connector, state, count in conn.execute(select(*OUTBOX_COUNTS.c)):
        of_connector = found.setdefault(connector, dict.fromkeys(OutboxState, 0))
        of_connector[OutboxState(state)] = count
    return found


def oldest_waiting(conn: Connection, connector: str) -> float | None:
    """When the message at the head of the connector's lanes was received (seconds since 1970 UTC);
    None: none waits.
    """
    heads: list[float] = []
    for lane in conn.scalars(select(LANES.c.lane).where(LANES.c.connector == connector)).all():
        heads.extend(row.received_at for row in claim(conn, connector, lane, 1))
    return min(heads, default=None)


def lanes(conn: Connection) -> list[dict[str, Any]]:
    """Every lane that was ever used: connector, lane, last_seq, low_water."""
    rows = conn.execute(select(LANES).order_by(LANES.c.connector, LANES.c.lane)).mappings()
    return [dict(row) for row in rows]


def get(conn: Connection, number: int) -> dict[str, Any] | None:
    """Every column of one message and `result_ids`, or None."""
    row = conn.execute(select(OUTBOX).where(OUTBOX.c.number == number)).mappings().first()
    if row is None:
        return None
    query = select(OUTBOX_RESULTS.c.result_id).where(OUTBOX_RESULTS.c.number == number)
    ids = conn.scalars(query.order_by(OUTBOX_RESULTS.c.result_id)).all()
    return {**row, "result_ids": list(ids)}


def listing(conn: Connection, wanted: OutboxFilter) -> list[dict[str, Any]]:
    """Messages newest first, every column but payload and reply."""
    shown = [column for column in OUTBOX.c if column.name not in {"payload", "reply"}]
    query = select(*shown)
    if wanted.state is not None:
        query = query.where(text(f"state = '{wanted.state.value}'"))
    if wanted.connector is not None:
        query = query.where(OUTBOX.c.connector == wanted.connector)
    if wanted.sample_id is not None:
        query = query.where(OUTBOX.c.sample_id == wanted.sample_id)
    if wanted.before_number is not None:
        query = query.where(OUTBOX.c.number < wanted.before_number)
    rows = conn.execute(query.order_by(OUTBOX.c.number.desc()).limit(wanted.limit)).mappings()
    return [dict(row) for row in rows]


def for_journal(conn: Connection, journal_id: int) -> list[dict[str, Any]]:
    """Every message that came of one journal entry, in order of their numbers; every column."""
    query = select(OUTBOX).where(OUTBOX.c.journal_id == journal_id).order_by(OUTBOX.c.number)
    return [dict(row) for row in conn.execute(query).mappings()]


def for_results(conn: Connection, result_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Which messages carry these results: (number, result id), in order of numbers."""
    query = (
        select(OUTBOX_RESULTS.c.number, OUTBOX_RESULTS.c.result_id)
        .where(OUTBOX_RESULTS.c.result_id.in_(result_ids))
        .order_by(OUTBOX_RESULTS.c.number, OUTBOX_RESULTS.c.result_id)
    )
    return [(number, result_id) for number, result_id in conn.execute(query)]
