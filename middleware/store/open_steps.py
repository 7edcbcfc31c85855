"""Open work order steps of specimens, as giving work and binding results read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Executable, Select, bindparam, select

from middleware.model import Priority, StepKind, WorkOrderStep
from middleware.store.order_schema import AWAITED_OF_TUBE, OPEN_OF_TUBE
from middleware.store.rows import fetch_any, marks
from middleware.store.schema import ORDERS, WORK_ORDER_STEPS

URGENT = (Priority.STAT.value, Priority.ASAP.value)
"""Priorities that go before all others, in their order; the index `steps_urgent` is of them."""

_URGENCY = {name: at for at, name in enumerate(URGENT)}
_NOT_URGENT = 2


class OpenStep(NamedTuple):
    """One step without a result."""

    id: int
    specimen_id: int
    test_code: str
    lis_code: str
    line: str | None
    only_line: str | None
    state: str
    test_name: str | None
    priority: str | None
    kind: str | None
    dilution: str | None
    to_tell: str | None
    try_at: float | None
    placer_number: str | None

    @property
    def urgency(self) -> int:
        """0 goes first."""
        return urgency(self.priority)

    def as_work(self, code: str) -> WorkOrderStep:
        """For an analyzer that calls the test `code`."""
        return WorkOrderStep(
            id=self.id,
            test_code=code,
            lis_code=self.lis_code,
            test_name=self.test_name or "",
            placer_number=self.placer_number or "",
            priority=Priority(self.priority) if self.priority else Priority.ROUTINE,
            kind=StepKind(self.kind) if self.kind else StepKind.ORDERED,
            dilution=self.dilution or "",
        )


OPEN_STEP_COLUMNS = (
    *(WORK_ORDER_STEPS.c[name] for name in OpenStep._fields if name != "placer_number"),
    ORDERS.c.placer_number,
)


@lru_cache(maxsize=16)
def _of_specimens(count: int) -> Executable:
    return _steps_of(count).where(OPEN_OF_TUBE)


@lru_cache(maxsize=16)
def _awaited_of_specimens(count: int) -> Executable:
    return _steps_of(count).where(AWAITED_OF_TUBE)


def _steps_of(count: int) -> Select[Any]:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(*OPEN_STEP_COLUMNS)
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .where(WORK_ORDER_STEPS.c.specimen_id.in_(wanted))
    )


def urgency(priority: str | None) -> int:
    """How far back a priority stands: 0 goes first."""
    return _URGENCY.get(priority or "", _NOT_URGENT)


def open_steps(conn: Connection, specimen_ids: Sequence[int]) -> dict[int, list[OpenStep]]:
    """By specimen, the oldest first."""
    return _by_specimen(fetch_any(conn, _of_specimens, list(specimen_ids)) if specimen_ids else [])


def awaited_steps(conn: Connection, specimen_ids: Sequence[int]) -> dict[int, list[OpenStep]]:
    """The same with those that an analyzer refused, and that expired: the LIS still waits for their results."""
    ids = list(specimen_ids)
    return _by_specimen(fetch_any(conn, _awaited_of_specimens, ids) if ids else [])


def _by_specimen(rows: Iterable[Sequence[Any]]) -> dict[int, list[OpenStep]]:
    found: dict[int, list[OpenStep]] = {}
    for row in sorted(rows, key=itemgetter(0)):
        step = OpenStep(*row)
        found.setdefault(step.specimen_id, []).append(step)
    return found
