"""A host query is answered: after its commit and acknowledgement, by messages that the analyzer must take.

Flow (DESIGN 5.2). Intake hands over a query that is committed and acknowledged. The driver writes what is to be said;
each message goes out on the connection that asked, and the analyzer's reply is matched by the link. Silence is answered
by the same message under the same number again, a bounded number of times. Where the analyzer takes orders on a second
connection, that is a line of its own, and the asking line hands its queries over to it (`answers_on`). What became of a
query is written to its journal entry in words. Nothing is kept over a lost connection or a restart: the analyzer asks
again.

Work is claimed in a commit before its answer leaves. What the analyzer took is `sent`; what it did not take, and what
no message carries, is free again. A line without work to give is answered that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from middleware import failpoints
from middleware.clock import Clock
from middleware.driver.api import (
    AnswerContext,
    AnsweringDriver,
    DecodeContext,
    Driver,
    EncodedAnswer,
    OrderingDriver,
    ReplyReadingDriver,
    StepReadingDriver,
)
from middleware.errors import MiddlewareError
from middleware.failpoints import Step
from middleware.line.answer_words import (
    ANSWERED_CANCEL,
    ANSWERED_NEGATIVE,
    ANSWERED_NOT_WORK,
    ANSWERED_SILENCE,
    EARLIER,
    MOST_OPEN,
    MOST_TRIES,
    NOT_CARRIED,
    REASON_GONE,
    REASON_TOO_MANY,
    SENT_AGAIN,
    not_taken,
)
from middleware.line.settings import LineSettings
from middleware.line.upstream import Upstream, find_work
from middleware.line.work import LineWork
from middleware.model import HostQuery, SpecimenWork
from middleware.observe.events import HostQueryAnswered, InvariantViolated
from middleware.store import journal, meta
from middleware.store.schema import JournalState
from middleware.store.writer import WriteQueue, Writer
from middleware.transport.shim import Shim
from middleware.wire.events import MessageDelivered, MessageNotDelivered

# MSH-10 holds 20 characters: 6 of the store, Q, the journal's number, and room for -1, -2 …
_QUERY_MARK = "Q"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of `line` on the journal. `read_at`: monotonic, when its last byte came."""

    line: str
    text: bytes
    journal_id: int
    read_at: float


@dataclass(slots=True)
class _Query:
    """One query and how many of its answers are still under way."""

    journal_id: int
    line: str
    context: AnswerContext | None = None
    under_way: int = 0
    tests: int = 0
    is_for_work: bool = True
    is_taken_back: bool = False
    remark: str = ""  # what the LIS said of tubes without work
    complaints: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Answer:
    """One message to the analyzer."""

    query: _Query
    encoded: EncodedAnswer
    control_id: str
    tries: int = 1

    @property
    def steps(self) -> tuple[int, ...]:
        """The work that it carries."""
        return self.encoded.steps


@dataclass(frozen=True, slots=True)
class QueryServices:
    """What answering needs of the node. `now` is monotonic."""

    writer: Writer
    clock: Clock
    now: Callable[[], float]
    work: LineWork | None = None
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)  # of lines that ask the LIS


class QueryAnswers:
    """I am responsible that a query of one line is answered, or that its journal entry says why not."""

    def __init__(self, settings: LineSettings, driver: Driver, services: QueryServices) -> None:
        self._settings = settings
        self._driver = driver
        self._services = services
        self._store_id = ""
        self._open: dict[tuple[Shim, int], _Answer] = {}
        self._looking: dict[int, _Query] = {}  # by journal id: the store or the LIS is asked
        self._given: Callable[[str, Collection[int]], None] = lambda _line, _steps: None
        self._under_way: Callable[[str], Collection[int]] = lambda _line: ()

    def share_steps(
        self,
        given: Callable[[str, Collection[int]], None],
        under_way: Callable[[str], Collection[int]],
    ) -> None:
        """Downloads carry the same steps: `given` hears what an answer carries of a line, `under_way` knows what a
        download does."""
        self._given, self._under_way = given, under_way

    def carried_for(self, line: str) -> set[int]:
        """The steps of a line that answers under way carry."""
        return {step for one in self._open.values() if one.query.line == line for step in one.steps}

    def answer(self, shim: Shim | None, asked: Asked) -> None:
        """Answer a query that was committed and acknowledged, where the driver can. Returns at once.

        `shim` is this line's connection, None when it has none.
        """
        if shim is None:
            query = _Query(asked.journal_id, asked.line)
            self._note(query, JournalState.NOT_ANSWERED, self._not_connected())
        elif isinstance(self._driver, AnsweringDriver):
            Deferred.fromCoroutine(self._answer(shim, asked, self._driver)).addErrback(_broke)

    def heard(self, shim: Shim, event: MessageDelivered | MessageNotDelivered) -> None:
        """The link knows what became of a message of ours."""
        answer = self._open.pop((shim, event.send_id), None)
        if answer is None:
            return
        if isinstance(event, MessageDelivered):
            self._settle(answer, self._complaint(answer, event.reply), event.reply)
        elif event.reason in SENT_AGAIN:
            self._again(shim, answer, event.reason)
        else:
            self._settle(answer, not_taken(event.reason))

    def forget(self, shim: Shim) -> None:
        """The connection is gone, and with it whoever waited."""
        for key in [key for key in self._open if key[0] is shim]:
            self._settle(self._open.pop(key), REASON_GONE)

    # -- inside -----------------------------------------------------------------------------------

    async def _answer(self, shim: Shim, asked: Asked, driver: AnsweringDriver) -> None:
        query = _Query(asked.journal_id, asked.line)
        try:
            query.context = context = await self._context(asked)
            encoded = await self._encoded(query, asked, driver)
        except MiddlewareError as error:
            self._note(query, JournalState.NOT_ANSWERED, str(error))
            return
        except Exception as error:
            reason = f"the driver failed: {type(error).__name__}"
            self._note(query, JournalState.NOT_ANSWERED, reason)
            raise
        if encoded is None or not encoded:
            said = ANSWERED_CANCEL if encoded is None else ANSWERED_SILENCE
            self._note(query, JournalState.ANSWERED, _with_remark(said, query))
            return
        query.under_way = len(encoded)
        for number, one in enumerate(encoded, start=1):
            tail = f"-{number}" if len(encoded) > 1 else ""
            self._send(shim, _Answer(query, one, context.control_id + tail))
        if shim.is_open:
            seconds = self._services.now() - asked.read_at
            HostQueryAnswered(asked.line, seconds).emit()

    def _not_connected(self) -> str:
        return f"the line {self._settings.id}, which carries the answers, has no connection"

    async def _context(self, asked: Asked) -> AnswerContext:
        if not self._store_id:
            self._store_id = await self._services.writer.submit(_store_id, WriteQueue.INTAKE)
        return AnswerContext(
            self._services.clock.utc_now(),
            f"{self._store_id}{_QUERY_MARK}{asked.journal_id}",
            self._settings.time_zone or "UTC",
            self._settings.encoding,
            self._store_id,
        )

    async def _encoded(
        self, query: _Query, asked: Asked, driver: AnsweringDriver
    ) -> tuple[EncodedAnswer, ...] | None:
        """The messages to send; None: the analyzer took its query back."""
        context = query.context
        if context is None:
            raise TypeError("a query is answered in a context")
        source = self._services.work
        if (
            not isinstance(driver, OrderingDriver)
            or source is None
            or asked.line not in source.claimers
        ):
            return tuple(
                [EncodedAnswer(one) for one in driver.negative_answers(asked.text, context)]
            )
        queries = self._queries(asked)
        if queries and all(one.is_cancel for one in queries):
            self._take_back(asked.line)
            return None
        asking = [one for one in queries if not one.is_cancel]
        query.is_for_work = not asking or any(one.is_for_work for one in asking)
        upstream = self._services.upstreams.get(asked.line)
        self._looking[query.journal_id] = query
        try:
            found = await find_work(source, upstream, asked.line, queries, context.control_id)
        finally:
            del self._looking[query.journal_id]
        if found.work:
            failpoints.hit(Step.WORK_CLAIMED)
        if query.is_taken_back:
            steps = [step.id for one in found.work for step in one.steps]
            source.free(asked.line, self._nobodys(asked.line, steps), ANSWERED_CANCEL)
            return None
        query.remark = found.remark
        return self._written(query, asked, (driver, source), found.work)

    def _take_back(self, line: str) -> None:
        """The analyzer wants no answer any more: what is still being looked for is not given."""
        for query in self._looking.values():
            query.is_taken_back = query.is_taken_back or query.line == line

    def _queries(self, asked: Asked) -> Sequence[HostQuery]:
        zone = self._settings.time_zone or "UTC"
        return self._driver.decode(asked.text, DecodeContext(zone, self._settings.encoding)).queries

    def _written(
        self,
        query: _Query,
        asked: Asked,
        by: tuple[OrderingDriver, LineWork],
        work: Sequence[SpecimenWork],
    ) -> tuple[EncodedAnswer, ...]:
        """The work as messages; what they do not carry is free again, whatever the driver does."""
        driver, source = by
        claimed = {step.id for one in work for step in one.steps}
        carried: set[int] = set()
        try:
            if query.context is None:
                raise TypeError("a query is answered in a context")
            encoded = driver.answers(asked.text, work, query.context)
            carried = {step for one in encoded for step in one.steps}
        finally:
            left = self._nobodys(asked.line, sorted(claimed - carried))
            source.free(asked.line, left, NOT_CARRIED)
        query.tests = len(carried)
        self._given(asked.line, carried)
        return encoded

    def _send(self, shim: Shim, answer: _Answer) -> None:
        if not shim.is_open:
            self._settle(answer, REASON_GONE)
        elif len(self._open) >= MOST_OPEN:
            self._settle(answer, REASON_TOO_MANY)
        else:
            try:
                self._open[shim, shim.send_message(answer.encoded.text)] = answer
            except MiddlewareError as error:
                self._settle(answer, str(error))
                return
            if answer.steps:
                failpoints.hit(Step.WORK_SENT)

    def _again(self, shim: Shim, answer: _Answer, reason: str) -> None:
        """The same bytes once more: the analyzer knows the number, should the first have arrived."""
        if reason != EARLIER:
            answer.tries += 1
        if answer.tries > MOST_TRIES:
            self._settle(answer, not_taken(reason))
        else:
            self._send(shim, answer)

    def _complaint(self, answer: _Answer, reply: bytes) -> str:
        if isinstance(self._driver, ReplyReadingDriver):
            return self._driver.complaint_about(reply, answer.control_id)
        return ""

    def _settle(self, answer: _Answer, complaint: str, reply: bytes = b"") -> None:
        query = answer.query
        query.under_way -= 1
        self._settle_work(answer, complaint, reply)
        if complaint and complaint not in query.complaints:
            query.complaints.append(complaint)
        if query.under_way:
            return
        if query.complaints:
            self._note(query, JournalState.NOT_ANSWERED, "; ".join(query.complaints))
        else:
            self._note(query, JournalState.ANSWERED, _with_remark(_answered(query), query))

    def _settle_work(self, answer: _Answer, complaint: str, reply: bytes) -> None:
        source, query = self._services.work, answer.query
        if source is None or not answer.steps or query.context is None:
            return
        if complaint:
            source.free(query.line, self._nobodys(query.line, answer.steps), complaint)
            return
        failpoints.hit(Step.WORK_TAKEN)
        refused: Mapping[int, str] = {}
        if isinstance(self._driver, StepReadingDriver):
            context = replace(query.context, control_id=answer.control_id)
            refused = self._driver.refused_steps(reply, context, answer.steps)
        source.sent(query.line, answer.steps, refused)

    def _nobodys(self, line: str, steps: Sequence[int]) -> list[int]:
        """The steps that no other message under way carries: an analyzer may ask twice for one tube."""
        carried = self.carried_for(line) | set(self._under_way(line))
        return [step for step in steps if step not in carried]

    def _note(self, query: _Query, state: JournalState, reason: str) -> None:
        outcome = journal.QueryOutcome(
            query.journal_id, state, reason, self._services.clock.utc_now().timestamp()
        )
        job = partial(_note_outcome, outcome=outcome)
        # What cannot be written stays `not_answered`, which is the safe thing to believe.
        self._services.writer.submit(job, WriteQueue.CARRIED).addErrback(_not_written)


def _answered(query: _Query) -> str:
    if query.tests:
        return f"answered with {query.tests} tests"
    return ANSWERED_NEGATIVE if query.is_for_work else ANSWERED_NOT_WORK


def _with_remark(said: str, query: _Query) -> str:
    return f"{said}; {query.remark}" if query.remark else said


def _store_id(conn: Any) -> str:
    return meta.get(conn, meta.STORE_ID) or ""


def _note_outcome(conn: Any, outcome: journal.QueryOutcome) -> None:
    journal.note_query(conn, outcome)


def _not_written(_failure: Any) -> None:
    """The writer has reported it."""


def _broke(_failure: Any) -> None:
    InvariantViolated("query_answer_never_fails", "the answer to a host query failed").emit()
