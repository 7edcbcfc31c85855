"""Results: saved in batches with ids that are known before the insert; found again; decided by
people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Executable,
    bindparam,
    exists,
    func,
    select,
    text,
    update,
)

from middleware.model import ReleaseState
from middleware.store import audit, meta
from middleware.store.rows import execute_many, fetch_any, insert_rows, marks
from middleware.store.schema import ON_LIST, RESULTS

RESULT_COUNTER = "result_id"
# SQLite takes 32,766 variables in one statement (999 in old builds).
_IN_CHUNK = 900


class Earlier(NamedTuple):
    """A stored result with the same fingerprint (DESIGN 8.6). Times in seconds since 1970 UTC."""

    result_id: int
    journal_id: int
    line: str
    measured_at: float | None
    release_state: str
    duplicate_of: int | None


class Run(NamedTuple):
    """A stored run of a test on a sample, for judging a further one."""

    result_id: int
    journal_id: int
    line: str
    test_code: str
    test_detail: str
    run: int
    release_state: str
    version: int
    fingerprint: bytes
    duplicate_of: int | None
    received_at: float
    order_source: str | None
    identified_by: str | None


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which results a listing shows, newest first; `before_id` continues an earlier page."""

    state: ReleaseState | None = None
    line: str | None = None
    sample_id: str | None = None
    journal_id: int | None = None
    before_id: int | None = None
    limit: int = 50
    is_pending: bool = False
    """Rejected, with a result of the test still to come."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided over results, why, and when (seconds since 1970 UTC)."""

    author: str
    reason: str
    at: float


# What a person may turn a result into, and from where; anything else stays as it is.
_MAY_BECOME: Mapping[ReleaseState, frozenset[ReleaseState]] = {
    ReleaseState.RELEASED: frozenset(
        {ReleaseState.HELD, ReleaseState.REJECTED, ReleaseState.DUPLICATE}
    ),
    ReleaseState.REJECTED: frozenset({ReleaseState.HELD, ReleaseState.DUPLICATE}),
    # From RELEASED: when the LIS refused it (pipeline.mend); people have no command for that.
    ReleaseState.HELD: frozenset(
        {ReleaseState.REJECTED, ReleaseState.DUPLICATE, ReleaseState.RELEASED}
    ),
    ReleaseState.WITHDRAWN: frozenset({ReleaseState.RELEASED}),
    ReleaseState.DUPLICATE: frozenset(),
    ReleaseState.NOT_FOR_LIS: frozenset(),
    ReleaseState.SHADOW: frozenset(),
}


@lru_cache(maxsize=16)
def _earlier(count: int) -> Executable:
    """The statement for `count` fingerprints."""
    return (
        select(
            RESULTS.c.fingerprint,
            RESULTS.c.id,
            RESULTS.c.journal_id,
            RESULTS.c.line,
            RESULTS.c.measured_at,
            RESULTS.c.release_state,
            RESULTS.c.duplicate_of,
        )
        .where(
            RESULTS.c.sample_id == bindparam("of_sample"),
            RESULTS.c.fingerprint.in_([bindparam(name) for name in marks(count)]),
        )
        .order_by(RESULTS.c.id)
    )


@lru_cache(maxsize=16)
def _runs(count: int) -> Executable:
    """The statement for `count` samples."""
    return (
        select(
            RESULTS.c.sample_id,
            RESULTS.c.id,
            RESULTS.c.journal_id,
            RESULTS.c.line,
            RESULTS.c.test_code,
            RESULTS.c.test_detail,
            RESULTS.c.run,
            RESULTS.c.release_state,
            RESULTS.c.version,
            RESULTS.c.fingerprint,
            RESULTS.c.duplicate_of,
            RESULTS.c.received_at,
            RESULTS.c.order_source,
            RESULTS.c.identified_by,
        )
        .where(RESULTS.c.sample_id.in_([bindparam(name) for name in marks(count)]))
        .order_by(RESULTS.c.id)
    )


def allocate_ids(conn: Connection, count: int) -> int:
    """Reserve `count` result ids; answers the first."""
    return meta.take_numbers(conn, RESULT_COUNTER, count)


def save(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Store results (column name -> value, without `id`, or all with one from `allocate_ids`);
    answers their ids in order.
    """
    if not rows:
        return []
    if "id" in rows[0]:
        insert_rows(conn, RESULTS, rows)
        return [row["id"] for row in rows]
    first = allocate_ids(conn, len(rows))
    ids = list(range(first, first + len(rows)))
    insert_rows(
        conn, RESULTS, [{"id": number, **row} for number, row in zip(ids, rows, strict=True)]
    )
    return ids


def by_fingerprints(
    conn: Connection, sample_id: str, prints: Collection[bytes]
) -> dict[bytes, list[Earlier]]:
    """Stored results of a sample with these fingerprints, oldest first; fingerprints without any are absent."""
    found: dict[bytes, list[Earlier]] = {}
    for row in fetch_any(conn, _earlier, list(prints), {"of_sample": sample_id}):
        found.setdefault(bytes(row[0]), []).append(Earlier(*row[1:]))
    return found


def runs_of_samples(conn: Connection, sample_ids: Collection[str]) -> dict[str, list[Run]]:
    """All stored runs of these samples, oldest first; samples without any are absent."""
    found: dict[str, list[Run]] = {}
    for row in fetch_any(conn, _runs, list(sample_ids)):
        found.setdefault(row[0], []).append(Run._make(row[1:]))
    return found


def get(conn: Connection, result_id: int) -> dict[str, Any] | None:
    """Every column of one result, or None."""
    return next(iter(by_ids(conn, [result_id])), None)


def by_ids(conn: Connection, ids: Collection[int]) -> list[dict[str, Any]]:
    """Every column of these results, by id; unknown ids are absent."""
    rows: list[dict[str, Any]] = []
    for chunk in _chunks(ids):
        query = select(RESULTS).where(RESULTS.c.id.in_(chunk)).order_by(RESULTS.c.id)
        rows.extend(dict(row) for row in conn.execute(query).mappings())
    return rows


def edits_of(conn: Connection, ids: Collection[int]) -> list[dict[str, Any]]:
    """The versions that people made of these results, every column, by id."""
    rows: list[dict[str, Any]] = []
    for chunk in _chunks(ids):
        is_edit = (RESULTS.c.edit_of.in_(chunk), text("edit_of IS NOT NULL"))
        query = select(RESULTS).where(*is_edit).order_by(RESULTS.c.id)
        rows.extend(dict(row) for row in conn.execute(query).mappings())
    return rows


def superseded(conn: Connection, sample_id: str, ids: Collection[int]) -> dict[int, int]:
    """Of these results of a sample those that a released one corrected: its id."""
    found: dict[int, int] = {}
    for chunk in _chunks(ids):
        query = select(RESULTS.c.supersedes, RESULTS.c.id).where(
            RESULTS.c.sample_id == sample_id,
            RESULTS.c.supersedes.in_(chunk),
            text("release_state = 'released'"),
        )
        found |= {row[0]: row[1] for row in conn.execute(query)}
    return found


def listing(conn: Connection, wanted: ResultFilter) -> list[dict[str, Any]]:
    """Results newest first, every column."""
    query = select(RESULTS)
    if wanted.state is not None:
        query = query.where(text(f"release_state = '{wanted.state.value}'"))
    for column, value in (
        (RESULTS.c.line, wanted.line),
        (RESULTS.c.sample_id, wanted.sample_id),
        (RESULTS.c.journal_id, wanted.journal_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.is_pending:
        query = query.where(ON_LIST, ~_has_followed())
    if wanted.before_id is not None:
        query = query.where(RESULTS.c.id < wanted.before_id)
    rows = conn.execute(query.order_by(RESULTS.c.id.desc()).limit(wanted.limit)).mappings()
    return [dict(row) for row in rows]


def _has_followed() -> ColumnElement[bool]:
    """A later result of the same test of the same sample was released."""
    later = RESULTS.alias("later")
    return exists().where(
        later.c.sample_id == RESULTS.c.sample_id,
        later.c.test_code == RESULTS.c.test_code,
        later.c.test_detail == RESULTS.c.test_detail,
        later.c.id > RESULTS.c.id,
        later.c.release_state == ReleaseState.RELEASED.value,
    )


def pending_count(conn: Connection) -> int:
    """How many rejected results wait for another one of their test."""
    query = select(func.count()).select_from(RESULTS).where(text("rejected_as = 'pending'"))
    return conn.scalar(query.where(~_has_followed())) or 0


def held_count(conn: Connection) -> int:
    """How many results wait for a person."""
    query = select(func.count()).select_from(RESULTS).where(text("release_state = 'held'"))
    return conn.scalar(query) or 0


def decide(
    conn: Connection,
    ids: Collection[int],
    new_state: ReleaseState,
    decision: Decision,
) -> list[int]:
    """Give results another release state, where that is possible; writes the audit row.

    Answers the ids that changed, in order. A released result's verifier is the author.
    """
    allowed = {state.value for state in _MAY_BECOME[new_state]}
    changed = [row["id"] for row in by_ids(conn, ids) if row["release_state"] in allowed]
    if not changed:
        return []
    values: dict[str, Any] = {
        "release_state": new_state.value,
        "decided_at": decision.at,
        "decision_reason": decision.reason,
    }
    if new_state is ReleaseState.RELEASED:
        values["verifier"] = decision.author
    for chunk in _chunks(changed):
        conn.execute(update(RESULTS).where(RESULTS.c.id.in_(chunk)).values(**values))
    audit.append(
        conn,
        audit.AuditEntry(
            author=decision.author,
            action=f"results.{new_state.value}",
            subject=f"results {', '.join(map(str, changed))}",
            detail={"ids": changed, "reason": decision.reason},
            at=decision.at,
        ),
    )
    return changed


@lru_cache(maxsize=16)
def _without_step(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(RESULTS.c.id)
        .where(
            RESULTS.c.sample_id.in_(wanted),
            RESULTS.c.work_order_step_id.is_(None),
            RESULTS.c.received_at >= bindparam("since"),
            text("sample_role = 'patient'"),
            text("release_state IN ('held', 'released')"),
            RESULTS.c.identified_by.is_(None),
        )
        .order_by(RESULTS.c.id)
    )


def without_step(
    conn: Connection, sample_ids: Collection[str], since: float
) -> list[dict[str, Any]]:
    """Patients' results of these sample ids that no step asked for, held or released, received at or after `since`
    (seconds since 1970 UTC): every column, by id."""
    found = fetch_any(conn, _without_step, sorted(set(sample_ids)), {"since": since})
    return by_ids(conn, [row[0] for row in found]) if found else []


_BIND_STEP = (
    update(RESULTS)
    .where(RESULTS.c.id == bindparam("of_result"))
    .values(work_order_step_id=bindparam("its_step"))
)


def bind_steps(conn: Connection, bound: Mapping[int, int]) -> None:
    """These results (keys) answer these work order steps."""
    rows = [{"of_result": result_id, "its_step": step} for result_id, step in bound.items()]
    execute_many(conn, _BIND_STEP, rows)


_GIVE_FINDINGS = (
    update(RESULTS)
    .where(RESULTS.c.id == bindparam("of_result"))
    .values(findings=bindparam("its_findings"))
)


def give_findings(conn: Connection, findings: Mapping[int, str]) -> None:
    """These results (keys) have these findings now: JSON lists of `middleware.model.Finding`."""
    rows = [{"of_result": one, "its_findings": said} for one, said in findings.items()]
    execute_many(conn, _GIVE_FINDINGS, rows)


def give_patient(conn: Connection, result_id: int, columns: Mapping[str, Any]) -> None:
    """Whose result it is, known later: columns of the patient."""
    conn.execute(update(RESULTS).where(RESULTS.c.id == result_id).values(dict(columns)))


def _chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    everything = list(values)
    for start in range(0, len(everything), _IN_CHUNK):
        yield everything[start : start + _IN_CHUNK]
