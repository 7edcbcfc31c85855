"""Specimens with steps that nobody has and that one line may do: urgent ones first, then the oldest order.

Each test of the line's menu is one search of an index, so the cost does not grow with the work of other analyzers.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, Integer, Select, bindparam, func, or_, select, text

from middleware.store.open_steps import URGENT, urgency
from middleware.store.order_schema import OPEN_STEPS_JOINED, TO_TRY
from middleware.store.rows import fetch
from middleware.store.schema import SPECIMENS, WORK_ORDER_STEPS
from middleware.store.wanted import Claimer

_PENDING = text("work_order_steps.state = 'pending'")
# As a term that no index fits: the few steps with a next try are found by that.
_PENDING_ANYWHERE = text("work_order_steps.state || '' = 'pending'")
_URGENT = text("work_order_steps.priority IN ('stat', 'asap')")
_TESTS_OF_A_TUBE = 4
_LATER_PORTION = 1000
"""Rows of one statement, where the first ones were of specimen types that the analyzer does not take."""

_STEP = WORK_ORDER_STEPS.c


class _By(Enum):
    """What a search goes by."""

    PRIORITY = "priority"
    CODE = "code"
    NOTHING = "nothing"


@lru_cache(maxsize=64)
def _statement(by: _By, *, has_source: bool, is_arrived: bool) -> Executable:
    query = (
        _mine(has_source, is_arrived)
        .where(_PENDING)
        .with_only_columns(
            _STEP.specimen_id,
            _STEP.id,
            _STEP.priority,
            SPECIMENS.c.sample_id,
            _STEP.lis_code,
            SPECIMENS.c.specimen_type,
        )
    )
    after = bindparam("after", type_=Integer, required=True)
    if by is _By.PRIORITY:
        query = query.where(_URGENT, _STEP.priority == bindparam("of_priority"), _STEP.id > after)
    elif by is _By.CODE:
        query = query.where(_STEP.lis_code == bindparam("of_code"), _STEP.id > after)
    else:  # the sum: else SQLite reads the whole table by id, with all that is finished
        query = query.where(OPEN_STEPS_JOINED, _STEP.id + 0 > after)
    return (
        query.where(or_(_STEP.try_at.is_(None), _STEP.try_at <= bindparam("due_at")))
        .order_by(_STEP.id)
        .limit(bindparam("most", type_=Integer, required=True))
    )


@lru_cache(maxsize=16)
def _next_statement(*, has_source: bool, is_arrived: bool) -> Executable:
    """Of the few steps that wait for their next download."""
    return (
        _mine(has_source, is_arrived)
        .where(_PENDING_ANYWHERE, TO_TRY, _STEP.try_at > bindparam("after"))
        .with_only_columns(_STEP.lis_code, func.min(_STEP.try_at))
        .group_by(_STEP.lis_code)
    )


def _mine(has_source: bool, is_arrived: bool) -> Select[Any]:
    """Steps that the line may be given while they are pending."""
    query = (
        select(_STEP.id)
        .join(SPECIMENS, SPECIMENS.c.id == _STEP.specimen_id)
        .where(
            SPECIMENS.c.used_until.is_(None),
            or_(_STEP.only_line.is_(None), _STEP.only_line == bindparam("of_line")),
        )
    )
    if has_source:
        query = query.where(SPECIMENS.c.order_source == bindparam("of_source"))
    if is_arrived:
        query = query.where(SPECIMENS.c.arrived_at.is_not(None))
    return query


def sample_ids(conn: Connection, claimer: Claimer, due_at: float, most: int) -> list[str]:
    """The ids of at most `most` specimens with steps that the line may do and that are due, in their order."""
    found: dict[int, tuple[int, int, str]] = {}
    for by, row in _searches(claimer):
        statement = _statement(
            by, has_source=bool(claimer.order_source), is_arrived=not claimer.before_arrival
        )
        one = _Search(statement, {**row, "due_at": due_at})
        for specimen, place in _first_of(conn, one, claimer, most):
            found[specimen] = min(found.get(specimen, place), place)
    return [sample_id for _, _, sample_id in sorted(found.values())[:most]]


class _Search(NamedTuple):
    statement: Executable
    row: dict[str, Any]


def _first_of(
    conn: Connection, search: _Search, claimer: Claimer, most: int
) -> Iterator[tuple[int, tuple[int, int, str]]]:
    """Of one search the first `most` specimens whose type this analyzer takes for the test, and their places."""
    # By code, a tube has one row.
    portion = most if "of_code" in search.row else most * _TESTS_OF_A_TUBE
    after, specimens = 0, set[int]()
    while len(specimens) < most:
        row = {**search.row, "after": after, "most": portion}
        rows = fetch(conn, search.statement, row)
        for specimen, step, priority, sample_id, code, kind in rows:
            if claimer.code_for(code, kind or "") is not None:
                specimens.add(specimen)
                yield specimen, (urgency(priority), step, sample_id)
        if len(rows) < portion:
            return
        after, portion = rows[-1][1], max(portion, _LATER_PORTION)


def next_try(conn: Connection, claimer: Claimer, now: float) -> float | None:
    """When, after `now`, the first step of the line that waits for its next download is due."""
    statement = _next_statement(
        has_source=bool(claimer.order_source), is_arrived=not claimer.before_arrival
    )
    row = {"of_line": claimer.line, "of_source": claimer.order_source, "after": now}
    rows = fetch(conn, statement, row)
    times = [at for code, at in rows if claimer.menu is None or code in claimer.menu]
    return min(map(float, times), default=None)


def _searches(claimer: Claimer) -> Iterator[tuple[_By, dict[str, Any]]]:
    """What is urgent, then each test of the menu, or everything where there is none."""
    row = {"of_line": claimer.line, "of_source": claimer.order_source}
    for priority in URGENT:
        yield _By.PRIORITY, {**row, "of_priority": priority}
    if claimer.menu is None:
        yield _By.NOTHING, row
        return
    for code in sorted(claimer.menu):
        yield _By.CODE, {**row, "of_code": code}
