"""A panel is each of its tests in the store, and one order for the LIS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from middleware.delivery.connector import ReceivedOrders, TakenOrders
from middleware.model import OrderAction, OrderAnswer, OrderFault, OrderOutcome, OrderRequest
from middleware.pipeline.orders import Orders, _judged
from middleware.pipeline.panels import as_one, each_test
from middleware.settings.schema import MOST_TESTS_OF_A_PANEL, CodesTable
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.orders import apply, claim, request, states

PANELS = {"BMP": ("NA", "K", "GLU")}


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def say(conn: Connection, wanted: OrderRequest) -> OrderOutcome:
    return as_one(apply(conn, *each_test(wanted, PANELS)))


def test_a_panel_is_ordered_as_its_tests_and_answered_once(conn: Connection) -> None:
    assert say(conn, request(test="BMP")).answer is OrderAnswer.ACCEPTED
    assert claim(conn, "S1") == {"S1": ["NA", "K", "GLU"]}


def test_what_is_no_panel_is_a_test(conn: Connection) -> None:
    say(conn, request(test="TSH"))
    assert states(conn) == {"TSH": "pending"}


def test_a_panel_that_is_said_twice_is_ordered_once(conn: Connection) -> None:
    say(conn, request(test="BMP"))
    assert say(conn, request(test="BMP")).answer is OrderAnswer.UNCHANGED
    say(conn, request(test="K", action=OrderAction.CANCEL))
    assert say(conn, request(test="BMP")).answer is OrderAnswer.ACCEPTED


def test_the_cancel_of_a_panel_cancels_its_tests(conn: Connection) -> None:
    say(conn, request(test="BMP"))
    say(conn, request(test="TSH"))
    assert say(conn, request(test="BMP", action=OrderAction.CANCEL)).is_good
    assert states(conn) == {
        "NA": "cancelled",
        "K": "cancelled",
        "GLU": "cancelled",
        "TSH": "pending",
    }


def test_a_test_that_was_taken_out_of_the_order_does_not_hinder_the_cancel(
    conn: Connection,
) -> None:
    """The table of panels may have grown since it was ordered."""
    say(conn, request(test="NA"))
    outcome = say(conn, request(test="BMP", action=OrderAction.CANCEL))
    assert outcome.answer is OrderAnswer.CANCELLED


def test_the_cancel_of_a_panel_that_nobody_ordered_is_refused(conn: Connection) -> None:
    outcome = say(conn, request(test="BMP", action=OrderAction.CANCEL))
    assert outcome.fault is OrderFault.UNKNOWN_ORDER


def test_a_panel_of_which_an_analyzer_has_a_test_is_cancelled_too_late(conn: Connection) -> None:
    say(conn, request(test="NA"))
    claim(conn, "S1")
    say(conn, request(test="BMP"))
    outcome = say(conn, request(test="BMP", action=OrderAction.CANCEL))
    assert outcome.fault is OrderFault.TOO_LATE
    assert "NA was given to chem-1" in outcome.text
    assert states(conn) == {"NA": "claimed", "K": "cancelled", "GLU": "cancelled"}


def test_a_message_of_a_panel_has_one_outcome_for_it(conn: Connection) -> None:
    """The site's settings say what a panel is; the connector answers what it was asked."""
    setup = replace(made_setup(), panels=PANELS)
    writer: Any = InstantWriter(conn)
    orders = Orders(writer, FakeClock(), lambda: setup)
    wanted = (request(test="BMP"), request(test="TSH"))
    taken: list[TakenOrders] = []
    received = ReceivedOrders("lis", "lis", b"", b"", requests=wanted)
    Deferred.fromCoroutine(orders.take(received)).addCallback(taken.append)
    assert [one.answer for one in taken[0].outcomes] == [OrderAnswer.ACCEPTED] * 2
    assert set(states(conn)) == {"NA", "K", "GLU", "TSH"}


def test_a_panel_with_a_test_that_nobody_does_is_refused_whole() -> None:
    judged = _judged(request(test="BMP"), frozenset({"NA", "GLU"}), PANELS)
    assert judged.refusal is not None
    assert judged.refusal.text == "no analyzer here does the test K"


@pytest.mark.parametrize(
    "panels",
    [
        {"BMP": []},
        {"BMP": ["NA", "NA"]},
        {"BMP": ["NA", ""]},
        {"BMP": ["NA"], "BIG": ["BMP", "TSH"]},
        {"BMP": ["BMP"]},
        {"": ["NA"]},
        {"BMP": [f"T{number}" for number in range(MOST_TESTS_OF_A_PANEL + 1)]},
    ],
)
def test_a_table_of_panels_that_means_nothing_is_refused(panels: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError):
        CodesTable.model_validate({"panels": panels})
