"""Asks a LIS for the orders of tubes, and has what it answers stored before anybody is told.

One question for each sample id at a time, whoever asks: the others wait for the same answer, each as long as it may.
Who waited in vain is told so; the answer is awaited further and stored, for the analyzer asks again. That there is
nothing is believed for a few seconds.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from middleware.connectors.hl7_mllp.ask_way import AskWay
from middleware.connectors.hl7_mllp.orders import OrderDesk
from middleware.connectors.order_settings import OrderRules
from middleware.delivery.connector import (
    FoundOrders,
    OrderIntake,
    OrderQuestion,
    ReceivedOrders,
    TakenOrders,
)
from middleware.errors import MiddlewareError
from middleware.observe.events import InvariantViolated, OrdersAsked
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_orders import OrderNames, UnreadableOrders
from middleware.payload.hl7_query import (
    AnswerKind,
    AskedFor,
    QuestionForm,
    ReadAnswer,
    question,
    read_answer,
)
from middleware.payload.outgoing import RenderContext
from middleware.wire.mllp import encode_block

MOST_OPEN = 200
"""Questions that wait; more tubes than a rack has, and little memory."""

MOST_WAITING = 500
"""Analyzers' queries that wait for them."""

MOST_SENT = 16
"""Written and not answered: a LIS that never answers is not given more."""

MOST_TUBES = 32
"""Of one query; a rack has fewer, and a work list is no question for a LIS."""

NOTHING_FOR_S = 10.0
"""So long it is believed that the LIS has nothing."""

MOST_REMEMBERED = 1000

_NO_ORDERS = "the LIS has no orders"
_GONE = "the connection to the LIS was lost"
_CLOSED = "the connector was closed"
_LEFT_OUT = "{} orders of sample ids that nobody asked for were left out"
_BUSY = "too many questions wait for the LIS"
_ANSWERED = frozenset({"nothing", "refused", "unreadable"})
_WORDS = {
    "no_reply": "the LIS did not answer",
    "connection_lost": _GONE,
    "earlier_not_delivered": "the LIS did not answer an earlier question",
}


@dataclass(frozen=True, slots=True)
class AskRules:
    """How this LIS is asked and how its answers are read. `orders_follow`, `at_once`: see the settings."""

    form: QuestionForm
    names: Hl7Names
    sample_id: tuple[str, ...]
    orders: OrderRules
    orders_follow: bool
    at_once: int


@dataclass(frozen=True, slots=True)
class _Finding:
    """What became of one question. `outcome` is the metric's word."""

    is_found: bool
    reason: str
    outcome: str


@dataclass(eq=False, slots=True)
class _Waiter:
    done: Deferred[_Finding]
    alarm: IDelayedCall | None = None


@dataclass(eq=False, slots=True)
class _Question:
    """One sample id, and who waits for its answer."""

    sample_id: str
    tag: str
    text: bytes
    is_sent: bool = False
    is_heard: bool = False  # the LIS answered: the orders follow
    waiters: list[_Waiter] = field(default_factory=list)


class Asker:
    """I am responsible that whoever asks is answered in time, and that no answer of the LIS is lost."""

    def __init__(
        self,
        connector_id: str,
        rules: AskRules,
        way: AskWay,
        reactor: IReactorTime,
        desk: OrderDesk,
    ) -> None:
        self._connector_id = connector_id
        self._rules = rules
        self._way = way
        self._reactor = reactor
        self._desk = desk
        self._open: dict[str, _Question] = {}  # by sample id
        self._queue: deque[_Question] = deque()
        self._sent: dict[int, _Question] = {}  # by the way's number
        self._nothing: OrderedDict[str, tuple[float, _Finding]] = OrderedDict()
        self._waiting = 0
        self._running: set[Deferred[None]] = set()

    @property
    def words(self) -> str:
        """How it stands, for status pages."""
        more = f"; {len(self._open)} questions wait" if self._open else ""
        return self._way.words + more

    def start(self) -> None:
        """Connect, where the connection is its own."""
        self._way.start()

    async def stop(self) -> None:
        """Nobody waits any more; what is being stored is stored."""
        self._give_up(list(self._open.values()), _CLOSED)
        for task in list(self._running):
            await _end_of(task)
        await self._way.stop()

    async def find(self, asked: OrderQuestion) -> FoundOrders:
        """See `middleware.delivery.connector.OrderFinder`."""
        tubes = asked.sample_ids[:MOST_TUBES]
        waiting = [
            (one, self._ask(one, f"{asked.number}-{at}", asked)) for at, one in enumerate(tubes, 1)
        ]
        found: set[str] = set()
        reasons: dict[str, None] = {}
        answers: dict[str, str] = {}
        for sample_id, finding in [(one, await later) for one, later in waiting]:
            OrdersAsked(self._connector_id, finding.outcome).emit()
            if finding.is_found:
                found.add(sample_id)
            else:
                reasons[finding.reason] = None
                if finding.outcome in _ANSWERED:
                    answers[sample_id] = finding.reason
        if len(asked.sample_ids) > MOST_TUBES:
            reasons[f"the LIS is asked for the first {MOST_TUBES} tubes of a query only"] = None
        return FoundOrders(frozenset(found), tuple(reasons), answers)

    def hearing(self, intake: OrderIntake) -> OrderIntake:
        """The same intake for orders that the LIS sends by itself: what comes may be what is waited for."""

        async def take(received: ReceivedOrders) -> TakenOrders:
            taken = await intake(received)
            stored = zip(received.requests, taken.outcomes, strict=True)
            self.orders_came(frozenset(one.sample_id for one, said in stored if said.is_good))
            return taken

        return take

    def orders_came(self, sample_ids: frozenset[str]) -> None:
        """Orders for these were stored just now, asked for or not."""
        for sample_id in sample_ids:
            self._nothing.pop(sample_id, None)
            one = self._open.get(sample_id)
            if one is not None:
                self._finish(one, _Finding(True, "", "found"))

    # -- AskOwner -----------------------------------------------------------------------------------

    def answered(self, send_id: int, reply: bytes) -> None:
        """The LIS answered a question of ours."""
        one = self._sent.pop(send_id, None)
        if one is None:
            return
        task = Deferred.fromCoroutine(self._take(one, reply))
        self._running.add(task)
        task.addErrback(self._broke, one)
        task.addBoth(self._taken, task)
        self._feed()

    def not_answered(self, send_id: int, reason: str) -> None:
        """No answer will come."""
        one = self._sent.pop(send_id, None)
        if one is not None:
            self._finish(one, _Finding(False, _WORDS.get(reason, reason), "no_answer"))

    def gone(self) -> None:
        """The connection ended; orders that were promised may still come on theirs."""
        self._give_up([*self._sent.values(), *self._queue], _GONE)

    # -- asking -----------------------------------------------------------------------------------

    def _ask(self, sample_id: str, tag: str, asked: OrderQuestion) -> Deferred[_Finding]:
        known = self._nothing.get(sample_id)
        if known is not None and known[0] > self._reactor.seconds():
            return succeed(known[1])
        one = self._open.get(sample_id)
        refusal = self._cannot(one)
        if refusal is not None:
            return succeed(refusal)
        if one is None:
            one = _Question(sample_id, tag, self._text(sample_id, tag, asked))
            self._open[sample_id] = one
            self._queue.append(one)
        done = self._wait(one, asked.within_s)
        self._feed()
        return done

    def _cannot(self, one: _Question | None) -> _Finding | None:
        """Why nobody can wait for an answer now; None: one can."""
        if not self._way.is_open:
            reason = f"the LIS is not connected: {self._way.trouble}"
            return _Finding(False, reason, "not_connected")
        if self._waiting >= MOST_WAITING or (one is None and len(self._open) >= MOST_OPEN):
            return _Finding(False, _BUSY, "no_answer")
        return None

    def _text(self, sample_id: str, tag: str, asked: OrderQuestion) -> bytes:
        desk = self._desk
        context = RenderContext(tag, asked.at, desk.processing_id, desk.time_zone, asked.node)
        return question(self._asked_for(sample_id, tag), self._rules.names, context)

    def _asked_for(self, sample_id: str, tag: str) -> AskedFor:
        return AskedFor(sample_id, tag, self._desk.processing_id, self._rules.form)

    def _wait(self, one: _Question, within_s: float) -> Deferred[_Finding]:
        waiter = _Waiter(Deferred())
        one.waiters.append(waiter)
        self._waiting += 1
        late = _Finding(False, f"the LIS did not answer within {within_s:g} s", "no_answer")
        waiter.alarm = self._reactor.callLater(within_s, self._too_late, one, waiter, late)
        return waiter.done

    def _too_late(self, one: _Question, waiter: _Waiter, late: _Finding) -> None:
        waiter.alarm = None
        one.waiters.remove(waiter)
        self._waiting -= 1
        if not one.waiters and (one.is_heard or not one.is_sent):
            self._forget(one)  # else it is with the LIS, whose answer is wanted all the same
        self._feed()
        waiter.done.callback(late)

    def _feed(self) -> None:
        """Send what may be sent: so many that somebody waits for, and never more than the LIS can have open."""
        while self._queue and self._way.is_open and len(self._sent) < MOST_SENT:
            awaited = sum(bool(one.waiters) for one in self._sent.values())
            if awaited >= self._rules.at_once:
                return
            one = self._queue.popleft()
            try:
                number = self._way.send(one.text)
            except (MiddlewareError, ConnectionError) as error:
                self._settle(one, _Finding(False, str(error), "no_answer"))
                continue
            one.is_sent = True
            self._sent[number] = one

    # -- what is answered -------------------------------------------------------------------------

    async def _take(self, one: _Question, reply: bytes) -> None:
        names = OrderNames(self._rules.sample_id, self._desk.time_zone)
        try:
            answer = read_answer(reply, self._asked_for(one.sample_id, one.tag), names)
        except UnreadableOrders as error:
            finding = _Finding(False, f"the LIS's answer was not taken: {error}", "unreadable")
            await self._store(reply, ReadAnswer(AnswerKind.REFUSED), str(error))
            self._finish(one, finding)
            return
        if answer.kind is AnswerKind.ACCEPTED and self._rules.orders_follow:
            one.is_heard = True
            if not one.waiters:
                self._forget(one)
        elif answer.kind is AnswerKind.ORDERS:
            self._finish(one, await self._store(reply, answer))
        elif answer.kind is AnswerKind.REFUSED:
            reason = f"the LIS refused the question: {answer.text}"
            self._finish_for_a_while(one, _Finding(False, reason, "refused"))
        else:
            self._finish_for_a_while(one, _Finding(False, _NO_ORDERS, "nothing"))

    async def _store(self, reply: bytes, answer: ReadAnswer, refusal: str = "") -> _Finding:
        """Journal an answer, with its orders where it is believed."""
        rules = self._rules.orders
        received = ReceivedOrders(
            connector=self._connector_id,
            source=rules.order_source,
            text=reply,
            wire=encode_block(reply),
            requests=tuple([one.request for one in answer.orders]),
            control_id=answer.control_id,
            refusal=refusal,
            accepts_unknown_tests=rules.accepts_unknown_tests,
            reuse_after_s=rules.reuse_after_s,
            can_be_told=False,
            is_answer=True,
            remark=_LEFT_OUT.format(answer.left_out) if answer.left_out else "",
        )
        try:
            taken = await self._desk.intake(received)
        except MiddlewareError:
            return _Finding(False, "the LIS's orders could not be stored", "no_answer")
        if any(one.is_good for one in taken.outcomes):
            return _Finding(True, "", "found")
        text = next((one.text for one in taken.outcomes if one.text), "they name no test")
        return _Finding(False, f"the LIS's orders were refused: {text}", "unreadable")

    def _finish_for_a_while(self, one: _Question, finding: _Finding) -> None:
        """Not to be asked again at once."""
        self._nothing.pop(one.sample_id, None)
        self._nothing[one.sample_id] = (self._reactor.seconds() + NOTHING_FOR_S, finding)
        while len(self._nothing) > MOST_REMEMBERED:
            self._nothing.popitem(last=False)
        self._finish(one, finding)

    def _finish(self, one: _Question, finding: _Finding) -> None:
        self._settle(one, finding)
        self._feed()

    def _settle(self, one: _Question, finding: _Finding) -> None:
        self._forget(one)
        waiters, one.waiters = one.waiters, []
        self._waiting -= len(waiters)
        for waiter in waiters:
            if waiter.alarm is not None:
                waiter.alarm.cancel()
                waiter.alarm = None
        for waiter in waiters:
            waiter.done.callback(finding)

    def _forget(self, one: _Question) -> None:
        if self._open.get(one.sample_id) is one:
            del self._open[one.sample_id]
        if one in self._queue:
            self._queue.remove(one)

    def _give_up(self, questions: Sequence[_Question], reason: str) -> None:
        self._sent.clear()
        self._queue.clear()
        for one in questions:
            self._settle(one, _Finding(False, reason, "no_answer"))

    def _taken(self, _result: object, task: Deferred[None]) -> None:
        self._running.discard(task)

    def _broke(self, _failure: object, one: _Question) -> None:
        InvariantViolated("questions_are_answered", "an answer of the LIS was not taken").emit()
        self._finish(one, _Finding(False, "the LIS's answer was not taken", "no_answer"))


def _end_of(task: Deferred[None]) -> Deferred[None]:
    done: Deferred[None] = Deferred()

    def tell(_result: object) -> None:
        done.callback(None)

    task.addBoth(tell)
    return done
