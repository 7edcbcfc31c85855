"""One ordered queue: nothing is lost, nothing overtakes, nothing bad stops the good (promise 3)."""

from __future__ import annotations

import pytest

from middleware.delivery.lane import PAUSE_PROBE_S, STORE_RETRY_S
from middleware.model import Outcome, OutcomeKind
from middleware.store import outbox
from middleware.store.writer import Topic, WriteQueue
from tests.kit.lane_bench import ACCEPTED, DEFERRED, REFUSED, LaneBench


def test_waiting_messages_are_delivered_in_order(bench: LaneBench) -> None:
    """What a restart finds is sent, in the order of the lane."""
    bench.queue(*[f"S{number}" for number in range(40)])
    bench.lane.start()
    assert bench.connector.tried == list(range(1, 41))
    assert set(bench.states()) == {"accepted"}


def test_new_messages_wake_the_lane(bench: LaneBench) -> None:
    """The commit that put them there is enough."""
    bench.lane.start()
    bench.queue("S1")
    bench.writer.announce(Topic.OUTBOX)
    assert bench.states() == ["accepted"]


def test_never_two_messages_of_one_specimen_are_unsettled(bench: LaneBench) -> None:
    """The second waits until the first one's answer is on the disk."""
    bench.writer.is_holding = True  # commits wait until somebody needs one
    bench.queue("S1", "S2", "S1", "S3")
    bench.lane.start()
    assert bench.connector.calls == [[1, 2], [3, 4]]
    kicked = [queue for queue in bench.writer.queues if queue is WriteQueue.PROCESS]
    assert kicked, "the lane asked for the commit that it needed"


def test_at_most_the_window_is_unsettled(bench: LaneBench) -> None:
    """A crash repeats no more than that."""
    bench.writer.is_broken = True  # nothing can be settled
    bench.queue(*[f"S{number}" for number in range(40)])
    bench.lane.start()
    assert bench.connector.tried == list(range(1, 17))
    bench.writer.is_broken = False
    bench.timers.pump([STORE_RETRY_S] * 3)
    assert bench.connector.tried == list(range(1, 41))
    assert set(bench.states()) == {"accepted"}


def test_a_refused_message_is_set_aside_and_the_lane_goes_on(bench: LaneBench) -> None:
    """The LIS's words stand beside it; the results behind it are not its hostages."""
    bench.connector.answer = lambda message: REFUSED if message.number == 2 else ACCEPTED
    bench.queue("S1", "S2", "S3")
    bench.lane.start()
    assert bench.states() == ["accepted", "refused", "accepted"]
    assert outbox.get(bench.conn, 2)["outcome_text"] == "unknown patient"
    assert bench.raised() == {"lis-refuses"}


def test_a_deferred_message_blocks_the_head_and_is_sent_again_unchanged(bench: LaneBench) -> None:
    """The LIS is away: nothing overtakes, and the same bytes go under the same control id."""
    bench.connector.answer = lambda _message: DEFERRED
    bench.queue("S1", "S2")
    bench.lane.start()
    assert bench.connector.calls == [[1, 2]]
    assert bench.raised() == {"lis-unreachable"}
    bench.timers.advance(0.99)
    assert len(bench.connector.calls) == 1
    bench.timers.advance(0.01)
    assert bench.connector.calls == [[1, 2], [1, 2]]
    bench.connector.answer = lambda _message: ACCEPTED
    bench.timers.advance(2)
    assert bench.states() == ["accepted", "accepted"]
    first, second, third = (one for one in bench.connector.payloads if one[0].endswith("1"))
    assert first == second == third
    assert outbox.get(bench.conn, 1)["attempts"] == 3
    assert bench.raised() == set()


def test_waits_grow_to_a_minute_while_the_lis_is_away(bench: LaneBench) -> None:
    """Weeks of absence cost one attempt a minute."""
    bench.connector.answer = lambda _message: DEFERRED
    bench.queue("S1")
    bench.lane.start()
    for wait in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        before = len(bench.connector.calls)
        bench.timers.advance(wait - 0.01)
        assert len(bench.connector.calls) == before
        bench.timers.advance(0.01)
        assert len(bench.connector.calls) == before + 1


def test_a_lis_that_is_back_is_used_at_once(bench: LaneBench) -> None:
    """Nobody waits for the rest of a backoff."""
    bench.connector.answer = lambda _message: DEFERRED
    bench.queue("S1")
    bench.lane.start()
    bench.timers.pump([1, 2, 4, 8, 16])
    bench.connector.answer = lambda _message: ACCEPTED
    bench.connector.tell_ready()
    assert bench.states() == ["accepted"]


def test_new_messages_do_not_shorten_a_backoff(bench: LaneBench) -> None:
    """Analyzers go on working while the LIS is away; each result must not become an attempt."""
    bench.connector.answer = lambda _message: DEFERRED
    bench.queue("S1")
    bench.lane.start()
    bench.queue("S2")
    bench.writer.announce(Topic.OUTBOX)
    assert bench.connector.calls == [[1]]


def test_ten_refusals_over_different_specimens_pause_the_lane(bench: LaneBench) -> None:
    """The LIS refuses everything: setting all results aside would be wrong, and somebody must look."""
    bench.connector.answer = lambda _message: REFUSED
    bench.queue(*[f"S{number}" for number in range(30)])
    bench.lane.start()
    assert bench.connector.tried == list(range(1, 11))
    assert bench.lane.is_paused
    assert "lane-paused" in bench.raised()
    bench.timers.advance(PAUSE_PROBE_S)
    assert bench.connector.tried == list(range(1, 12))


def test_a_paused_lane_goes_on_after_one_acceptance(bench: LaneBench) -> None:
    """The minute's probe finds that the LIS was mended."""
    bench.connector.answer = lambda _message: REFUSED
    bench.queue(*[f"S{number}" for number in range(30)])
    bench.lane.start()
    bench.connector.answer = lambda _message: ACCEPTED
    bench.timers.advance(PAUSE_PROBE_S)
    assert bench.connector.tried == list(range(1, 31))
    assert "lane-paused" not in bench.raised()


def test_a_person_lets_a_paused_lane_go_on(bench: LaneBench) -> None:
    """Any command on the outbox does."""
    bench.connector.answer = lambda _message: REFUSED
    bench.queue(*[f"S{number}" for number in range(12)])
    bench.lane.start()
    bench.connector.answer = lambda _message: ACCEPTED
    bench.writer.announce(Topic.COMMANDS)
    assert bench.states() == ["refused"] * 10 + ["accepted"] * 2


def test_a_lis_that_wants_no_word_of_its_orders_still_gets_results(bench: LaneBench) -> None:
    """Refused order status says nothing of results, and accepted status nothing good of them."""
    bench.connector.answer = lambda message: REFUSED if message.number <= 30 else ACCEPTED
    bench.queue(*[f"S{number}" for number in range(30)], line="")
    bench.queue("S1")
    bench.lane.start()
    assert not bench.lane.is_paused
    assert bench.states() == ["refused"] * 30 + ["accepted"]


def test_accepted_order_status_ends_no_streak_of_refused_results(bench: LaneBench) -> None:
    bench.connector.answer = lambda message: REFUSED if message.number % 2 else ACCEPTED
    for number in range(30):
        bench.queue(f"S{number}")
        bench.queue(f"S{number}", line="")
    bench.lane.start()
    assert bench.lane.is_paused


@pytest.mark.parametrize("pattern", ["one specimen", "now and then accepted"])
def test_other_refusals_do_not_pause_it(bench: LaneBench, pattern: str) -> None:
    """One specimen's fault, or a test that the LIS does not know, is no general refusal."""
    if pattern == "one specimen":
        bench.connector.answer = lambda _message: REFUSED
        bench.queue(*["S1"] * 15)
    else:
        bench.connector.answer = lambda m: ACCEPTED if m.number % 9 == 0 else REFUSED
        bench.queue(*[f"S{number}" for number in range(40)])
    bench.lane.start()
    assert not bench.lane.is_paused
    assert "waiting" not in bench.states()


def test_a_held_message_is_passed_over(bench: LaneBench) -> None:
    """A person stopped it; the others go."""
    bench.queue("S1", "S2")
    outbox.hold(bench.conn, [1], "ada", 0.0)
    bench.lane.start()
    assert bench.states() == ["held", "accepted"]


def test_a_failing_mend_still_settles(bench: LaneBench) -> None:
    """A fault of our own must not send a message again and again that the LIS has answered."""

    def broken(_conn: object, _settlements: object) -> None:
        raise ZeroDivisionError

    object.__setattr__(bench.lane._parts, "settle", broken)
    bench.queue("S1")
    bench.lane.start()
    bench.timers.advance(STORE_RETRY_S)
    assert bench.states() == ["accepted"]
    assert bench.connector.tried == [1]


def test_a_stopped_lane_settles_what_is_in_hand(bench: LaneBench) -> None:
    """The answer that arrives while stopping is written; nothing more is sent."""
    bench.connector.answer = lambda _message: None
    bench.queue("S1")
    bench.lane.start()
    stopped: list[object] = []
    bench.lane.stop().addCallback(stopped.append)
    assert stopped == []
    bench.queue("S2")
    bench.connector.finish()
    assert stopped == [None]
    assert bench.states() == ["accepted", "waiting"]


def test_a_connector_that_raises_does_not_end_the_lane(bench: LaneBench) -> None:
    """A third party's fault is told, and tried again."""

    def broken(_message: object) -> None:
        raise ZeroDivisionError

    bench.connector.answer = broken
    bench.queue("S1")
    bench.lane.start()
    bench.connector.answer = lambda _message: ACCEPTED
    bench.timers.advance(STORE_RETRY_S)
    assert bench.states() == ["accepted"]


def test_the_words_of_the_lis_do_not_become_a_warning(bench: LaneBench) -> None:
    """A warning is logged, and a LIS that asks for patience may name the patient whose record is locked."""
    words = "record of TESTCASE^ADA is locked"
    locked = Outcome(kind=OutcomeKind.DEFERRED, code="AE", text=words, reply=b"MSH|")
    bench.connector.answer = lambda _message: locked
    bench.queue("S-1")
    bench.lane.start()
    bench.clock.advance(30)
    (warning,) = bench.health.current()
    assert warning.text.startswith("AE")
    assert "ADA" not in warning.text
