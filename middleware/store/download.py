"""Work that is sent to an analyzer unasked, and what it is told of work that it has.

Re-runnable jobs of one transaction.
Downloads follow the rules of queries (`work.give`): one line, one commit before the bytes leave. What was not taken is
open for whoever asks, and is sent again later and later, up to an hour apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, func, or_, select, update

from middleware.model import SpecimenWork, StepState, ToTell, WorkOrderStep
from middleware.model.sample_id import SampleIdSteps
from middleware.store import pending, specimen_lookup, steps, work
from middleware.store.open_steps import OPEN_STEP_COLUMNS, OpenStep
from middleware.store.order_schema import TO_TELL, TO_TRY
from middleware.store.rows import execute_many, fetch
from middleware.store.schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.specimen_lookup import Tube
from middleware.store.steps import Change
from middleware.store.wanted import Chosen as Chosen
from middleware.store.wanted import Claimer
from middleware.store.work import Giving, Naming

MOST_LOOKED_AT = 1000
"""Tubes of one download, for those that are doubtful are not sent."""

LONGEST_RETRY_S = 3600.0
_MOST_DOUBLINGS = 16
_DOWNLOADED = "it is sent to the analyzer"
_AT_ANY_TIME = 1e18
KNOWS = "it took the message"
_AT_ANALYZER = (StepState.SENT, StepState.IN_PROCESS)
_STEP = WORK_ORDER_STEPS.c


def claim_download(
    conn: Connection, claimer: Claimer, chosen: Chosen, now: float
) -> list[SpecimenWork]:
    """Give a line what is to be sent to it, under the same rules as what it asks for."""
    source = claimer.order_source
    if not chosen.sample_ids and not chosen.carrier:
        return _claim_due(conn, claimer, chosen.most, now)
    if chosen.sample_ids:
        ids = list(dict.fromkeys(chosen.sample_ids))[: chosen.most]
        tubes = list(specimen_lookup.named(conn, ids, source).values())
    else:
        tubes = specimen_lookup.on_carrier(conn, chosen.carrier, source, now)[: chosen.most]
    return work.give(conn, _namings(tubes, claimer), claimer, Giving(now, _DOWNLOADED))


def _claim_due(conn: Connection, claimer: Claimer, most: int, now: float) -> list[SpecimenWork]:
    """What nobody has. Where the first tubes are doubtful and stay, more are looked at, up to MOST_LOOKED_AT."""
    how = Giving(now, _DOWNLOADED, is_again=False, by_urgency=True, most=most, due_at=now)
    for limit in (most + 1, MOST_LOOKED_AT):
        ids = pending.sample_ids(conn, claimer, now, limit)
        tubes = list(specimen_lookup.named(conn, ids, claimer.order_source).values())
        given = work.give(conn, _namings(tubes, claimer), claimer, how)
        if given or len(ids) < limit:
            return given
    return []


def _namings(tubes: Sequence[Tube], claimer: Claimer) -> list[Naming]:
    return [Naming(one, claimer.labelled_id(one.sample_id)) for one in tubes]


_TRIED = (
    update(WORK_ORDER_STEPS)
    .where(WORK_ORDER_STEPS.c.id == bindparam("b_id"))
    .values(tries=bindparam("b_tries"), try_at=bindparam("b_try_at"))
)


def not_taken(conn: Connection, ids: Sequence[int], change: Change, retry_s: float) -> float | None:
    """The analyzer did not take a download of these steps, or did not hear what it was told of them.

    `change.author` is the line. They are open again, and due after a wait of `retry_s` that doubles each time, up to an
    hour. Answers when the first one is due; None: none of them was on its way to this line.
    """
    line = change.author
    freed = work.free(conn, ids, line, change.reason, change.at)
    untold = select(_STEP.id).where(
        _STEP.id.in_(ids), _STEP.line == line, _STEP.to_tell.is_not(None)
    )
    waiting = [*freed, *map(int, conn.execute(untold).scalars())] if ids else []
    return _put_off(conn, waiting, retry_s, change.at)


def _put_off(conn: Connection, ids: Sequence[int], retry_s: float, now: float) -> float | None:
    query = select(_STEP.id, _STEP.tries).where(_STEP.id.in_(ids))
    rows = []
    for step_id, tries in conn.execute(query) if ids else ():
        wait = retry_s * 2 ** min(tries or 0, _MOST_DOUBLINGS)
        try_at = now + min(wait, max(retry_s, LONGEST_RETRY_S))
        rows.append({"b_id": step_id, "b_tries": (tries or 0) + 1, "b_try_at": try_at})
    execute_many(conn, _TRIED, rows)
    return min((row["b_try_at"] for row in rows), default=None)


_WAS_TRIED = WORK_ORDER_STEPS.c.tries.is_not(None)


def due_now(conn: Connection, claimer: Claimer) -> None:
    """The line's analyzer can be reached again: its work, and what it is to be told, need not wait for the next try.

    What was never tried waits for another reason (`work.free_all`).
    """
    of_the_menu = () if claimer.menu is None else (_STEP.lis_code.in_(sorted(claimer.menu)),)
    for wanted in (
        (_STEP.state == StepState.PENDING.value, *of_the_menu),
        (TO_TELL, _STEP.line == claimer.line),
    ):
        conn.execute(
            update(WORK_ORDER_STEPS).where(*wanted, TO_TRY, _WAS_TRIED).values(try_at=None)
        )


def next_due(conn: Connection, claimer: Claimer, now: float = 0.0) -> float | None:
    """When, after `now`, the next try of anything for the line is due; None: nothing waits for its time."""
    told_at = fetch(conn, _NEXT_TELLING, {"of_line": claimer.line, "after": now})[0][0]
    times = [pending.next_try(conn, claimer, now), told_at]
    return min((float(one) for one in times if one is not None), default=None)


# -- telling --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Telling:
    """What an analyzer is to be told of one step that it has; `sample_id` is what it reads on the tube."""

    sample_id: str
    step: WorkOrderStep
    what: ToTell


_TO_TELL = (
    select(*OPEN_STEP_COLUMNS, SPECIMENS.c.sample_id)
    .join(ORDERS, ORDERS.c.id == _STEP.order_id)
    .join(SPECIMENS, SPECIMENS.c.id == _STEP.specimen_id)
    .where(
        TO_TELL,
        _STEP.line == bindparam("of_line"),
        or_(_STEP.try_at.is_(None), _STEP.try_at <= bindparam("due_at")),
    )
    .order_by(_STEP.id)
    .limit(bindparam("most", type_=Integer, required=True))
)
_NEXT_TELLING = select(func.min(_STEP.try_at)).where(
    TO_TELL, _STEP.line == bindparam("of_line"), _STEP.try_at > bindparam("after")
)


def to_tell(
    conn: Connection,
    line: str,
    limit: int,
    now: float = _AT_ANY_TIME,
    names: SampleIdSteps | None = None,
) -> list[Telling]:
    """What the line's analyzer does not know yet and is due to be told, the oldest first.

    `names`: how it writes sample ids (`Claimer.names`).
    """
    row = {"of_line": line, "due_at": now, "most": limit}
    tellings = []
    for *columns, sample_id in fetch(conn, _TO_TELL, row):
        step = OpenStep(*columns)
        called = sample_id if names is None else names.as_labelled(sample_id)
        tellings.append(Telling(called, step.as_work(step.test_code), ToTell(step.to_tell or "")))
    return tellings


def told(
    conn: Connection, ids: Sequence[int], line: str, now: float, reason: str = KNOWS
) -> list[int]:
    """The analyzer answered what it was told of these steps; `reason` is what it said, where it will not do it.

    A step that the LIS asked to cancel is cancelled when the analyzer says that it is. Answers those of this line.
    """
    query = select(_STEP.id, _STEP.state, _STEP.to_tell).where(
        _STEP.id.in_(ids), _STEP.line == line, _STEP.to_tell.is_not(None)
    )
    rows = list(conn.execute(query)) if ids else []
    steps.told(conn, [row.id for row in rows])
    for row in rows:
        words = f"{_TOLD[ToTell(row.to_tell)]}: {reason}"
        change = Change(line, now, words)
        if reason == KNOWS and row.to_tell == ToTell.CANCEL and row.state in _AT_ANALYZER:
            steps.move(conn, [row.id], StepState.CANCELLED, _AT_ANALYZER, change)
        else:
            steps.note(conn, [row.id], StepState(row.state), change)
    return [row.id for row in rows]


_TOLD = {
    ToTell.CANCEL: "the analyzer was told to cancel it",
    ToTell.CHANGE: "the analyzer was told the change",
}
