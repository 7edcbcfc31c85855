"""Posts one document after the other to a LIS, and says how each went: what every connector over HTTP shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from middleware import failpoints
from middleware.connectors.http_client import LONGEST_ANSWER, HttpAnswer, HttpClient, NotProved
from middleware.connectors.http_settings import HttpTarget
from middleware.failpoints import Step
from middleware.model import Outcome, OutcomeKind

LONGEST_PAUSE_S = 600.0
"""No Retry-After is obeyed for longer."""

REPLY_MAX = 64 * 1024
"""Bytes that are kept of an answer with its message."""

_TEXT_MAX = 1000

Judge = Callable[[HttpAnswer], Outcome]
"""What an answer means."""


class HttpSender:
    """I am responsible that each post ends with an outcome. Closed until `open`."""

    def __init__(
        self, target: HttpTarget, reactor: IReactorTime, longest_answer: int = LONGEST_ANSWER
    ) -> None:
        self._reactor: Any = reactor
        self._client = HttpClient(target, reactor, longest_answer)
        self._is_closed = True
        self._on_ready: list[Callable[[], None]] = []
        self._pause: IDelayedCall | None = None
        self._under_way: set[Deferred[HttpAnswer]] = set()

    def open(self) -> None:
        """From now on documents may be posted."""
        self._is_closed = False

    def close(self) -> None:
        """Post nothing more; what was under way is deferred as `closed`."""
        self._is_closed = True
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        for one in list(self._under_way):
            one.cancel()

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` when a pause that the LIS asked for is over."""
        self._on_ready.append(callback)

    async def probe(self) -> Outcome:
        """Connect, prove, hang up; nothing is asked."""
        if self._is_closed:
            return deferred("closed", "the connector was closed")
        try:
            await self._client.connect()
        except NotProved as error:
            return deferred("not_proved", f"the LIS was refused: {error}")
        except Exception as error:  # noqa: BLE001 - whatever a connection may end with
            return self._broken(error)
        return Outcome(kind=OutcomeKind.ACCEPTED, code="connected")

    async def post(self, headers: Mapping[str, str], body: bytes, judge: Judge) -> Outcome:
        """Post one document and wait for what became of it."""
        if self._is_closed:
            return deferred("closed", "the connector was closed")
        if self._pause is not None:
            rest = self._pause.getTime() - self._reactor.seconds()
            text = "the LIS asked to be left alone for a while"
            return deferred("asked_to_wait", text).model_copy(update={"retry_after_s": rest})
        failpoints.hit(Step.BEFORE_SEND)
        posted = Deferred.fromCoroutine(self._client.post(headers, body))
        self._under_way.add(posted)
        failpoints.hit(Step.AFTER_SEND)
        try:
            answer = await posted
        except TimeoutError:
            return deferred("no_reply", "the LIS did not answer in time")
        except NotProved as error:
            return deferred("not_proved", f"the LIS was refused: {error}")
        except Exception as error:  # noqa: BLE001 - whatever a connection or an answer may end with: told, tried again
            return self._broken(error)
        finally:
            self._under_way.discard(posted)
        failpoints.hit(Step.REPLY_READ)
        outcome = judge(answer)
        return outcome if outcome.kind is not OutcomeKind.DEFERRED else self._rest(answer, outcome)

    def _rest(self, answer: HttpAnswer, outcome: Outcome) -> Outcome:
        seconds = pause_of(answer)
        if seconds and self._pause is None:
            self._pause = self._reactor.callLater(seconds, self._go_on)
        return outcome.model_copy(update={"retry_after_s": seconds or None})

    def _broken(self, error: Exception) -> Outcome:
        if self._is_closed:
            return deferred("closed", "the connector was closed")
        return deferred("not_connected", f"no answer: {type(error).__name__}")

    def _go_on(self) -> None:
        self._pause = None
        for callback in self._on_ready:
            callback()


def pause_of(answer: HttpAnswer) -> float:
    """For how many seconds the LIS wants to be left alone (Retry-After, RFC 9110 10.2.3); 0: it does not say."""
    said = answer.retry_after.strip()
    if not (said.isascii() and said.isdigit()):
        return 0.0
    return min(float(said[:9]), LONGEST_PAUSE_S)


def printable(text: str) -> str:
    """What a person is shown of the LIS's words."""
    cut = text[:_TEXT_MAX]
    return "".join([letter if letter.isprintable() else " " for letter in cut]).strip()


def words_of(body: bytes) -> str:
    """The beginning of an answer for a person."""
    return printable(body[: _TEXT_MAX * 4].decode("utf-8", "replace"))


def shown_error(outcome: Outcome) -> str:
    """A deferred outcome for status pages. The LIS's own words stay with the message: they may name a patient."""
    return f"the LIS answered {outcome.code}" if outcome.reply else outcome.text


def deferred(code: str, text: str) -> Outcome:
    """To be tried again."""
    return Outcome(kind=OutcomeKind.DEFERRED, code=code, text=text)
