"""What a lane has passed and what it still owes, when answers come out of step (promise 3)."""

from __future__ import annotations

from collections.abc import Sequence

from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome
from tests.kit.lane_bench import ACCEPTED, DEFERRED, REFUSED, LaneBench


def test_a_deferred_message_is_not_passed_by_those_answered_behind_it(bench: LaneBench) -> None:
    """Several are under way at once: the first gets no answer, the second is accepted; the first still goes."""

    async def deliver(batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        bench.connector.calls.append([message.number for message in batch])
        is_first = len(bench.connector.calls) == 1
        return [DEFERRED if is_first and one.number == 1 else ACCEPTED for one in batch]

    bench.connector.deliver = deliver  # type: ignore[method-assign]
    bench.queue("S1", "S2")
    bench.lane.start()
    bench.timers.advance(1)
    assert bench.connector.calls == [[1, 2], [1]]
    assert bench.states() == ["accepted", "accepted"]


def test_a_refused_head_that_is_not_yet_settled_stops_nobody(bench: LaneBench) -> None:
    """The settlement waits for the store; what stands behind the refused message is sent all the same."""
    bench.writer.is_broken = True
    bench.connector.answer = lambda message: REFUSED if message.number == 1 else ACCEPTED
    bench.queue(*[f"S{number}" for number in range(40)])
    bench.lane.start()
    assert bench.connector.tried == list(range(1, 17))
