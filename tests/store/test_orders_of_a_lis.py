"""Orders in the store: new, change, cancel, by specimen and test; said twice is done once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from middleware.model import OrderAction, OrderAnswer, OrderFault, Priority, StepKind
from middleware.store import order_facts, order_views, orders, relabel, steps, work
from middleware.store.steps import Change, FollowUp
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, claimer, ids, patient, request, states

DAY = 86400.0


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def cancel(test: str = "GLU", **more: object):
    return request(test=test, action=OrderAction.CANCEL, **more)


def test_each_ordered_test_becomes_a_pending_step(conn: Connection) -> None:
    outcomes = apply(conn, request(test="GLU"), request(test="UREA"))
    assert [one.answer for one in outcomes] == [OrderAnswer.ACCEPTED] * 2
    assert states(conn) == {"GLU": "pending", "UREA": "pending"}


def test_an_order_that_is_said_twice_is_one_order(conn: Connection) -> None:
    """The LIS did not hear our answer and sends the message again."""
    apply(conn, request())
    assert apply(conn, request())[0].answer is OrderAnswer.UNCHANGED
    assert len(ids(conn)) == 1


def test_a_cancelled_test_is_given_to_nobody(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"))
    assert apply(conn, cancel())[0].answer is OrderAnswer.CANCELLED
    assert claim(conn, "S1") == {"S1": ["UREA"]}


def test_a_cancel_without_a_test_cancels_the_whole_order(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"))
    assert apply(conn, cancel(test=""))[0].is_good
    assert set(states(conn).values()) == {"cancelled"}


def test_a_cancel_needs_only_the_number_of_the_order(conn: Connection) -> None:
    """ORM^O01 names no specimen when it cancels."""
    apply(conn, request())
    assert apply(conn, cancel(sample_id="", placer_number="O-S1"))[0].is_good
    assert states(conn) == {"GLU": "cancelled"}


def test_a_late_cancel_is_told_that_it_is_too_late_and_the_result_comes(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"))
    claim(conn, "S1", by=claimer(GLU="Glucose"))
    outcome = apply(conn, cancel(test=""))[0]
    assert outcome.answer is OrderAnswer.NOT_CANCELLED
    assert outcome.fault is OrderFault.TOO_LATE
    assert "GLU was given to chem-1" in outcome.text
    assert states(conn) == {"GLU": "claimed", "UREA": "cancelled"}


def test_a_cancel_of_an_order_that_was_given_in_part_says_what_is_cancelled(
    conn: Connection,
) -> None:
    """The system believes the order to stand: it must read which of its tests will have no result."""
    apply(conn, request(), request(test="NA"), request(test="K"))
    claim(conn, "S1", by=claimer(GLU="G"))
    (outcome,) = apply(conn, request(test="", action=OrderAction.CANCEL))
    assert outcome.answer is OrderAnswer.NOT_CANCELLED
    assert outcome.text.endswith("GLU was given to chem-1; cancelled: NA, K")
    assert states(conn) == {"GLU": "claimed", "NA": "cancelled", "K": "cancelled"}


def test_a_cancel_by_number_alone_is_refused_where_one_tube_is_another_patients(
    conn: Connection,
) -> None:
    """A system may count its orders from one again."""
    apply(conn, request(patient=patient(), placer_number="O1"))
    apply(conn, request("S2", patient=patient("P2"), placer_number="O1"))
    wanted = request("", "", OrderAction.CANCEL, placer_number="O1", patient=patient())
    (outcome,) = apply(conn, wanted)
    assert outcome.fault is OrderFault.OTHER_PATIENT
    assert (states(conn), states(conn, "S2")) == ({"GLU": "pending"}, {"GLU": "pending"})


def test_a_tube_takes_a_thousand_tests_and_no_more(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that orders the same again and again under new numbers holds up nobody else."""
    assert orders.MOST_TESTS == 1000
    monkeypatch.setattr(orders, "MOST_TESTS", 3)
    said = apply(conn, *[request(placer_number=f"O{number}") for number in range(4)])
    assert [one.fault for one in said] == [None, None, None, OrderFault.TOO_MANY]
    (again,) = apply(conn, request(placer_number="O1"))
    assert again.answer is OrderAnswer.UNCHANGED


@pytest.mark.parametrize("action", [OrderAction.CANCEL, OrderAction.CHANGE])
def test_a_word_about_a_former_label_is_answered_with_the_label_of_now(
    conn: Connection, action: OrderAction
) -> None:
    """The system was not told of the new label: who reads its refusal must find the tube."""
    apply(conn, request())
    relabel.relabel(conn, "S1", "N1", Change("ann", NOW))
    (outcome,) = apply(conn, request(action=action, priority=Priority.STAT))
    assert outcome.fault is OrderFault.UNKNOWN_ORDER
    assert "S1 was labelled anew and is N1 now" in outcome.text
    assert states(conn, "N1") == {"GLU": "pending"}


def test_a_cancel_of_what_nobody_ordered_is_refused(conn: Connection) -> None:
    assert apply(conn, cancel())[0].fault is OrderFault.UNKNOWN_ORDER


def test_a_test_can_be_ordered_again_after_its_cancel(conn: Connection) -> None:
    """Many a LIS uses one number for all tests of a specimen, and people change their minds."""
    apply(conn, request(), control_id="M1")
    apply(conn, cancel(), control_id="M2")
    assert apply(conn, request(), control_id="M3")[0].answer is OrderAnswer.ACCEPTED
    assert claim(conn, "S1") == {"S1": ["GLU"]}


def test_the_very_message_that_ordered_it_revives_nothing(conn: Connection) -> None:
    """It was late on another connection; the cancel was acknowledged meanwhile."""
    apply(conn, request(), control_id="M1")
    apply(conn, cancel(), control_id="M2")
    assert apply(conn, request(), control_id="M1")[0].answer is OrderAnswer.UNCHANGED
    assert claim(conn, "S1") == {}


def test_a_change_of_priority_reaches_an_open_step(conn: Connection) -> None:
    apply(conn, request())
    change = request(action=OrderAction.CHANGE, priority=Priority.STAT)
    assert apply(conn, change)[0].answer is OrderAnswer.CHANGED
    given = work.claim(conn, work.Wanted(("S1",)), claimer(), NOW)
    assert given[0].steps[0].priority is Priority.STAT


def test_a_change_that_names_a_new_test_adds_it(conn: Connection) -> None:
    apply(conn, request())
    apply(conn, request(test="UREA", action=OrderAction.CHANGE))
    assert states(conn) == {"GLU": "pending", "UREA": "pending"}


def test_a_change_never_moves_an_order_to_another_specimen(conn: Connection) -> None:
    apply(conn, request())
    moved = request("S2", action=OrderAction.CHANGE, placer_number="O-S1")
    assert apply(conn, moved)[0].fault is OrderFault.UNKNOWN_ORDER
    assert states(conn, "S2") == {}


def test_a_sample_id_in_use_takes_no_order_for_another_patient(conn: Connection) -> None:
    """Two patients on one tube: one of the two orders is wrong, and nobody can tell which."""
    apply(conn, request(patient=patient("P1")))
    outcome = apply(conn, request(test="UREA", patient=patient("P2")))[0]
    assert outcome.fault is OrderFault.OTHER_PATIENT
    assert states(conn) == {"GLU": "pending"}


def test_another_birth_date_is_another_patient(conn: Connection) -> None:
    apply(conn, request(patient=patient(birth_date="19700101")))
    other = request(test="UREA", patient=patient(birth_date="19800101"))
    assert apply(conn, other)[0].fault is OrderFault.OTHER_PATIENT


def test_a_sample_id_may_be_used_anew_long_after_its_work_ended(conn: Connection) -> None:
    apply(conn, request(patient=patient("P1")))
    apply(conn, cancel())
    early = apply(conn, request(patient=patient("P2")), now=NOW + 6 * DAY)
    assert early[0].fault is OrderFault.OTHER_PATIENT
    later = apply(conn, request(patient=patient("P2")), now=NOW + 8 * DAY)
    assert later[0].answer is OrderAnswer.ACCEPTED
    given = work.claim(conn, work.Wanted(("S1",)), claimer(), NOW + 8 * DAY)
    assert given[0].patient == patient("P2")


def test_open_work_keeps_a_sample_id_in_use(conn: Connection) -> None:
    apply(conn, request(patient=patient("P1")))
    outcome = apply(conn, request(patient=patient("P2")), now=NOW + 400 * DAY)[0]
    assert outcome.fault is OrderFault.OTHER_PATIENT


def test_two_order_sources_may_use_one_sample_id(conn: Connection) -> None:
    """Neither is confused with the other; a line that serves one of them gets that one's."""
    apply(conn, request(patient=patient("P1")))
    apply(conn, request(test="UREA", patient=patient("P2")), source="clinic")
    assert claim(conn, "S1", by=claimer(source="clinic")) == {"S1": ["UREA"]}


def test_the_history_of_a_step_says_who_did_what_and_why(conn: Connection) -> None:
    apply(conn, request())
    claim(conn, "S1")
    work.free(conn, ids(conn), "chem-1", "the connection was lost", NOW + 1)
    apply(conn, cancel(), now=NOW + 2)
    past = order_views.of_sample(conn, "S1")[0]["history"]
    assert [(one["state"], one["author"]) for one in past] == [
        ("pending", "lis"),
        ("claimed", "chem-1"),
        ("pending", "chem-1"),
        ("cancelled", "lis"),
    ]
    assert past[2]["reason"] == "the connection was lost"


@pytest.mark.parametrize("is_done", [False, True])
def test_a_reflex_test_that_the_lis_orders_too_is_one_test_with_the_number_of_its_order(
    conn: Connection, is_done: bool
) -> None:
    """The LIS heard of the reflex and answers with an order of its own: nothing is measured twice."""
    apply(conn, request(test="TSH", placer_number="O-TSH"))
    follow_up = FollowUp(1, ids(conn)[0], None, "FT4", StepKind.REFLEX)
    step = steps.add_follow_up(conn, follow_up, Change("lab", NOW, "TSH above 4.5"))
    state = "pending"
    if is_done:
        assert claim(conn, "S1") == {"S1": ["TSH", "FT4"]}
        said = work.Reported(7, "S1", "FT4", "FT4", "chem-1", "", is_final=True)
        assert work.note_results(conn, [said], NOW) == {7: step}
        state = "resulted"
    (outcome,) = apply(conn, request(test="FT4", placer_number="O-FT4"))
    assert outcome.answer is OrderAnswer.ACCEPTED
    assert states(conn)["FT4"] == state
    assert len(ids(conn)) == 2
    said_of_it = order_facts.of_steps(conn, [step])[step]
    assert (said_of_it["placer_number"], said_of_it["parent_placer"]) == ("O-FT4", None)
    (again,) = apply(conn, request(test="FT4", placer_number="O-FT4"))
    assert again.answer is OrderAnswer.UNCHANGED


def test_a_reflex_test_that_was_cancelled_is_ordered_anew(conn: Connection) -> None:
    apply(conn, request(test="TSH", placer_number="O-TSH"))
    follow_up = FollowUp(1, ids(conn)[0], None, "FT4", StepKind.REFLEX)
    step = steps.add_follow_up(conn, follow_up, Change("lab", NOW, "TSH above 4.5"))
    work.cancel(conn, [step], Change("ann", NOW))
    apply(conn, request(test="FT4", placer_number="O-FT4"))
    assert len(ids(conn)) == 3
    assert states(conn)["FT4"] == "pending"
