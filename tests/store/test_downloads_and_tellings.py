"""Work is sent unasked under the rules of queries, put off when it is not taken, and changes are told afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from middleware.errors import StoreError
from middleware.model import (
    OrderAction,
    OrderAnswer,
    OrderFault,
    Priority,
    StepKind,
    StepState,
    ToTell,
)
from middleware.store import download, specimen_lookup, steps, work
from middleware.store.download import LONGEST_RETRY_S, Chosen
from middleware.store.steps import Change, FollowUp
from middleware.store.work import Claimer, Reported
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, claimer, ids, request, states

ANN = Change("ann", NOW, "tube broken")
TELLABLE = frozenset({"chem-1"})
NO_REPLY = Change("chem-1", NOW, "no reply")


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def sent(
    conn: Connection, chosen: Chosen | None = None, by: Claimer | None = None, now: float = NOW
) -> list[str]:
    given = download.claim_download(conn, by or claimer(), chosen or Chosen(most=10), now)
    return [one.sample_id for one in given]


def give(conn: Connection, *sample_ids: str) -> None:
    claim(conn, *sample_ids)
    for one in sample_ids:
        work.mark_sent(conn, ids(conn, one), "chem-1", NOW)


# -- downloads ------------------------------------------------------------------------------------


def test_what_is_due_is_sent_once_urgent_first(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2", priority=Priority.STAT))
    assert sent(conn, Chosen(most=1)) == ["S2"]
    assert sent(conn, Chosen(most=1)) == ["S1"]
    assert sent(conn) == []


def test_a_download_is_no_other_line_s_and_no_query_gets_it_elsewhere(conn: Connection) -> None:
    apply(conn, request("S1"))
    assert sent(conn) == ["S1"]
    assert sent(conn, by=claimer("chem-2")) == []
    assert claim(conn, "S1", by=claimer("chem-2")) == {}


def test_an_add_on_is_sent_alone_to_the_analyzer_that_knows_the_tube(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    apply(conn, request("S1", test="UREA"))
    (one,) = download.claim_download(conn, claimer(), Chosen(), NOW)
    assert [step.test_code for step in one.steps] == ["UREA"]
    assert one.is_known


def test_named_tubes_are_sent_again(conn: Connection) -> None:
    """It was switched off with the order in it, and a person sends it."""
    apply(conn, request("S1"), request("S2"))
    give(conn, "S1")
    assert sent(conn, Chosen(("S1", "S9"), most=5)) == ["S1"]


def test_a_rack_is_sent_by_position(conn: Connection) -> None:
    apply(conn, request("S1", carrier="R7", position="2"))
    apply(conn, request("S2", carrier="R7", position="1"), request("S3"))
    assert sent(conn, Chosen(carrier="R7", most=10)) == ["S2", "S1"]


def test_what_is_not_taken_is_due_later_and_later(conn: Connection) -> None:
    apply(conn, request("S1"))
    now, waits = NOW, []
    for _ in range(9):
        assert sent(conn, now=now) == ["S1"]
        due = download.not_taken(conn, ids(conn), Change("chem-1", now, "no reply"), 30.0)
        assert sent(conn, now=now) == []
        assert due is not None
        assert download.next_due(conn, claimer(), now) == due
        waits.append(due - now)
        now = due
    assert waits[:4] == [30.0, 60.0, 120.0, 240.0]
    assert waits[-1] == LONGEST_RETRY_S


def test_a_query_gets_at_once_what_waits_for_its_next_download(conn: Connection) -> None:
    apply(conn, request("S1"))
    sent(conn)
    download.not_taken(conn, ids(conn), NO_REPLY, 30.0)
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}


def test_an_analyzer_that_is_back_need_not_wait(conn: Connection) -> None:
    apply(conn, request("S1"))
    sent(conn)
    download.not_taken(conn, ids(conn), NO_REPLY, 30.0)
    download.due_now(conn, claimer())
    assert sent(conn) == ["S1"]


def test_after_a_restart_the_analyzer_s_results_come_first(conn: Connection) -> None:
    """Work that was on its way when the node died may be done already: it is not sent again at once."""
    apply(conn, request("S1"))
    sent(conn)
    work.free_all(conn, "node", NOW)
    apply(conn, request("S2"))
    download.due_now(conn, claimer())
    assert sent(conn) == ["S2"]
    due = NOW + work.RESULTS_FIRST_S
    assert download.next_due(conn, claimer(), NOW) == due
    assert claim(conn, "S1") != {}
    work.free(conn, ids(conn, "S1"), "chem-1", "not taken", NOW)
    assert sent(conn, now=due) == ["S1"]


def test_another_line_s_words_change_nothing(conn: Connection) -> None:
    """A reply that comes late, for work that is another analyzer's by now."""
    apply(conn, request("S1"))
    claim(conn, "S1", by=claimer("chem-2"))
    assert download.not_taken(conn, ids(conn), NO_REPLY, 30.0) is None
    assert work.mark_sent(conn, ids(conn), "chem-1", NOW) == []
    assert work.refuse(conn, ids(conn), "chem-1", "unknown test", NOW) == []
    assert work.free(conn, ids(conn), "chem-1", "lost", NOW) == []
    assert states(conn) == {"GLU": "claimed"}


def test_nothing_that_was_cancelled_is_sent(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2"))
    apply(conn, request("S1", action=OrderAction.CANCEL))
    assert sent(conn) == ["S2"]
    assert sent(conn, Chosen(("S1",), most=5)) == []


def follow_up_of(conn: Connection, **more: Any) -> FollowUp:
    """A rerun of the only test of S1, which has a result."""
    work.note_results(conn, [Reported(7, "S1", "GLU", "", "chem-1", "", is_final=True)], NOW)
    (tube,) = specimen_lookup.named(conn, ["S1"], "").values()
    return FollowUp(tube.id, ids(conn)[0], 7, "GLU", StepKind.RERUN, **more)


def test_work_for_one_line_only_is_no_other_s(conn: Connection) -> None:
    apply(conn, request("S1"))
    steps.add_follow_up(conn, follow_up_of(conn, dilution="10", only_line="chem-2"), ANN)
    assert sent(conn) == []
    assert claim(conn, "S1") == {}
    (one,) = download.claim_download(conn, claimer("chem-2"), Chosen(), NOW)
    assert (one.steps[0].kind, one.steps[0].dilution) == (StepKind.RERUN, "10")


def test_a_rerun_is_no_order_of_the_lis(conn: Connection) -> None:
    """The LIS says its order again: the test has its result, and the rerun is ours."""
    apply(conn, request("S1"))
    step_id = steps.add_follow_up(conn, follow_up_of(conn), ANN)
    assert work.cancel(conn, [step_id], ANN) == [step_id]
    assert apply(conn, request("S1"))[0].answer is OrderAnswer.UNCHANGED
    outcome = apply(conn, request("S1", action=OrderAction.CANCEL))[0]
    assert outcome.fault is OrderFault.TOO_LATE


def test_a_follow_up_of_nothing_is_refused(conn: Connection) -> None:
    with pytest.raises(StoreError, match="no ordered test 99"):
        steps.add_follow_up(conn, FollowUp(1, 99, None, "GLU", StepKind.RERUN), ANN)


# -- telling --------------------------------------------------------------------------------------


def test_a_person_s_cancel_of_what_an_analyzer_has_is_to_be_told(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    assert work.cancel(conn, ids(conn), ANN, TELLABLE) == ids(conn)
    (telling,) = download.to_tell(conn, "chem-1", 10)
    assert (telling.sample_id, telling.what) == ("S1", ToTell.CANCEL)
    assert download.told(conn, ids(conn), "chem-1", NOW) == ids(conn)
    assert download.to_tell(conn, "chem-1", 10) == []
    last = steps.history(conn, ids(conn))[-1]
    assert (last["state"], last["author"]) == ("cancelled", "chem-1")


def test_an_analyzer_that_cannot_be_told_is_not(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    work.cancel(conn, ids(conn), ANN)
    assert download.to_tell(conn, "chem-1", 10) == []


def test_what_nobody_has_need_not_be_told(conn: Connection) -> None:
    apply(conn, request("S1"))
    work.cancel(conn, ids(conn), ANN, TELLABLE)
    assert download.to_tell(conn, "chem-1", 10) == []


def test_a_cancel_of_work_that_never_arrived_need_not_be_told(conn: Connection) -> None:
    apply(conn, request("S1"))
    claim(conn, "S1")
    work.cancel(conn, ids(conn), ANN, TELLABLE)
    work.free(conn, ids(conn), "chem-1", "the connection was lost", NOW)
    assert download.to_tell(conn, "chem-1", 10) == []
    assert states(conn) == {"GLU": "cancelled"}


def test_a_cancel_of_work_that_did_arrive_is_told_until_the_analyzer_heard_it(
    conn: Connection,
) -> None:
    apply(conn, request("S1"))
    claim(conn, "S1")
    work.cancel(conn, ids(conn), ANN, TELLABLE)
    work.mark_sent(conn, ids(conn), "chem-1", NOW)
    due = download.not_taken(conn, ids(conn), NO_REPLY, 30.0)
    assert due == NOW + 30
    assert download.to_tell(conn, "chem-1", 10, NOW) == []
    assert download.next_due(conn, claimer(), NOW) == due
    assert len(download.to_tell(conn, "chem-1", 10, due)) == 1


def test_what_became_urgent_is_to_be_told_where_it_can_be(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    urgent = request("S1", action=OrderAction.CHANGE, priority=Priority.STAT)
    assert apply(conn, urgent)[0].fault is OrderFault.TOO_LATE
    assert apply(conn, urgent, tellable=TELLABLE)[0].answer is OrderAnswer.CHANGED
    (telling,) = download.to_tell(conn, "chem-1", 10)
    assert (telling.what, telling.step.priority) == (ToTell.CHANGE, Priority.STAT)


def test_a_change_of_what_is_on_its_way_is_too_late(conn: Connection) -> None:
    apply(conn, request("S1"))
    claim(conn, "S1")
    urgent = request("S1", action=OrderAction.CHANGE, priority=Priority.STAT)
    assert apply(conn, urgent, tellable=TELLABLE)[0].fault is OrderFault.TOO_LATE


def test_a_result_ends_what_was_to_be_told(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    urgent = request("S1", action=OrderAction.CHANGE, priority=Priority.STAT)
    apply(conn, urgent, tellable=TELLABLE)
    work.note_results(conn, [Reported(7, "S1", "GLU", "", "chem-1", "", is_final=True)], NOW)
    assert download.to_tell(conn, "chem-1", 10) == []


def test_a_person_lets_any_line_have_what_an_analyzer_refused(conn: Connection) -> None:
    apply(conn, request("S1"))
    claim(conn, "S1")
    work.refuse(conn, ids(conn), "chem-1", "no reagent", NOW)
    assert work.offer_again(conn, ids(conn), ANN) == ids(conn)
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}
    assert steps.history(conn, ids(conn))[-1]["state"] == StepState.CLAIMED


def test_what_another_analyzer_may_have_next_is_told_to_nobody(conn: Connection) -> None:
    """Found at random: the second analyzer was told of a change of what the first one had."""
    apply(conn, request("S1"))
    give(conn, "S1")
    apply(conn, request("S1", action=OrderAction.CHANGE, priority=Priority.STAT), tellable=TELLABLE)
    work.offer_again(conn, ids(conn), ANN)
    claim(conn, "S1", by=claimer("chem-2"))
    assert download.to_tell(conn, "chem-2", 10) == []
