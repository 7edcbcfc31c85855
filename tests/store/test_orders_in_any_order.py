"""Whatever happens in whatever order: no step is lost, none goes to two lines, none is given after its cancel, and a
result binds to nothing but the tube that its identifier names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.model import OrderAction, Priority, SpecimenWork, StepKind
from middleware.store import download, expiry, order_views, relabel, specimen_lookup, steps, work
from middleware.store.download import Chosen
from middleware.store.expiry import Terms
from middleware.store.relabel import CannotRelabel
from middleware.store.steps import Change, FollowUp
from middleware.store.work import Reported, Wanted
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claimer, request

HOUR = 3600.0
TERMS = Terms(20 * HOUR, 2000 * HOUR, {"chem-1": 3 * HOUR, "chem-2": 3 * HOUR})
TELLABLE = frozenset({"chem-1"})
SAMPLES = ["S1", "S2", "0S2"]
TESTS = ["GLU", "TSH"]
LINES = ["chem-1", "chem-2"]


class World:
    """A LIS, a person and two analyzers that do as they like, and what they may expect."""

    def __init__(self) -> None:
        self.conn = empty_store()
        self.now = NOW
        self.number = 0
        self.cancelled: set[int] = set()
        self.known: set[int] = set()
        self.formers: set[str] = set()

    def act(self, word: str, sample: str, test: str, line: str) -> None:
        self.number += 1
        self.now += 60.0
        getattr(self, word)(sample, test, line)
        self.look()

    # -- the LIS

    def order(self, sample: str, test: str, _line: str) -> None:
        outcome = self._say(request(sample, test))
        if sample in self.formers and sample not in self._labels():
            assert not outcome.is_good

    def change(self, sample: str, test: str, _line: str) -> None:
        self._say(request(sample, test, OrderAction.CHANGE, priority=Priority.STAT))

    def cancel(self, sample: str, test: str, _line: str) -> None:
        if self._say(request(sample, test, OrderAction.CANCEL)).is_good:
            self._now_cancelled()

    def _say(self, wanted: Any) -> Any:
        return apply(
            self.conn, wanted, now=self.now, control_id=f"M{self.number}", tellable=TELLABLE
        )[0]

    # -- analyzers

    def claim(self, sample: str, _test: str, line: str) -> None:
        before = self._rows()
        found = work.claim(self.conn, Wanted((sample,)), claimer(line), self.now)
        assert {one.sample_id for one in found} <= {sample}
        self._may_have(found, before, line)

    def claim_all(self, _sample: str, _test: str, line: str) -> None:
        before = self._rows()
        wanted = Wanted(ranges=(("S1", "S9"),)) if self.number % 2 else Wanted(is_for_all=True)
        self._may_have(work.claim(self.conn, wanted, claimer(line), self.now), before, line)

    def download(self, sample: str, _test: str, line: str) -> None:
        before = self._rows()
        chosen = Chosen((sample,)) if self.number % 2 else Chosen(most=3)
        found = download.claim_download(self.conn, claimer(line), chosen, self.now)
        self._may_have(found, before, line)

    def send(self, _sample: str, _test: str, line: str) -> None:
        work.mark_sent(self.conn, self._claimed(line), line, self.now)

    def lose(self, _sample: str, _test: str, line: str) -> None:
        lost = Change(line, self.now, "lost")
        download.not_taken(self.conn, self._claimed(line), lost, 30.0)

    def refuse(self, _sample: str, _test: str, line: str) -> None:
        work.refuse(self.conn, self._claimed(line), line, "no reagent", self.now)

    def late_words(self, _sample: str, _test: str, line: str) -> None:
        """Of a line about steps that are not its own: nothing changes."""
        before = self._rows()
        other = [one for one, row in before.items() if row["line"] not in (None, line)]
        work.mark_sent(self.conn, other, line, self.now)
        work.refuse(self.conn, other, line, "no", self.now)
        work.free(self.conn, other, line, "no", self.now)
        assert self._rows() == before

    def result(self, sample: str, test: str, line: str) -> None:
        found = [Reported(self.number, sample, test, "", line, "", is_final=self.number % 3 > 0)]
        for step_id in work.note_results(self.conn, found, self.now).values():
            row = order_views.by_ids(self.conn, [step_id])[0]
            assert (row["sample_id"], row["lis_code"]) == (sample, test)
            assert step_id not in self.cancelled

    # -- people and time

    def drop(self, sample: str, test: str, _line: str) -> None:
        ids = [
            one
            for one, row in self._rows().items()
            if (row["sample_id"], row["lis_code"]) == (sample, test)
        ]
        work.cancel(self.conn, ids, Change("ann", self.now, "tube broken"), TELLABLE)
        self._now_cancelled()

    def offer(self, sample: str, _test: str, _line: str) -> None:
        ids = [one for one, row in self._rows().items() if row["sample_id"] == sample]
        work.offer_again(self.conn, ids, Change("ann", self.now))

    def rerun(self, sample: str, test: str, line: str) -> None:
        tubes = specimen_lookup.named(self.conn, [sample], "")
        for one, row in self._rows().items():
            is_it = (row["sample_id"], row["lis_code"], row["state"]) == (sample, test, "resulted")
            if is_it and sample in tubes:
                follow_up = FollowUp(tubes[sample].id, one, self.number, test, StepKind.RERUN)
                steps.add_follow_up(self.conn, follow_up, Change("ann", self.now))
                return

    def relabel(self, sample: str, _test: str, _line: str) -> None:
        try:
            relabel.relabel(self.conn, sample, f"N{self.number}", Change("ann", self.now))
        except CannotRelabel:
            return
        self.formers.add(sample)

    def restart(self, _sample: str, _test: str, _line: str) -> None:
        work.free_all(self.conn, "node", self.now)

    def wait(self, _sample: str, _test: str, _line: str) -> None:
        self.now += 4 * HOUR
        on_their_way = {one for one, row in self._rows().items() if row["state"] == "claimed"}
        expiry.expire(self.conn, self.now, TERMS, "node")
        rows = self._rows()
        assert all(rows[one]["state"] == "claimed" for one in on_their_way)

    # -- what must hold

    def look(self) -> None:
        rows = self._rows()
        assert self.known <= set(rows)
        self.known = set(rows)
        last = {one["step_id"]: one for one in steps.history(self.conn, sorted(rows))}
        for step_id, row in rows.items():
            assert row["state"] == last[step_id]["state"]
            if row["state"] in ("claimed", "sent"):
                assert row["line"] in LINES
            if row["state"] == "pending":
                assert row["line"] is None
            if step_id in self.cancelled:
                assert row["state"] == "cancelled"
        for telling in download.to_tell(self.conn, "chem-1", 50):
            assert rows[telling.step.id]["line"] == "chem-1"
        assert download.to_tell(self.conn, "chem-2", 50) == []

    def _may_have(
        self, found: Iterable[SpecimenWork], before: dict[int, dict[str, Any]], line: str
    ) -> None:
        for one in found:
            for step in one.steps:
                row = before[step.id]
                assert row["sample_id"] == one.sample_id
                assert step.id not in self.cancelled
                assert row["state"] == "pending" or row["line"] == line

    def _rows(self) -> dict[int, dict[str, Any]]:
        wanted = order_views.StepFilter(limit=1000)
        return {row["id"]: row for row in order_views.listing(self.conn, wanted)}

    def _labels(self) -> set[str]:
        return {row["sample_id"] for row in self._rows().values()}

    def _claimed(self, line: str) -> list[int]:
        return [
            one
            for one, row in self._rows().items()
            if (row["state"], row["line"]) == ("claimed", line)
        ]

    def _now_cancelled(self) -> None:
        self.cancelled |= {one for one, row in self._rows().items() if row["state"] == "cancelled"}


WORDS = [
    *["order"] * 4,
    *["claim", "download", "send", "result"] * 2,
    *["change", "cancel", "claim_all", "lose", "refuse", "late_words", "drop"],
    *["offer", "rerun", "relabel", "restart", "wait"],
]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.sampled_from(SAMPLES),
        st.sampled_from(TESTS),
        st.sampled_from(LINES),
    ),
    max_size=30,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(ACTS)
def test_in_whatever_order_things_happen_nothing_is_lost_and_nothing_cancelled_is_given(
    acts: list[tuple[str, str, str, str]],
) -> None:
    """Orders, changes of mind, queries, downloads, replies, results, new labels, restarts and time, interleaved."""
    world = World()
    for act in acts:
        world.act(*act)
    world.conn.rollback()
