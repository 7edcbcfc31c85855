"""Lanes: strict order, claims that write nothing, and a mark below which nothing waits."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import Connection, Engine

from middleware.store import audit, meta, outbox, verify
from middleware.store.outbox import ClaimRange
from middleware.store.outbox_statements import CLAIM
from middleware.store.schema import OutboxState
from tests.kit.store_rows import (
    ACCEPTED,
    DEFERRED,
    REFUSED,
    one_random_step,
    queue_messages,
    settle_all,
)


@pytest.fixture
def conn(engine: Engine):
    with engine.begin() as connection:
        yield connection


def claimed(conn: Connection, window: int = 16, within: ClaimRange = ClaimRange()) -> list[int]:  # noqa: B008
    return [row.number for row in outbox.claim(conn, "lis", 0, window, within)]


def low_water(conn: Connection) -> int:
    return outbox.lanes(conn)[0]["low_water"]


def test_a_claim_takes_the_oldest_first_and_writes_nothing(conn: Connection) -> None:
    """After a crash in the middle of a delivery the same messages are claimed again, in the same
    order.
    """
    numbers = queue_messages(conn, ["S-1", "S-2", "S-3"])
    assert claimed(conn, 2) == numbers[:2]
    assert claimed(conn, 2) == numbers[:2]
    assert outbox.get(conn, numbers[0])["attempts"] == 0


def test_a_claim_of_an_unused_lane_is_empty(conn: Connection) -> None:
    assert outbox.claim(conn, "lis", 3, 16) == []


def test_a_claim_ends_before_the_second_message_of_one_specimen(conn: Connection) -> None:
    """Two messages of one specimen are never under way together (DESIGN promise 3)."""
    numbers = queue_messages(conn, ["S-1", "S-2", "S-1", "S-3"])
    assert claimed(conn) == numbers[:2]
    assert claimed(conn, within=ClaimRange(specimens_once=False)) == numbers


def test_a_claim_skips_what_is_answered_but_not_settled_yet(conn: Connection) -> None:
    """A settle that rides in a later commit does not make the lane send twice."""
    numbers = queue_messages(conn, ["S-1", "S-2", "S-3"])
    answered = outbox.claim(conn, "lis", 0, 2)
    assert claimed(conn, within=ClaimRange(after_seq=answered[-1].lane_seq)) == numbers[2:]


def test_an_accepted_message_is_settled_with_the_lis_s_answer(conn: Connection) -> None:
    (number,) = queue_messages(conn, ["S-1"])
    settle_all(conn, outbox.claim(conn, "lis", 0, 16), ACCEPTED)
    row = outbox.get(conn, number)
    assert row["state"] == "accepted"
    assert (row["outcome_code"], row["reply"], row["settled_at"]) == ("AA", b"MSA|AA", 1002.0)
    assert row["attempts"] == 1
    assert outbox.counts(conn)["lis"] == {
        OutboxState.WAITING: 0,
        OutboxState.ACCEPTED: 1,
        OutboxState.REFUSED: 0,
        OutboxState.HELD: 0,
    }


def test_a_refused_message_in_the_middle_is_set_aside_and_the_lane_goes_on(
    conn: Connection,
) -> None:
    """A bad result never blocks the good ones behind it."""
    numbers = queue_messages(conn, ["S-1", "S-2", "S-3"])
    rows = outbox.claim(conn, "lis", 0, 16)
    settle_all(conn, rows[1:2], REFUSED)
    assert low_water(conn) == 0
    assert claimed(conn) == [numbers[0], numbers[2]]
    settle_all(conn, rows[:1], ACCEPTED)
    assert low_water(conn) == 2
    settle_all(conn, rows[2:], ACCEPTED)
    assert low_water(conn) == 3
    assert outbox.get(conn, numbers[1])["outcome_text"] == "unknown test"
    shown = outbox.listing(conn, outbox.OutboxFilter(state=OutboxState.REFUSED))
    assert [row["number"] for row in shown] == [numbers[1]]


def test_a_deferred_message_stays_at_the_head_and_counts_the_attempt(conn: Connection) -> None:
    numbers = queue_messages(conn, ["S-1", "S-2"])
    settle_all(conn, outbox.claim(conn, "lis", 0, 1), DEFERRED)
    settle_all(conn, outbox.claim(conn, "lis", 0, 1), DEFERRED)
    assert claimed(conn) == numbers
    row = outbox.get(conn, numbers[0])
    assert (row["attempts"], row["outcome_code"], row["state"]) == (2, "no_reply", "waiting")


def test_settling_twice_changes_nothing_the_second_time(conn: Connection) -> None:
    """A job of the writer may run again."""
    queue_messages(conn, ["S-1", "S-2"])
    rows = outbox.claim(conn, "lis", 0, 16)
    settle_all(conn, rows, ACCEPTED)
    settle_all(conn, rows, ACCEPTED)
    settle_all(conn, rows, REFUSED)
    assert outbox.counts(conn)["lis"][OutboxState.ACCEPTED] == 2
    assert outbox.counts(conn)["lis"][OutboxState.REFUSED] == 0


def test_a_message_below_the_mark_is_resent_at_the_end_with_the_same_control_id(
    conn: Connection,
) -> None:
    """The LIS sees the identical message again and applies it once."""
    numbers = queue_messages(conn, ["S-1", "S-2", "S-3"])
    before = outbox.get(conn, numbers[0])
    settle_all(conn, outbox.claim(conn, "lis", 0, 2), ACCEPTED)
    assert outbox.resend(conn, [numbers[0], 99], "a.person", 2000.0, "lost by the LIS") == [1]
    after = outbox.get(conn, numbers[0])
    assert after["lane_seq"] == 4
    assert (after["control_id"], after["payload"]) == (before["control_id"], before["payload"])
    assert (after["resends"], after["state"]) == (1, "waiting")
    assert claimed(conn) == [numbers[2], numbers[0]]
    assert [row["action"] for row in audit.listing(conn)] == ["outbox.resend"]


def test_a_held_message_is_passed_over_and_released_to_the_end(conn: Connection) -> None:
    numbers = queue_messages(conn, ["S-1", "S-2"])
    assert outbox.hold(conn, numbers[:1], "a.person", 2000.0) == numbers[:1]
    assert claimed(conn) == numbers[1:]
    assert outbox.hold(conn, numbers[:1], "a.person", 2000.0) == []
    assert outbox.release(conn, numbers, "a.person", 2001.0) == numbers[:1]
    assert claimed(conn) == [numbers[1], numbers[0]]
    assert outbox.get(conn, numbers[0])["resends"] == 0


def test_a_message_that_was_held_while_under_way_is_settled_all_the_same(
    conn: Connection,
) -> None:
    """The LIS has it: the truth is accepted, whatever a person wanted meanwhile."""
    numbers = queue_messages(conn, ["S-1", "S-2"])
    rows = outbox.claim(conn, "lis", 0, 2)
    outbox.hold(conn, numbers[:1], "a.person", 2000.0)
    settle_all(conn, rows, ACCEPTED)
    assert outbox.get(conn, numbers[0])["state"] == "accepted"
    assert outbox.counts(conn)["lis"][OutboxState.HELD] == 0
    assert outbox.counts(conn)["lis"][OutboxState.ACCEPTED] == 2


def test_numbers_are_never_given_twice(engine: Engine) -> None:
    """A control id names one message for ever; a rolled back transaction gave nothing away."""
    with engine.begin() as conn:
        assert outbox.allocate_numbers(conn, 3) == 1
    with engine.connect() as conn, conn.begin() as transaction:
        assert outbox.allocate_numbers(conn, 5) == 4
        transaction.rollback()
    with engine.begin() as conn:
        assert outbox.allocate_numbers(conn, 1) == 4


def test_a_control_id_fits_the_field_of_hl7() -> None:
    """MSH-10 holds 20 characters."""
    assert meta.control_id("ABC123", 42) == "ABC123-0000000042"
    assert len(meta.control_id("ABC123", 9_999_999_999)) <= 20


def test_the_oldest_waiting_message_is_the_head_of_the_lanes(conn: Connection) -> None:
    assert outbox.oldest_waiting(conn, "lis") is None
    queue_messages(conn, ["S-1", "S-2"])
    assert outbox.oldest_waiting(conn, "lis") == 1000.0
    settle_all(conn, outbox.claim(conn, "lis", 0, 1), ACCEPTED)
    assert outbox.oldest_waiting(conn, "lis") == 1001.0


def test_what_came_of_a_message_and_of_a_result_is_found(conn: Connection) -> None:
    numbers = queue_messages(conn, ["S-1", "S-2"])
    row = outbox.get(conn, numbers[1])
    assert [found["number"] for found in outbox.for_journal(conn, row["journal_id"])] == [2]
    assert outbox.for_results(conn, row["result_ids"]) == [(2, row["result_ids"][0])]


def test_claiming_starts_at_the_mark_whatever_was_delivered_before(conn: Connection) -> None:
    """The plan is a range of one index, bounded below by the mark: cost does not grow with what was
    sent.
    """
    values = {"of_connector": "lis", "of_lane": 0, "after_seq": 0, "window": 16}
    sql = CLAIM.compile(dialect=conn.dialect)
    filled = tuple(values.get(name, sql.binds[name].value) for name in sql.positiontup)
    plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", filled)]
    assert plan[0] == (
        "SEARCH outbox USING INDEX sqlite_autoindex_outbox_1 "
        "(connector=? AND lane=? AND lane_seq>?)"
    )
    assert not any("SCAN outbox" in step or "TEMP B-TREE" in step for step in plan)


@pytest.mark.slow
def test_claiming_behind_20000_delivered_messages_reads_no_more_rows(engine: Engine) -> None:
    """A LIS that was away for weeks is served as fast at the end as at the start."""

    def steps_of_a_claim(conn: Connection) -> int:
        seen = [0]

        def count() -> int:
            seen[0] += 1
            return 0

        raw = conn.connection.dbapi_connection
        raw.set_progress_handler(count, 10)
        assert len(outbox.claim(conn, "lis", 0, 16)) == 16
        raw.set_progress_handler(None, 0)
        return seen[0]

    with engine.begin() as conn:
        queue_messages(conn, [f"S-{n}" for n in range(16)])
        first = steps_of_a_claim(conn)
        settle_all(conn, outbox.claim(conn, "lis", 0, 16), ACCEPTED)
        for start in range(0, 20_000, 2000):
            queue_messages(conn, [f"S-{start + n}" for n in range(2000)])
        while len(rows := outbox.claim(conn, "lis", 0, 2000)) == 2000:
            settle_all(conn, rows, ACCEPTED)
        queue_messages(conn, [f"T-{n}" for n in range(16)])
        assert steps_of_a_claim(conn) <= first * 1.2 + 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_counters_and_marks_say_what_the_rows_say_after_anything(engine: Engine, seed: int) -> None:
    """Whatever people and lanes do in whatever order, the figures on the status page stay true."""
    chance = random.Random(seed)
    with engine.begin() as conn:
        for _ in range(60):
            one_random_step(conn, chance)
        assert verify.verify(conn).problems == ()
