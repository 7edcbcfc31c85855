"""Keeps one serial port open: opens it, gives it a shim, and tries again for ever when it is gone.

How a port is opened and moved (a file descriptor of this machine, two threads, a terminal server)
is its opener's affair; everything here runs on the reactor's thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from middleware.errors import MiddlewareError
from middleware.transport.base import ConnectionOutcome, TransportOwner, TransportState
from middleware.transport.serial_settings import Rfc2217Settings, SerialSettings
from middleware.transport.shim import Shim

# Bytes that a port does not take within this time (flow control holds it) are given up when we stop.
CLOSE_WITHIN_S = 2.0
# A port that was open so long is well: the next wait is short again.
STEADY_AFTER_S = 10.0
# Waits differ by up to this share, so that the ports of one hub are not all tried at once.
JITTER = 0.2


class PortTrouble(MiddlewareError):
    """A serial port could not be opened; it is tried again by itself once the cause is gone."""

    code = "port-trouble"


class PortLost(MiddlewareError):
    """A serial port that was open is gone: unplugged, or its driver or terminal server failed."""

    code = "port-lost"


Gone = Callable[[bool], None]
"""Called with whether the port was lost (True) or closed by us."""


class OpenPort(Protocol):
    """A port that is open, and looks like a transport of Twisted's to its shim."""

    def begin(self, shim: Shim, gone: Gone) -> None:
        """Move bytes. `gone` is called once, when the port is closed and may be opened again."""
        ...

    def discard(self) -> None:
        """Close it unused."""
        ...


class Opener(Protocol):
    """Opens one port, as often as it is asked."""

    def open(
        self, opened: Callable[[OpenPort], None], failed: Callable[[PortTrouble], None]
    ) -> None:
        """Calls one of the two on the reactor's thread, now or later."""
        ...


class KeptPort(ABC):
    """I am responsible that one port is open whenever it can be. A `Transport`."""

    def __init__(
        self,
        settings: SerialSettings | Rfc2217Settings,
        reactor: Any,
        owner: TransportOwner,
        random: Callable[[], float],
    ) -> None:
        self.state = TransportState.STOPPED
        self.address = place_of(settings)
        self._settings = settings
        self._reactor = reactor
        self._owner = owner
        self._random = random
        self._detail = ""
        self._shim: Shim | None = None
        self._is_held = False  # a port is open, or its closing is not finished
        self._attempt = 0
        self._timer: IDelayedCall | None = None
        self._wait_s = settings.retry_first_s
        self._is_started = False
        self._stopping: list[Deferred[None]] = []

    @abstractmethod
    def opener(self) -> Opener:
        """What opens the port."""

    def start(self) -> None:
        """Open the port, or begin to look for it; never fails because it is not there."""
        if self._is_started:
            return
        self._is_started = True
        self._wait_s = self._settings.retry_first_s
        if not self._is_held:
            self._try()

    def stop(self) -> Deferred[None]:
        """Close the port, after what was written; fires when it is closed."""
        self._is_started = False
        self._attempt += 1  # what is being opened now is closed unused
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_held:
            self._tell_stopped()
            return succeed(None)
        stopped: Deferred[None] = Deferred()
        self._stopping.append(stopped)
        if self._shim is not None:
            shim = self._shim
            cut = self._reactor.callLater(CLOSE_WITHIN_S, shim.abort, "the port took no more bytes")
            stopped.addBoth(_cancel_first, cut)
            shim.close()
        return stopped

    # -- opening ----------------------------------------------------------------------------------

    def _try(self) -> None:
        self._timer = None
        self._attempt += 1
        attempt = self._attempt
        if self.state is not TransportState.WAITING:  # while it is away, one word is enough
            self._change(TransportState.DIALLING, f"opening {self.address}")

        def opened(port: OpenPort) -> None:
            if attempt == self._attempt:
                self._opened(port)
            else:
                port.discard()

        def failed(trouble: PortTrouble) -> None:
            if attempt == self._attempt:
                self._owner.connection_seen(ConnectionOutcome.OPEN_FAILED, self.address)
                self._wait(f"{trouble}. {trouble.what_to_do}".strip())

        self.opener().open(opened, failed)

    def _opened(self, port: OpenPort) -> None:
        self._is_held = True
        shim = self._owner.make_shim(self.address)
        self._shim = shim
        shim.on_closed = self._closed
        self._owner.connection_seen(ConnectionOutcome.ACCEPTED, self.address)
        self._change(TransportState.OPEN, f"{self.address} is open")
        port.begin(shim, self._gone)

    # -- its end ----------------------------------------------------------------------------------

    def _closed(self, shim: Shim, reason: str) -> None:
        """The connection is over; the port itself may still be closing."""
        self._shim = None
        if not self._is_started:
            return
        if self._reactor.seconds() - shim.opened_at >= STEADY_AFTER_S:
            self._wait_s = self._settings.retry_first_s
        self._change(TransportState.WAITING, reason)

    def _gone(self, is_lost: bool) -> None:
        self._is_held = False
        outcome = ConnectionOutcome.PORT_LOST if is_lost else ConnectionOutcome.LOST
        self._owner.connection_seen(outcome, self.address)
        if self._is_started and not self._stopping:
            self._wait(self._detail)
            return
        self._tell_stopped()
        stopping, self._stopping = self._stopping, []
        for stopped in stopping:
            stopped.callback(None)
        if self._is_started:  # started again while it was closing
            self._try()

    def _wait(self, detail: str) -> None:
        delay = self._wait_s * (1.0 - JITTER * self._random())
        self._wait_s = min(self._wait_s * 2.0, self._settings.retry_longest_s)
        self._timer = self._reactor.callLater(delay, self._try)
        self._change(TransportState.WAITING, detail)

    def _tell_stopped(self) -> None:
        if self.state is not TransportState.STOPPED:
            self._change(TransportState.STOPPED, "stopped")

    def _change(self, state: TransportState, detail: str) -> None:
        if (state, detail) == (self.state, self._detail):
            return
        self.state = state
        self._detail = detail
        self._owner.transport_changed(state, detail)


def place_of(settings: SerialSettings | Rfc2217Settings) -> str:
    """The port as people name it."""
    if isinstance(settings, SerialSettings):
        return settings.port
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"rfc2217://{host}:{settings.port}"


def _cancel_first(result: None, call: IDelayedCall) -> None:
    if call.active():
        call.cancel()
    return result
