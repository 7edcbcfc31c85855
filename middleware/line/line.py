"""One configured analyzer interface: transport, link and driver, kept over reconnects."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from middleware.driver.api import NO_CONTEXT, Driver, LinkContext
from middleware.line.behaviour import Behaviour
from middleware.line.download import Downloads
from middleware.line.files import make_line_link, tell_file_trouble
from middleware.line.intake import Intake
from middleware.line.outbound import Outbound
from middleware.line.query import Asked, QueryAnswers
from middleware.line.refusals import tell_refusal
from middleware.line.relay import make_relay
from middleware.line.services import LineServices as LineServices
from middleware.line.settings import LineSettings
from middleware.line.status import UP, LineState, LineStatus
from middleware.line.tally import Tally
from middleware.line.trouble import tell_trouble
from middleware.observe.events import (
    ConnectionSeen,
    LineConnection,
    LineStateChanged,
)
from middleware.observe.health import WarnableCode
from middleware.transport.base import (
    ConnectionOutcome,
    FileTrouble,
    TransportState,
)
from middleware.transport.capture import Capture
from middleware.transport.settings import Connection, TcpListenSettings
from middleware.transport.shim import Shim
from middleware.transport.tls_gauge import gauge_peer
from middleware.wire.events import (
    AcknowledgementConfirmed,
    Event,
    MessageAbandoned,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
    SessionOpened,
)

# How long a stopping line lets a running session and its commits come to an end.
DRAIN_WITHIN_S = 3.0
# Coming up and going down are logged when they have lasted so long, so that an analyzer that
# connects for each message does not fill the log. The first connection is logged at once.
LOG_AFTER_S = 10.0


class Line:
    """I am responsible for one analyzer's connection; what it sends goes to my intake."""

    def __init__(self, settings: LineSettings, driver: Driver, services: LineServices) -> None:
        self.id = settings.id
        self.settings = settings
        self.driver = driver
        self.state = LineState.STOPPED
        self.on_fault: Callable[[Line], None] | None = None
        self._services = services
        self._driver_id = driver.profile.driver.id
        self.behaviour = Behaviour(settings, driver, services.health, services.clock)
        self._intake = Intake(
            settings.id, driver, services.for_intake(), self.behaviour, self._message_accepted
        )
        self._intake.on_wrong_analyzer = self._another_spoke
        self._queries = QueryAnswers(settings, driver, services.for_answers())
        self._queries.share_steps(self._given_by_query, self._under_way)
        parts = services.for_downloads(settings, lambda: self._carrier.outbound)
        self.downloads = Downloads(settings, driver, parts)
        self.outbound = Outbound(self.downloads, self.behaviour, self._queries)
        if settings.relay is None:  # else the present host answers
            self._intake.on_query = self._answer
        self.find_line: Callable[[str], Line | None] | None = None  # the supervisor's
        self._transport = services.make_transport(
            settings.transport, services.reactor, self, services.random
        )
        self._shim: Shim | None = None
        self._relay = make_relay(settings, services, self._set_detail)
        self._tap: Capture | None = None
        self._is_accepting = True
        self._since = services.clock.utc_now().timestamp()
        self._detail = ""
        self._last_error = ""
        self.messages = 0
        self._last_message_at: float | None = None
        self._connections: dict[str, int] = {}
        self._tally = Tally(settings.id)
        self._settled: list[Deferred[None]] = []
        self._hears_writer = False
        self._has_been_up = False
        self._is_logged_up = False
        self._log_timer: IDelayedCall | None = None

    # -- what the node asks -----------------------------------------------------------------------

    @property
    def address(self) -> Any:
        """Where it listens (the real port), whom it dials, or its port or folder; `str()` is for people."""
        return self._transport.address

    def start(self) -> None:
        """Listen or dial. Raises PortTaken or DriverError; the line is then in state FAULT."""
        self._intake.resume()
        self.behaviour.begin()
        if not self._hears_writer:
            self._hears_writer = True
            self._services.writer.on_writable_changed(self._writable_changed)
        try:
            make_line_link(self.settings, self.driver, NO_CONTEXT)  # a fault shows now, not later
            self._relay.start()
            self._transport.start()
        except Exception as error:
            self._change(LineState.FAULT, str(error))
            raise

    async def stop(self) -> None:
        """End in good order: a running session may finish (bounded), then the connection closes."""
        self.downloads.stop()
        shim = self._shim
        if shim is not None:
            shim.set_accepting(False)
            if not shim.link.is_neutral:
                await self._settle(shim)
        await self._intake.drain()  # what is being committed can still be acknowledged
        await self._transport.stop()
        await self._relay.stop()
        await self._intake.drain()  # a session that was cut off left an incomplete message
        self.flush_counts()
        self.behaviour.end()
        self._change(LineState.STOPPED, "stopped")

    def set_accepting(self, is_accepting: bool) -> None:
        """Whether new sessions are granted (False: the disk is nearly full)."""
        self._is_accepting = is_accepting
        self._apply_accepting()

    def set_tap(self, tap: Capture | None) -> None:
        """Let a capture see what passes from now on (None: no more)."""
        self._tap = tap
        if self._shim is not None:
            self._shim.tap = tap
            if tap is not None:
                tap.connection(f"open already, with {self._shim.peer}")

    def fail(self, detail: str) -> None:
        """Show the line as faulty (the supervisor does, when it gives the driver a rest)."""
        self._change(LineState.FAULT, detail)

    def status(self) -> LineStatus:
        """How the line stands now."""
        self.flush_counts()
        shim = self._shim
        return LineStatus(
            line=self.id,
            driver=self._driver_id,
            state=self.state,
            since=self._since,
            detail=self._detail,
            address=str(self.address),
            peer=shim.peer if shim else "",
            link=shim.link.state_name if shim else "",
            is_accepting=self._is_accepting and self._services.writer.is_writable,
            messages=self.messages,
            last_message_at=self._last_message_at or self.behaviour.habit.last_at,
            last_error=self._last_error,
            connections=dict(self._connections),
            frames=self._tally.frames(),
            bytes_in=self._tally.bytes_in,
            bytes_out=self._tally.bytes_out,
            orders=asdict(self.downloads.status()),
            second_connection=getattr(self.settings.transport, "second_connection", ""),
            **asdict(self.behaviour.status()),
        )

    def flush_counts(self) -> None:
        """Count what the link and the shim have counted since the last time; cheap, often called."""
        if self._shim is not None:
            self._tally.take(self._shim)

    def answer_here(self, asked: Asked) -> None:
        """Answer a query of another line on this one's connection."""
        self._queries.answer(self._shim, asked)

    # -- TransportOwner ---------------------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A new connection: a fresh link of the driver's."""
        link = make_line_link(self.settings, self.driver, self._link_context())
        return Shim(self._relay.link_for(link), self._services.reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """The transport's states are the line's, up to OPEN; CONNECTED must be proved."""
        self._change(LineState(state.value), detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Count it; a stranger is also shown to a person until the analyzer connects again."""
        ConnectionSeen(self.id, outcome.value, detail).emit()
        self._connections[outcome.value] = self._connections.get(outcome.value, 0) + 1
        self._last_error = detail or self._last_error
        tell_refusal(self._services.health, self.id, outcome, peer, detail)
        if outcome is ConnectionOutcome.DAMPED:
            self.behaviour.damped(peer)

    def file_trouble(self, trouble: FileTrouble, text: str) -> None:
        """Something is wrong with the files of a folder; '': it is over."""
        tell_file_trouble(self._services.health, self.id, trouble, text)

    # -- ShimOwner --------------------------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """Connected: nothing is proved yet."""
        self._shim = shim
        gauge_peer(shim, line=self.id)
        shim.tap = self._tap
        if self._tap is not None:
            self._tap.connection(f"opened {shim.peer}")
        self._tally.begin()
        self._apply_accepting()
        self._relay.analyzer_opened(shim)
        self.outbound.opened(shim)

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """Gone: count the rest."""
        self._intake.forget(shim)
        self._queries.forget(shim)
        self.outbound.closed(shim)
        self._relay.analyzer_closed(shim)
        if shim is self._shim:
            self.flush_counts()
            self._shim = None
            self._last_error = reason
            if self._tap is not None:
                self._tap.connection(f"closed {reason}")
        self._announce_settled()

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """The driver's link raised: a person must know; the supervisor decides what follows."""
        text = f"The link of line {self.id} failed: {type(error).__name__}."
        self._last_error = text
        self._services.health.raise_warning(WarnableCode.LINE_DRIVER_FAULT, self.id, text)
        if self.on_fault is not None:
            self.on_fault(self)

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """What the link reported, in order."""
        for event in events:
            if isinstance(event, MessageReceived):
                shim.has_served = True
                self._prove()
                self._intake.take_in(shim, event)
            elif isinstance(event, AcknowledgementConfirmed):
                self._intake.confirm(shim, event.token)
            elif isinstance(event, MessageAbandoned):
                self._intake.keep_incomplete(event)
            elif isinstance(event, SessionOpened):
                if (
                    shim.bytes_in
                ):  # some links open their session with the connection: it proves nothing
                    self._prove()
            elif isinstance(event, MessageDelivered | MessageNotDelivered):
                if isinstance(event, MessageDelivered):
                    self._prove()
                self._queries.heard(shim, event)
                self.outbound.heard(shim, event)
            else:
                self._last_error = tell_trouble(self.id, event) or self._last_error
        if (self._settled or self.outbound.waiting) and shim.link.is_neutral:
            self._announce_settled()
            self.outbound.free()

    # -- inside -----------------------------------------------------------------------------------

    def _answer(self, shim: Shim, asked: Asked) -> None:
        there = self._carrier
        if there is self:
            self._queries.answer(shim, asked)
        else:
            there.answer_here(asked)

    @property
    def _carrier(self) -> Line:
        """The line whose connection takes answers and orders for this one's analyzer."""
        return self._named(self.settings.answers_on) or self

    def _named(self, line_id: str) -> Line | None:
        return self.find_line(line_id) if self.find_line is not None else None

    def _given_by_query(self, line_id: str, steps: Collection[int]) -> None:
        """An answer on this connection carries steps of that line."""
        (self._named(line_id) or self).downloads.given_by_query(steps)

    def _under_way(self, line_id: str) -> Collection[int]:
        return (self._named(line_id) or self).downloads.under_way

    def _link_context(self) -> LinkContext:
        return LinkContext(self._services.clock.utc_now, self.settings.time_zone or "UTC")

    def _set_detail(self, detail: str) -> None:
        self._detail = detail

    def _message_accepted(self, received_at: float, is_answered: bool) -> None:
        self.messages += 1
        self._last_message_at = received_at
        if is_answered:  # else it came on a connection that is gone
            self._prove()

    def _another_spoke(self, reason: str) -> None:
        """What spoke its protocol was not the line's analyzer: nothing is proved."""
        self._last_error = reason
        if self.state is LineState.CONNECTED:
            self._change(LineState.OPEN, reason)

    def _prove(self) -> None:
        if self.state is LineState.OPEN and not self.behaviour.is_another:
            self._change(LineState.CONNECTED, self._detail)
            self._services.health.clear(WarnableCode.LINE_DRIVER_FAULT, self.id)
            self.outbound.proved()

    def _change(self, state: LineState, detail: str) -> None:
        self._detail = detail
        if state is not self.state:
            self.state = state
            self._since = self._services.clock.utc_now().timestamp()
            LineStateChanged(self.id, self._driver_id, state.value, self._is_up).emit()
            self._log_later(self._is_up)
        self._warn_while_down(detail)  # also anew: why there is none may change

    def _warn_while_down(self, detail: str) -> None:
        health = self._services.health
        if self._is_up or self.state is LineState.STOPPED:
            health.clear(WarnableCode.LINE_DOWN, self.id)
        else:
            text = f"Line {self.id} has no connection: {detail.rstrip('.')}."
            health.raise_warning(WarnableCode.LINE_DOWN, self.id, text)

    @property
    def _is_up(self) -> bool:
        """Whether a session is possible; a listener that is connected only for sending is up while it listens."""
        if self.state is LineState.LISTENING and isinstance(
            self.settings.transport, TcpListenSettings
        ):
            return self.settings.transport.connection is Connection.WHEN_SENDING
        return self.state in UP

    def _log_later(self, is_up: bool) -> None:
        if is_up and not self._has_been_up:
            self._has_been_up = True
            self._log_connection()
        elif is_up == self._is_logged_up or self.state is LineState.STOPPED:
            if self._log_timer is not None:
                self._log_timer.cancel()
                self._log_timer = None
        elif self._log_timer is None:
            self._log_timer = self._services.reactor.callLater(LOG_AFTER_S, self._log_connection)

    def _log_connection(self) -> None:
        self._log_timer = None
        self._is_logged_up = self._is_up
        LineConnection(self.id, self._driver_id, self.state.value, self._is_logged_up).emit()

    def _writable_changed(self, _is_writable: bool, _reason: str) -> None:
        self._apply_accepting()

    def _apply_accepting(self) -> None:
        if self._shim is not None:
            is_accepting = self._is_accepting and self._services.writer.is_writable
            self._shim.set_accepting(is_accepting)

    async def _settle(self, shim: Shim) -> None:
        """Wait until the session of `shim` has ended, at most DRAIN_WITHIN_S."""
        settled: Deferred[None] = Deferred()
        self._settled.append(settled)
        timer = self._services.reactor.callLater(DRAIN_WITHIN_S, self._announce_settled)
        await settled
        if timer.active():
            timer.cancel()

    def _announce_settled(self) -> None:
        settled, self._settled = self._settled, []
        for waiter in settled:
            waiter.callback(None)
