"""Work for analyzers: what is open for a sample id, given to one line, taken, freed, and finished by a result.

A step is claimed by the first line that is given it, in a commit before the answer leaves; so a cancel that was
committed earlier can never be overtaken, and one that comes later is told that it is too late. The same line may ask
again and gets what it was given again, as long as there is no result. Re-runnable jobs of one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, bindparam, select, text, update

from middleware.model import (
    Identifier,
    Patient,
    Priority,
    SpecimenWork,
    StepState,
    WorkOrderStep,
    normal_sample_id,
)
from middleware.store import steps
from middleware.store.order_schema import OPEN_STEPS, OPEN_STEPS_JOINED
from middleware.store.rows import execute_many, fetch_any, marks
from middleware.store.schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.steps import Change, Move

MOST_SPECIMENS = 100
"""Of one query for everything: what an analyzer can hold; it asks again for the rest."""

CodeFor = Callable[[str, str], str | None]
"""(test as ordered, specimen type) -> the analyzer's code for it; None: it is not this analyzer's to do."""

_IN_USE = text("used_until IS NULL")
_PENDING = text("work_order_steps.state = 'pending'")
_MAY_BE_GIVEN = (StepState.PENDING, StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)
_UNTIL_GIVEN = (StepState.CLAIMED, StepState.PENDING)


@dataclass(frozen=True, slots=True)
class Claimer:
    """The line that asks. `order_source` empty: any, as long as the sample id names one tube among all of them."""

    line: str
    code_for: CodeFor
    order_source: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: these sample ids, or everything that is open."""

    sample_ids: tuple[str, ...] = ()
    is_for_all: bool = False


def claim(conn: Connection, wanted: Wanted, claimer: Claimer, now: float) -> list[SpecimenWork]:
    """Give a line the open steps that it may do, of each specimen in the order asked; they are its own from now on.

    An id that names no tube in use, or that could name several, gets nothing.
    """
    if wanted.is_for_all:
        specimens = _with_pending(conn, claimer.order_source)
    else:
        specimens = _named(conn, wanted.sample_ids, claimer.order_source)
    open_steps = _open_steps(conn, [one.id for one in specimens])
    given: list[SpecimenWork] = []
    for specimen in specimens:
        mine = [
            (row, code)
            for row in open_steps.get(specimen.id, ())
            if row.state == StepState.PENDING or row.line == claimer.line
            if (code := claimer.code_for(row.lis_code, specimen.specimen_type or "")) is not None
        ]
        _take(conn, mine, claimer.line, now)
        if mine:
            given.append(_work(specimen, mine))
    return given


def mark_sent(conn: Connection, ids: Sequence[int], line: str, now: float) -> list[int]:
    """The analyzer took the message that carries these steps; answers those that were not sent before."""
    change = Change(line, now, "the analyzer took the order")
    before = _UNTIL_GIVEN
    return steps.move(conn, ids, StepState.SENT, before, change, line=line, sent_at=now)


def free(conn: Connection, ids: Sequence[int], line: str, reason: str, now: float) -> list[int]:
    """The analyzer did not take them: they are open for whoever asks next. Steps sent earlier stay sent."""
    change = Change(line, now, reason)
    return steps.move(conn, ids, StepState.PENDING, (StepState.CLAIMED,), change, line=None)


def free_all(conn: Connection, author: str, now: float) -> list[int]:
    """Nothing is under way (the node starts): what was claimed is open again."""
    claimed = select(WORK_ORDER_STEPS.c.id).where(
        OPEN_STEPS,
        WORK_ORDER_STEPS.c.state == StepState.CLAIMED.value,
    )
    ids = [int(one) for one in conn.execute(claimed).scalars()]
    change = Change(author, now, "the node was restarted while it was being sent")
    return steps.move(conn, ids, StepState.PENDING, (StepState.CLAIMED,), change, line=None)


def refuse(conn: Connection, ids: Sequence[int], line: str, reason: str, now: float) -> list[int]:
    """The analyzer said that it will not do these steps; a person decides."""
    before = (StepState.CLAIMED, StepState.SENT)
    return steps.move(conn, ids, StepState.REFUSED, before, Change(line, now, reason), line=line)


def cancel(conn: Connection, ids: Sequence[int], author: str, reason: str, now: float) -> list[int]:
    """A person cancels steps that have no result, also those that an analyzer has."""
    before = (*_MAY_BE_GIVEN, StepState.REFUSED, StepState.EXPIRED)
    return steps.move(conn, ids, StepState.CANCELLED, before, Change(author, now, reason))


# -- results --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reported:
    """A stored result as steps are looked up by: `lis_code` empty where no table of codes gave one."""

    result_id: int
    sample_id: str
    test_code: str
    lis_code: str
    line: str
    order_source: str
    is_final: bool


def note_results(conn: Connection, found: Sequence[Reported], now: float) -> dict[int, int]:
    """Steps get their results, by sample id and test; answers the step of each result that has one.

    A result of an id that could name several tubes, or of a test that nobody ordered, finds none.
    """
    specimens = _by_id(conn, {one.sample_id for one in found})
    if not specimens:
        return {}
    ids = [one.id for many in specimens.values() for one in many]
    open_steps = _open_steps(conn, ids)
    bound: dict[int, int] = {}
    moves: dict[str, list[Move]] = {}
    for one in found:
        specimen = _the_one(specimens, one.sample_id, one.order_source)
        step = _fitting(open_steps.get(specimen.id, ()), one) if specimen is not None else None
        if step is None:
            continue
        bound[one.result_id] = step.id
        moves.setdefault(one.line, []).append(_reported_move(step, one))
        if one.is_final:
            open_steps[step.specimen_id].remove(step)
    for line, ones in moves.items():
        steps.move_each(conn, ones, line, now)
    if bound:
        rows = [{"b_id": one, "b_at": now} for one in sorted(ids)]
        execute_many(conn, _TOUCH, rows)
    return bound


_TOUCH = (
    update(SPECIMENS)
    .where(SPECIMENS.c.id == bindparam("b_id"))
    .values(changed_at=bindparam("b_at"))
)


def _reported_move(step: _Step, result: Reported) -> Move:
    state = StepState.RESULTED if result.is_final else StepState.IN_PROCESS
    reportable = result.result_id if result.is_final else None
    reason = f"result {result.result_id}"
    return Move(step.id, state, result.line, step.test_code, reportable, reason)


def _fitting(rows: Sequence[_Step], result: Reported) -> _Step | None:
    """The open step of the result's test: this line's own before one that nobody has, never another line's."""
    fitting = [
        row
        for row in rows
        if row.line in (None, result.line)
        and (
            row.lis_code == (result.lis_code or result.test_code)
            or (row.line == result.line and row.test_code == result.test_code)
        )
    ]
    return min(fitting, key=lambda row: (row.line is None, row.id), default=None)


# -- looking up -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Specimen:
    id: int
    order_source: str
    sample_id: str
    sample_id_normal: str
    specimen_type: str | None
    patient_id: str | None
    patient_authority: str | None
    patient_name: str | None
    birth_date: str | None
    sex: str | None
    collected_at: float | None


@dataclass(frozen=True, slots=True)
class _Step:
    id: int
    specimen_id: int
    test_code: str
    lis_code: str
    line: str | None
    state: str
    test_name: str | None
    priority: str | None
    placer_number: str | None


_SPECIMEN_COLUMNS = tuple(SPECIMENS.c[name] for name in _Specimen.__dataclass_fields__)
_STEP_COLUMNS = (
    *(WORK_ORDER_STEPS.c[name] for name in _Step.__dataclass_fields__ if name != "placer_number"),
    ORDERS.c.placer_number,
)


@lru_cache(maxsize=16)
def _specimens_statement(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(*_SPECIMEN_COLUMNS).where(SPECIMENS.c.sample_id_normal.in_(wanted), _IN_USE)


@lru_cache(maxsize=16)
def _steps_statement(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(*_STEP_COLUMNS)
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .where(
            WORK_ORDER_STEPS.c.specimen_id.in_(wanted),
            OPEN_STEPS_JOINED,
        )
        .order_by(WORK_ORDER_STEPS.c.id)
    )


def _by_id(conn: Connection, sample_ids: set[str]) -> dict[str, list[_Specimen]]:
    """Specimens in use by the normal form of their sample id."""
    normal = sorted({normal_sample_id(one) for one in sample_ids} - {""})
    if not normal:
        return {}
    found: dict[str, list[_Specimen]] = {}
    for row in fetch_any(conn, _specimens_statement, normal):
        specimen = _Specimen(*row)
        found.setdefault(specimen.sample_id_normal, []).append(specimen)
    return found


def _the_one(
    found: Mapping[str, Sequence[_Specimen]], sample_id: str, source: str
) -> _Specimen | None:
    """The tube with exactly this id; None when another in use is so alike that a reader could confuse them."""
    alike = [
        one
        for one in found.get(normal_sample_id(sample_id), ())
        if not source or one.order_source == source
    ]
    return alike[0] if len(alike) == 1 and alike[0].sample_id == sample_id else None


def _named(conn: Connection, sample_ids: Sequence[str], source: str) -> list[_Specimen]:
    ids = list(dict.fromkeys(sample_ids))
    found = _by_id(conn, set(ids))
    named = (_the_one(found, one, source) for one in ids)
    return [one for one in named if one is not None]


def _with_pending(conn: Connection, source: str) -> list[_Specimen]:
    """Specimens with steps that nobody has, the oldest order first, without those that could be confused."""
    query = (
        select(*_SPECIMEN_COLUMNS)
        .join(WORK_ORDER_STEPS, WORK_ORDER_STEPS.c.specimen_id == SPECIMENS.c.id)
        .where(
            OPEN_STEPS_JOINED,
            _PENDING,
            _IN_USE,
        )
        .order_by(WORK_ORDER_STEPS.c.id)
        .limit(MOST_SPECIMENS * 20)
    )
    if source:
        query = query.where(SPECIMENS.c.order_source == source)
    ids = dict.fromkeys(row.sample_id for row in conn.execute(query))
    return _named(conn, list(ids)[:MOST_SPECIMENS], source)


def _open_steps(conn: Connection, specimen_ids: Sequence[int]) -> dict[int, list[_Step]]:
    if not specimen_ids:
        return {}
    found: dict[int, list[_Step]] = {}
    for row in fetch_any(conn, _steps_statement, list(specimen_ids)):
        step = _Step(*row)
        found.setdefault(step.specimen_id, []).append(step)
    return found


def _take(conn: Connection, mine: Sequence[tuple[_Step, str]], line: str, now: float) -> None:
    moves = [
        Move(row.id, StepState.CLAIMED, line, code, None, "the analyzer asked for it")
        for row, code in mine
        if row.state == StepState.PENDING
    ]
    steps.move_each(conn, moves, line, now)


def _work(specimen: _Specimen, mine: Sequence[tuple[_Step, str]]) -> SpecimenWork:
    collected = specimen.collected_at
    return SpecimenWork(
        sample_id=specimen.sample_id,
        specimen_type=specimen.specimen_type or "",
        collected_at=None if collected is None else datetime.fromtimestamp(collected, UTC),
        patient=_patient(specimen),
        steps=tuple(
            [
                WorkOrderStep(
                    id=row.id,
                    test_code=code,
                    lis_code=row.lis_code,
                    test_name=row.test_name or "",
                    placer_number=row.placer_number or "",
                    priority=Priority(row.priority) if row.priority else Priority.ROUTINE,
                )
                for row, code in mine
            ]
        ),
    )


def _patient(specimen: _Specimen) -> Patient | None:
    ids: tuple[Identifier, ...] = ()
    if specimen.patient_id:
        ids = (Identifier(id=specimen.patient_id, authority=specimen.patient_authority or ""),)
    patient = Patient(
        identifiers=ids,
        name=specimen.patient_name or "",
        birth_date=specimen.birth_date or "",
        sex=specimen.sex or "",
    )
    return None if patient == Patient() else patient
