"""What goes out with a result that answers an order: the order's number, its patient, its specimen. Read only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, bindparam, select

from middleware.model import StepKind
from middleware.store.order_schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.rows import fetch_any, marks

_PATIENT = ("patient_id", "patient_authority")
_SAID = ("specimen_type", "patient_name", "birth_date", "sex", "collected_at")


def of_steps(conn: Connection, step_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """For each work order step what it adds to the row of its result, or changes there.

    What the order says counts before what the analyzer says. A patient id goes with its authority, never alone.
    """
    names = ("id", "kind", "placer_number", *_PATIENT, *_SAID)
    found = {}
    for row in fetch_any(conn, _facts, sorted(step_ids)):
        values = dict(zip(names, row, strict=True))
        found[int(values["id"])] = _added(values)
    return found


def _added(values: Mapping[str, Any]) -> dict[str, Any]:
    is_reflex = values["kind"] == StepKind.REFLEX
    placer = values["placer_number"]
    added: dict[str, Any] = {
        "placer_number": None if is_reflex else placer,
        "parent_placer": placer if is_reflex else None,
        "is_reflex": is_reflex,
    }
    if values["patient_id"]:
        added |= {name: values[name] for name in _PATIENT}
    return added | {name: values[name] for name in _SAID if values[name] not in (None, "")}


@lru_cache(maxsize=16)
def _facts(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(
            WORK_ORDER_STEPS.c.id,
            WORK_ORDER_STEPS.c.kind,
            ORDERS.c.placer_number,
            *(SPECIMENS.c[name] for name in (*_PATIENT, *_SAID)),
        )
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .join(SPECIMENS, SPECIMENS.c.id == WORK_ORDER_STEPS.c.specimen_id)
        .where(WORK_ORDER_STEPS.c.id.in_(wanted))
    )
