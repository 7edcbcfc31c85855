"""Whatever comes in whatever order, a result is bound only to the tube that its sample id names, and reported once."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from middleware.errors import StoreError
from middleware.model import MeasuredTime, OrderAction
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.early_results import bind_early
from middleware.pipeline.prepare import Preparation
from middleware.pipeline.process import process
from middleware.store import results, work
from middleware.store.order_schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.results import ResultFilter
from middleware.store.schema import RESULTS
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, claimer, patient, request

IDS = ("12", "012", "A1", "a1", "B7", "B8")
TESTS = ("GLU", "NA", "K")
LINES = ("chem-1", "chem-2")
DAY_S = 86400.0
SETUPS = (made_setup(), made_setup(orders={"unordered": "hold"}))


class Site:
    """One store in which anything may happen at any time."""

    def __init__(self, conn: Any, seed: int) -> None:
        self.conn, self.random = conn, random.Random(seed)
        self.now = RECEIVED_AT
        self.setup = self.random.choice(SETUPS)

    def step(self) -> None:
        self.now += self.random.choice((1.0, 60.0, 4 * DAY_S))
        happening = self.random.choice(
            (self.order, self.order, self.claim, self.result, self.result, self.cancel, self.person)
        )
        happening()

    def order(self) -> None:
        sample_id, test = self.random.choice(IDS), self.random.choice(TESTS)
        one = request(sample_id, test, placer_number=f"O{self.random.randrange(4)}-{sample_id}")
        whose = patient(self.random.choice(("P1", "P2")), "")
        apply(self.conn, one.model_copy(update={"patient": whose}), now=self.now)
        bind_early(self.conn, [sample_id], self.now - 7 * DAY_S, self.setup, self.now)

    def cancel(self) -> None:
        sample_id, test = self.random.choice(IDS), self.random.choice(TESTS)
        placer = f"O{self.random.randrange(4)}-{sample_id}"
        cancel = request(sample_id, test, OrderAction.CANCEL, placer_number=placer)
        apply(self.conn, cancel, now=self.now)

    def claim(self) -> None:
        wanted = work.Wanted((self.random.choice(IDS),))
        work.claim(self.conn, wanted, claimer(self.random.choice(LINES)), self.now)

    def result(self) -> None:
        at = datetime.fromtimestamp(self.now - self.random.choice((0, 5 * DAY_S)), UTC)
        sent = made_result(
            self.random.choice(IDS),
            self.random.choice(TESTS),
            f"{self.random.randrange(1, 50)}.{self.random.randrange(9)}",
            measured=MeasuredTime(text=at.isoformat(), at=at),
        )
        entry = journaled(self.conn, line=self.random.choice(LINES), received_at=self.now)
        prepared = Preparation(self.setup).prepare(decoded(entry, sent))
        process(self.conn, [prepared], self.setup, self.now)

    def person(self) -> None:
        rows = results.listing(self.conn, ResultFilter(limit=20))
        if not rows:
            return
        verb = self.random.choice(("results.release", "results.reject", "results.rerun"))
        arguments = {"ids": [self.random.choice(rows)["id"]]}
        savepoint = self.conn.begin_nested()
        try:
            COMMANDS[verb](self.conn, arguments, "ann", self.setup, self.now)
        except (CommandRefused, StoreError):
            savepoint.rollback()
        else:
            savepoint.commit()


def bindings(conn: Any) -> list[Any]:
    """Every result that answers an ordered test, with the tube of that test."""
    query = (
        select(
            RESULTS.c.id,
            RESULTS.c.sample_id,
            RESULTS.c.received_at,
            RESULTS.c.test_code,
            SPECIMENS.c.sample_id.label("tube"),
            SPECIMENS.c.used_until,
            WORK_ORDER_STEPS.c.lis_code,
            ORDERS.c.specimen_id,
            WORK_ORDER_STEPS.c.specimen_id.label("of_step"),
        )
        .join(WORK_ORDER_STEPS, WORK_ORDER_STEPS.c.id == RESULTS.c.work_order_step_id)
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .join(SPECIMENS, SPECIMENS.c.id == WORK_ORDER_STEPS.c.specimen_id)
    )
    return list(conn.execute(query))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_result_never_strays(conn: Any, seed: int) -> None:
    """Also with ids that are alike, ids used again, cancels, reruns and decisions of people in between."""
    site = Site(conn, seed)
    bound_to: dict[int, tuple[str, int]] = {}
    for _ in range(120):
        site.step()
        for row in bindings(conn):
            assert row.sample_id == row.tube
            assert row.test_code == row.lis_code
            assert row.specimen_id == row.of_step
            assert bound_to.setdefault(row.id, (row.tube, row.of_step)) == (row.tube, row.of_step)
    assert bound_to
    check_reported(conn)


def check_reported(conn: Any) -> None:
    """Of the runs of a step one is reported, and it is that which the LIS heard of last."""
    rows = conn.execute(select(RESULTS).where(RESULTS.c.release_state == "released")).mappings()
    released = {row["id"]: row for row in rows}
    corrected = {row["supersedes"] for row in released.values()}
    done = conn.execute(select(WORK_ORDER_STEPS).where(WORK_ORDER_STEPS.c.state == "resulted"))
    for step in done.mappings():
        mine = [one for one in released.values() if one["work_order_step_id"] == step["id"]]
        last = [one["id"] for one in mine if one["id"] not in corrected]
        assert len(last) <= 1
        if last:
            assert step["reportable_result_id"] == last[0]
