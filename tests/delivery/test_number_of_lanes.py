"""Another number of lanes in the settings strands no message, and lets none overtake another of its specimen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from middleware.delivery.lanes import lanes_in_force, lanes_to_serve
from middleware.store import outbox
from middleware.store.connection import Connection
from tests.kit.instant_store import empty_store
from tests.kit.store_rows import ACCEPTED, queue_messages


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def deliver(conn: Connection, lane: int) -> None:
    rows = outbox.claim(conn, "lis", lane, 10)
    outbox.settle(
        conn,
        [outbox.Settlement(row.number, "lis", lane, row.lane_seq, ACCEPTED, 2.0) for row in rows],
    )


def test_a_new_connector_has_the_lanes_of_its_settings(conn: Connection) -> None:
    """Nothing waits, so nothing can be overtaken."""
    assert lanes_in_force(conn, "lis", 4) == 4
    assert lanes_to_serve(conn, "lis", 4) == 4


@pytest.mark.parametrize("wanted", [1, 8])
def test_the_number_changes_only_when_nothing_waits(conn: Connection, wanted: int) -> None:
    """Four lanes with a backlog stay four; the first start without one has the new number."""
    assert lanes_in_force(conn, "lis", 4) == 4
    queue_messages(conn, ["S-1"], lane=2)
    assert lanes_in_force(conn, "lis", wanted) == 4
    deliver(conn, lane=2)
    assert lanes_in_force(conn, "lis", wanted) == wanted


def test_a_message_that_is_resent_is_served_in_the_lane_that_it_has(conn: Connection) -> None:
    """Its lane may be one that the settings do not have any more."""
    lanes_in_force(conn, "lis", 4)
    (number,) = queue_messages(conn, ["S-1"], lane=3)
    deliver(conn, lane=3)
    assert lanes_in_force(conn, "lis", 1) == 1
    outbox.resend(conn, [number], "ada", 3.0)
    assert lanes_to_serve(conn, "lis", 1) == 4


def test_a_store_from_before_the_number_was_noted_keeps_its_lanes(conn: Connection) -> None:
    """What waits tells which lanes there were."""
    queue_messages(conn, ["S-1"], lane=2)
    assert lanes_in_force(conn, "lis", 1) == 3
