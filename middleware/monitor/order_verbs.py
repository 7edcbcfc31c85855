"""The control verb of work sent by hand: only a running node can do it, and it is recorded under who asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList

from middleware.clock import Clock
from middleware.line.line import Line
from middleware.line.supervisor import Supervisor
from middleware.line.wish import Wish
from middleware.monitor.control import Verb
from middleware.pipeline.asked import CommandRefused
from middleware.store import audit
from middleware.store.audit import AuditEntry
from middleware.store.writer import Writer

ANSWER_WITHIN_S = 20.0
"""A long worklist goes on afterwards; the answer then says how far it came."""

MOST_SAMPLES = 1000
_LONGEST_TEXT = 64


class OrderVerbParts(Protocol):
    """What the verb needs of the node (`middleware.node.NodeParts`)."""

    @property
    def reactor(self) -> Any:
        """Twisted's."""
        ...

    @property
    def clock(self) -> Clock:
        """The node's."""
        ...


def order_verbs(supervisor: Supervisor, writer: Writer, parts: OrderVerbParts) -> dict[str, Verb]:
    """`orders.send`: arguments `line`, `samples` (list) or `rack`, `reason`; with neither, everything for the line.

    The audit trail is written before anything is sent. Answers `lines`, a report for each line that was asked, each
    with `is_done`.
    """

    async def send(arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        samples, rack = _samples(arguments), _text(arguments, "rack")
        lines = _lines(supervisor, _text(arguments, "line"), has_tubes=bool(samples))
        detail = {"samples": samples, "rack": rack, "reason": _text(arguments, "reason")}
        for line in lines:
            moment = parts.clock.utc_now().timestamp()
            entry = AuditEntry(author, "orders.send", f"line {line.id}", moment, detail)
            await writer.submit(partial(audit.append, entry=entry))
        wishes = [line.downloads.send(samples, rack) for line in lines]
        await _first_of(wishes, parts.reactor)
        return {"lines": [_told(one) for one in wishes]}

    return {"orders.send": send}


def _lines(supervisor: Supervisor, name: str, *, has_tubes: bool) -> list[Line]:
    if name:
        line = supervisor.line(name)
        if line is None:
            raise CommandRefused(f"there is no line {name}", what_to_do="See `labwire status`.")
        return [line]
    if not has_tubes:
        raise CommandRefused(
            "which line's analyzer is meant?", what_to_do="Name it with `--line LINE`."
        )
    found = [one for one in supervisor.lines if one.downloads.can_send]
    if not found:
        raise CommandRefused(
            "no line sends work that its analyzer did not ask for",
            what_to_do='Set `orders = { download = "by_hand" }` at the line.',
        )
    return found


def _told(wish: Wish) -> dict[str, Any]:
    return {**wish.report.as_json(), "is_done": wish.done.called}


def _first_of(wishes: Sequence[Wish], reactor: Any) -> Deferred[None]:
    """Fires when all wishes are done, or after ANSWER_WITHIN_S."""
    done: Deferred[None] = Deferred()

    def end(_: object = None) -> None:
        if timer.active():
            timer.cancel()
        if not done.called:
            done.callback(None)

    timer = reactor.callLater(ANSWER_WITHIN_S, end)
    DeferredList([one.done for one in wishes]).addCallback(end)
    return done


def _samples(arguments: Mapping[str, Any]) -> list[str]:
    given = arguments.get("samples") or []
    is_list = isinstance(given, list) and len(given) <= MOST_SAMPLES
    if not is_list or not all(
        isinstance(one, str) and 0 < len(one) <= _LONGEST_TEXT for one in given
    ):
        raise CommandRefused(
            f"`samples` must be a list of at most {MOST_SAMPLES} sample ids",
            what_to_do="Name the tubes by their sample ids.",
        )
    return list(given)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    return str(arguments.get(name) or "")
