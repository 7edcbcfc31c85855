"""Work is given to one line, sent, freed and finished; never the wrong work for a tube."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from middleware.model import OrderAction, OrderAnswer
from middleware.store import order_views, work
from middleware.store.work import Reported
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, claimer, ids, request, states


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def result(
    number: int = 1, sample_id: str = "S1", test: str = "GLU", line: str = "chem-1", **more: Any
) -> Reported:
    more.setdefault("lis_code", "")
    return Reported(number, sample_id, test, line=line, order_source="", is_final=True, **more)


def test_the_first_line_that_asks_is_given_the_work(conn: Connection) -> None:
    apply(conn, request())
    assert claim(conn, "S1", by=claimer("chem-1")) == {"S1": ["GLU"]}
    assert claim(conn, "S1", by=claimer("chem-2")) == {}


def test_the_same_line_may_ask_again_until_there_is_a_result(conn: Connection) -> None:
    """It was switched off with the order in it."""
    apply(conn, request())
    claim(conn, "S1")
    work.mark_sent(conn, ids(conn), "chem-1", NOW)
    assert claim(conn, "S1") == {"S1": ["GLU"]}
    assert states(conn) == {"GLU": "sent"}
    work.note_results(conn, [result()], NOW)
    assert claim(conn, "S1") == {}


def test_a_line_gets_only_tests_of_its_menu_under_its_own_codes(conn: Connection) -> None:
    apply(conn, request(test="GLU"), request(test="TSH"))
    assert claim(conn, "S1", by=claimer("chem-1", GLU="767")) == {"S1": ["767"]}
    assert claim(conn, "S1", by=claimer("immuno-1", TSH="10")) == {"S1": ["10"]}


def test_freed_work_is_open_for_any_line(conn: Connection) -> None:
    apply(conn, request())
    claim(conn, "S1", by=claimer("chem-1", GLU="767"))
    work.free(conn, ids(conn), "chem-1", "not taken", NOW)
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}


def test_what_the_analyzer_took_is_not_freed(conn: Connection) -> None:
    """An earlier answer was taken; the repeated one got lost."""
    apply(conn, request())
    claim(conn, "S1")
    work.mark_sent(conn, ids(conn), "chem-1", NOW)
    assert work.free(conn, ids(conn), "chem-1", "not taken", NOW) == []


def test_a_restart_frees_what_was_on_its_way(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"))
    claim(conn, "S1", by=claimer(GLU="767"))
    assert len(work.free_all(conn, "node", NOW)) == 1
    assert set(states(conn).values()) == {"pending"}


def test_tubes_that_a_reader_could_confuse_get_nothing(conn: Connection) -> None:
    """0012 and 12: some analyzer strips zeros, and the other patient's tests would be run."""
    apply(conn, request("0012"), request("12", test="TSH"))
    assert claim(conn, "0012", "12") == {}


def test_an_id_that_is_only_alike_is_another_tube(conn: Connection) -> None:
    apply(conn, request("0012"))
    assert claim(conn, "12") == {}
    assert claim(conn, "0012") == {"0012": ["GLU"]}


def test_one_sample_id_of_two_sources_is_given_to_no_line_that_serves_both(
    conn: Connection,
) -> None:
    apply(conn, request())
    apply(conn, request(), source="clinic")
    assert claim(conn, "S1") == {}


def test_a_query_for_everything_gets_all_open_work_of_the_menu(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2", test="TSH"), request("S3"))
    given = work.claim(conn, work.Wanted(is_for_all=True), claimer(GLU="767"), NOW)
    assert [one.sample_id for one in given] == ["S1", "S3"]


def test_a_result_finishes_the_step_of_its_sample_and_test(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"), request("S2"))
    claim(conn, "S1", by=claimer(GLU="767"))
    bound = work.note_results(conn, [result(7, test="767")], NOW)
    assert bound == {7: ids(conn)[0]}
    assert states(conn) == {"GLU": "resulted", "UREA": "pending"}
    assert states(conn, "S2") == {"GLU": "pending"}
    assert (
        order_views.listing(conn, order_views.StepFilter(sample_id="S1"))[1]["reportable_result_id"]
        == 7
    )


def test_a_result_that_comes_before_its_query_finishes_the_order_too(conn: Connection) -> None:
    """Somebody typed the tests in at the analyzer."""
    apply(conn, request())
    work.note_results(conn, [result(test="767", lis_code="GLU")], NOW)
    assert states(conn) == {"GLU": "resulted"}


def test_a_preliminary_result_leaves_the_step_in_process(conn: Connection) -> None:
    apply(conn, request())
    early = Reported(1, "S1", "GLU", "", "chem-1", "", is_final=False)
    work.note_results(conn, [early], NOW)
    assert states(conn) == {"GLU": "in_process"}


def test_a_result_that_nobody_ordered_binds_to_nothing(conn: Connection) -> None:
    apply(conn, request())
    found = [result(1, test="TSH"), result(2, sample_id="S9")]
    assert work.note_results(conn, found, NOW) == {}


def test_a_person_may_cancel_what_an_analyzer_has(conn: Connection) -> None:
    apply(conn, request())
    claim(conn, "S1")
    work.cancel(conn, ids(conn), "ann", "tube broken", NOW)
    assert work.mark_sent(conn, ids(conn), "chem-1", NOW) == []
    assert states(conn) == {"GLU": "cancelled"}


class World:
    """A LIS and two lines that do as they like, and what they may expect."""

    def __init__(self) -> None:
        self.conn = empty_store()
        self.given_to: dict[int, str] = {}
        self.cancelled: set[tuple[str, str]] = set()
        self.number = 0

    def act(self, word: str, sample: str, test: str, line: str) -> None:
        self.number += 1
        getattr(self, word)(sample, test, line)
        self.look()

    def order(self, sample: str, test: str, _line: str) -> None:
        if apply(self.conn, request(sample, test), control_id=f"M{self.number}")[0].is_good:
            self.cancelled.discard((sample, test))

    def cancel(self, sample: str, test: str, _line: str) -> None:
        outcome = apply(self.conn, request(sample, test, OrderAction.CANCEL))[0]
        if outcome.answer is OrderAnswer.CANCELLED:
            self.cancelled.add((sample, test))

    def claim(self, sample: str, _test: str, line: str) -> None:
        for one in work.claim(self.conn, work.Wanted((sample,)), claimer(line), NOW):
            assert one.sample_id == sample
            for step in one.steps:
                assert (sample, step.lis_code) not in self.cancelled
                assert self.given_to.setdefault(step.id, line) == line

    def send(self, _sample: str, _test: str, line: str) -> None:
        work.mark_sent(self.conn, self._of(line), line, NOW)

    def free(self, _sample: str, _test: str, line: str) -> None:
        for step_id in work.free(self.conn, self._of(line), line, "lost", NOW):
            del self.given_to[step_id]

    def restart(self, _sample: str, _test: str, _line: str) -> None:
        for step_id in work.free_all(self.conn, "node", NOW):
            del self.given_to[step_id]

    def result(self, sample: str, test: str, line: str) -> None:
        found = [result(self.number, sample, test, line)]
        for step_id in work.note_results(self.conn, found, NOW).values():
            row = order_views.by_ids(self.conn, [step_id])[0]
            assert (row["sample_id"], row["lis_code"]) == (sample, test)

    def look(self) -> None:
        """Every step is somewhere, and what is on its way or sent is its line's."""
        for row in order_views.listing(self.conn, order_views.StepFilter(limit=1000)):
            assert row["state"] in {"pending", "claimed", "sent", "resulted", "cancelled"}
            if row["state"] in ("claimed", "sent"):
                assert row["line"] == self.given_to[row["id"]]

    def _of(self, line: str) -> list[int]:
        return [one for one, owner in self.given_to.items() if owner == line]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["order", "cancel", "claim", "send", "free", "result", "restart"]),
        st.sampled_from(["S1", "S2"]),
        st.sampled_from(["GLU", "TSH"]),
        st.sampled_from(["chem-1", "chem-2"]),
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(ACTS)
def test_in_whatever_order_things_happen_no_step_is_lost_and_none_is_given_after_its_cancel(
    acts: list[tuple[str, str, str, str]],
) -> None:
    """Order, change of mind, query, answer, result and restart, interleaved at random."""
    world = World()
    for act in acts:
        world.act(*act)
    world.conn.rollback()
