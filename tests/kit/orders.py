"""Orders for tests: requests, occasions, and the states of what came of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from middleware.model import Identifier, OrderAction, OrderOutcome, OrderRequest, Patient
from middleware.store import order_views, orders, work
from middleware.store.order_views import StepFilter
from middleware.store.orders import OrderOccasion

NOW = 1_900_000_000.0


def patient(number: str = "P1", birth_date: str = "19700101") -> Patient:
    return Patient(
        identifiers=(Identifier(id=number, authority="HOSP"),),
        name="Sample^Ann",
        birth_date=birth_date,
        sex="F",
    )


def request(
    sample_id: str = "S1", test: str = "GLU", action: OrderAction = OrderAction.NEW, **more: Any
) -> OrderRequest:
    more.setdefault("placer_number", f"O-{sample_id}")
    return OrderRequest(action=action, sample_id=sample_id, test_code=test, **more)


def occasion(now: float = NOW, source: str = "lis", **more: Any) -> OrderOccasion:
    return OrderOccasion(source=source, author="lis", now=now, **more)


def apply(conn: Connection, *requests: OrderRequest, **more: Any) -> list[OrderOutcome]:
    return orders.apply(conn, requests, occasion(**more))


def claimer(line: str = "chem-1", source: str = "", **codes: str) -> work.Claimer:
    """A line that does every test under its own code, or only those of `codes` (as ordered -> its code)."""

    def code_for(lis_code: str, _specimen_type: str) -> str | None:
        return codes.get(lis_code) if codes else lis_code

    return work.Claimer(line, code_for, source)


def claim(
    conn: Connection, *sample_ids: str, by: work.Claimer | None = None
) -> dict[str, list[str]]:
    """The tests given for each sample id."""
    given = work.claim(conn, work.Wanted(sample_ids), by or claimer(), NOW)
    return {one.sample_id: [step.test_code for step in one.steps] for one in given}


def states(conn: Connection, sample_id: str = "S1") -> dict[str, str]:
    """The newest state of each test of a sample id."""
    rows = order_views.listing(conn, StepFilter(sample_id=sample_id, limit=1000))
    return {row["lis_code"]: row["state"] for row in rows[::-1]}


def ids(conn: Connection, sample_id: str = "S1") -> list[int]:
    rows = order_views.listing(conn, StepFilter(sample_id=sample_id, limit=1000))
    return [row["id"] for row in rows[::-1]]
