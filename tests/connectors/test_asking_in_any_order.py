"""Questions, answers, time and lost connections in any order: nobody waits for ever, and nothing is kept."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from middleware.connectors.hl7_mllp.ask import Asker, AskRules
from middleware.connectors.hl7_mllp.orders import OrderDesk
from middleware.connectors.order_settings import OrderRules
from middleware.delivery.connector import (
    FoundOrders,
    OrderQuestion,
    ReceivedOrders,
    TakenOrders,
)
from middleware.model import OrderAnswer, OrderOutcome
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_orders import USUAL_SAMPLE_ID
from middleware.payload.hl7_query import QuestionForm, read_question, response
from tests.kit.order_messages import obr, orc, spm

WITHIN_S = 5.0
TUBES = ("S1", "S2", "S3")
KINDS = ("own", "NF", "other", "AE", "OK", "bad")
OPERATIONS: list[tuple[str, Any]] = [
    *[("ask", tube) for tube in TUBES] * 4,
    *[("answer", (at, kind)) for at in range(2) for kind in KINDS],
    *[("time", seconds) for seconds in (0.5, 2.0, 6.0, 11.0)],
    *[("order", tube) for tube in TUBES],
    ("mute", 0),
    ("lost", None),
    *[("back", None)] * 3,
]
STEPS = st.lists(st.sampled_from(OPERATIONS), min_size=5, max_size=60)


class FakeWay:
    """A connection in a test's hands."""

    def __init__(self) -> None:
        self.owner: Any = None
        self.is_open = True
        self.trouble = "cut"
        self.words = "asked in a test"
        self.sent: dict[int, bytes] = {}
        self._last = 0

    def send(self, text: bytes) -> int:
        assert self.is_open
        self._last += 1
        self.sent[self._last] = text
        return self._last

    def start(self) -> None:
        """Nothing to dial."""

    async def stop(self) -> None:
        """Nothing to hang up."""


class World:
    """An asker, its LIS, and whoever waits."""

    def __init__(self, *, orders_follow: bool) -> None:
        self.clock = Clock()
        self.way = FakeWay()
        self.stored: set[str] = set()
        rules = AskRules(
            QuestionForm(), Hl7Names(), USUAL_SAMPLE_ID, OrderRules(), orders_follow, 2
        )
        reactor: Any = self.clock
        self.asker = Asker("lis", rules, self.way, reactor, OrderDesk(self._take, "D", "UTC"))
        self.way.owner = self.asker
        self.asked = 0
        self.ended: list[tuple[float, str, FoundOrders]] = []

    def _take(self, received: ReceivedOrders) -> Deferred[TakenOrders]:
        self.stored |= {one.sample_id for one in received.requests}
        good = OrderOutcome(answer=OrderAnswer.ACCEPTED)
        return succeed(TakenOrders("A1", 0.0, (good,) * len(received.requests)))

    def ask(self, tube: str) -> None:
        self.asked += 1
        since = self.clock.seconds()
        question = OrderQuestion((tube,), WITHIN_S, f"TEST01Q{self.asked}", 0.0, "lab")

        def ended(found: FoundOrders) -> None:
            self.ended.append((self.clock.seconds() - since, tube, found))
            assert found.sample_ids <= self.stored, "told before it was stored"

        Deferred.fromCoroutine(self.asker.find(question)).addCallback(ended)

    def answer(self, at: int, kind: str) -> None:
        if not self.way.sent or not self.way.is_open:
            return
        number = list(self.way.sent)[at % len(self.way.sent)]
        asked = read_question(self.way.sent.pop(number), QuestionForm())
        assert asked is not None
        tube = {"own": asked.sample_id, "other": "X9"}.get(kind)
        orders = [spm(tube), orc(), obr("GLU")] if tube else []
        status = kind if kind in ("NF", "AE") else "OK"
        reply = response(asked, "R1", status, orders)
        self.asker.answered(number, reply if kind != "bad" else reply.replace(b"QAK|", b"QAK|x"))

    def mute(self, at: int) -> None:
        if self.way.sent and self.way.is_open:
            number = list(self.way.sent)[at % len(self.way.sent)]
            del self.way.sent[number]
            self.asker.not_answered(number, "no_reply")

    def order(self, tube: str) -> None:
        self.stored.add(tube)
        self.asker.orders_came(frozenset({tube}))

    def lost(self, _nothing: None) -> None:
        self.way.is_open = False
        for number in list(self.way.sent):
            del self.way.sent[number]
            self.asker.not_answered(number, "connection_lost")
        self.asker.gone()

    def back(self, _nothing: None) -> None:
        self.way.is_open = True

    def time(self, seconds: float) -> None:
        self.clock.pump([0.5] * round(seconds / 0.5))


@given(steps=STEPS, orders_follow=st.booleans())
@settings(max_examples=100, deadline=None)
def test_whoever_asks_is_told_in_time_and_nothing_is_left(
    steps: list[tuple[str, Any]], orders_follow: bool
) -> None:
    """Whatever the LIS does, and in whatever order."""
    world = World(orders_follow=orders_follow)
    for name, argument in steps:
        if name == "answer":
            world.answer(*argument)
        else:
            getattr(world, name)(argument)
    world.time(WITHIN_S)
    assert len(world.ended) == world.asked
    assert all(seconds <= WITHIN_S for seconds, _, _ in world.ended)
    assert "X9" not in world.stored
    world.lost(None)
    assert world.asker.words == "asked in a test"
    assert world.clock.getDelayedCalls() == []
