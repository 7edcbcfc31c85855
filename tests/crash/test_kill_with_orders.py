"""kill -9 while a LIS orders and cancels, one analyzer asks for its work and another is sent it, and both measure.

The peers are of the standard library alone. `LABWIRE_KILLS=100` makes it a long run; a failing run prints its seed,
`LABWIRE_SEED=n` repeats the moments.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from middleware.failpoints import OF_ORDERS, Step
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_lis import PlainLis
from tests.kit.plain_orders import Ordered, OrderingLis, WorkingAnalyzer

KILLS = int(os.environ.get("LABWIRE_KILLS", "10"))
SETTLE_S = 60.0
HOLDS = 'orders = { unordered = "hold" }'
IS_SENT = """
[[line]]
id = "is-sent"
driver = "generic_astm"
release = "auto"
orders = { unordered = "hold", download = "on_order", download_retry_s = 1 }
transport = { type = "tcp_listen", host = "127.0.0.1", port = %d }
"""
STEPS = (Step.BEFORE_COMMIT, Step.AFTER_COMMIT, *OF_ORDERS)

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120 + 15 * KILLS)]


class Bench:
    """A node, a LIS, an analyzer that asks and one that is sent its work."""

    def __init__(self, folder: Path, seed: int) -> None:
        asked, sent, orders = free_port(), free_port(), free_port()
        self.lis = PlainLis().start()
        told = f'orders = {{ port = {orders} }}\norder_status = "sc"\nreconnect_max_s = 1'
        self.node = NodeProcess(
            folder,
            [("asks", "generic_astm", asked)],
            self.lis.port,
            line_extra=HOLDS,
            extra=IS_SENT % sent,
            connector_extra=told,
        )
        self.orders = OrderingLis(orders, seed)
        self.analyzers = [
            WorkingAnalyzer(asked, self.orders, is_asking=True),
            WorkingAnalyzer(sent, self.orders, is_asking=False),
        ]

    def begin(self) -> None:
        """Everybody works."""
        for one in (self.orders, *self.analyzers):
            one.start()

    def end(self) -> None:
        """No more orders; what is ordered comes to its end, or the oracle says what did not."""
        self.orders.stop()
        self.orders.join(timeout=30)
        self._wait(lambda: all(one.is_done() for one in self.analyzers))
        self._wait(lambda: self.orders.wanted <= set(self.finals()))
        for one in self.analyzers:
            one.stop()
            one.join(timeout=10)
        self.node.stop()
        self.lis.stop()

    def _wait(self, enough: Callable[[], bool]) -> None:
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until and not enough():
            time.sleep(0.1)

    def finals(self) -> Counter[Ordered]:
        """How often the LIS heard a result of each test, each message once."""
        return Counter(
            (one.sample_id, fields[3].split("^")[0])
            for one in self.lis.first_arrivals()
            for fields in one.observations()
        )

    def broken_promises(self) -> list[str]:
        """One sentence for each."""
        orders, finals = self.orders, self.finals()
        broken = [f"{one} has no result" for one in sorted(orders.wanted - set(finals))]
        broken += [f"{one} has {count} results" for one, count in finals.items() if count > 1]
        broken += [
            f"{one} was cancelled and has a result" for one in orders.cancelled if finals[one]
        ]
        for analyzer in self.analyzers:
            broken += [
                f"{one} was given after its cancel was acknowledged"
                for one, at in analyzer.given
                if at > orders.cancelled.get(one, float("inf"))
            ]
        payloads: dict[str, bytes] = {}
        for one in self.lis.arrivals:
            if payloads.setdefault(one.control_id, one.payload) != one.payload:
                broken.append(f"{one.control_id} was sent again with other bytes")
        return broken


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    seed = int(os.environ.get("LABWIRE_SEED", str(random.randrange(1_000_000))))
    print(f"seed {seed}")
    made = Bench(tmp_path, seed)
    yield made
    for one in (made.orders, *made.analyzers):
        one.stop()
    if made.node.process is not None:
        made.node.stop()
    made.lis.stop()


def test_no_order_is_lost_none_is_done_twice_and_none_after_its_cancel(bench: Bench) -> None:
    """Killed at random moments: every test that the LIS may count on comes back once, and no cancelled one."""
    moments = random.Random(bench.orders.seed)
    bench.node.start()
    bench.begin()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.3, 1.2))
        bench.node.kill()
        bench.node.start()
    time.sleep(0.5)
    bench.end()
    broken = bench.broken_promises()
    orders = bench.orders
    print(
        f"\nkills {KILLS}: ordered {len(orders.ordered)}, cancelled {len(orders.cancelled)}, "
        f"too late {len(orders.too_late)}, measured {[len(one.measured) for one in bench.analyzers]}, broken: {broken}"
    )
    assert not broken, broken
    assert len(orders.ordered) > KILLS, "the load was too small to prove anything"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.value)
def test_a_node_that_dies_at_this_step_of_an_order_keeps_every_promise(
    step: Step, bench: Bench
) -> None:
    """Killed exactly where responsibility moves: from the LIS to the node, and from the node to an analyzer."""
    bench.node.start(env={"LABWIRE_FAILPOINT": f"{step.value}:7"})
    bench.begin()
    assert bench.node.process is not None
    bench.node.process.wait(timeout=30)
    assert bench.node.process.returncode == -9, "the node must die at the step by its own hand"
    bench.node.start()
    time.sleep(1.0)
    bench.end()
    broken = bench.broken_promises()
    assert not broken, broken
    assert len(bench.orders.ordered) > len(bench.analyzers)
