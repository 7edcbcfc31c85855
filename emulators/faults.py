"""What goes wrong between an emulated analyzer's link and the wire: seeded, counted, one at a time."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.interfaces import IReactorTime

from emulators.scenario import FaultShares
from middleware.transport.shim import Shim, ShimOwner
from middleware.wire.link import Link

_STX, _ENQ, _ACK, _EOT = b"\x02", b"\x05", b"\x06", b"\x04"
_BLOCK = b"\x0b"  # an MLLP block: a message of ours, and the reply to it
# Between the two halves of a cut write: long enough to be two reads at the other end.
SPLIT_S = 0.005
# An end of session that was to leave with the next ENQ leaves alone after this time.
JOIN_WITHIN_S = 0.3


class FaultPlan:
    """Draws faults by their shares and counts them; one for all connections of an analyzer."""

    def __init__(self, shares: FaultShares, seed: int) -> None:
        self.counts: dict[str, int] = {}
        self._shares = shares
        self._random = Random(seed)

    def draws(self, fault: str) -> bool:
        """Whether `fault` (a field of FaultShares) happens now."""
        share: float = getattr(self._shares, fault)
        if not share or self._random.random() >= share:
            return False
        self.counts[fault] = self.counts.get(fault, 0) + 1
        return True


class UnreliableTransport:
    """The transport that a shim sees: what it writes and hears passes the fault plan."""

    def __init__(self, inner: Any, plan: FaultPlan, clock: IReactorTime) -> None:
        self._inner = inner
        self._plan = plan
        self._clock = clock
        self._frame = b""  # sent, and not yet answered
        self._held = b""  # an EOT that waits for company
        self._is_open = True

    def write(self, data: bytes) -> None:
        """The link writes one thing at a time: ENQ, a frame, EOT or a reply."""
        if data == _EOT and self._plan.draws("joined_writes"):
            self._held = data
            self._clock.callLater(JOIN_WITHIN_S, self._release)
            return
        is_first_time = data != self._frame
        self._frame = data if data.startswith((_STX, _BLOCK)) else b""
        if self._frame and is_first_time and self._spoil(data):
            return
        held, self._held = self._held, b""
        if self._frame and self._plan.draws("split_writes"):
            middle = len(data) // 2
            self._inner.write(held + data[:middle])
            self._clock.callLater(SPLIT_S, self._write_rest, data[middle:])
        else:
            self._inner.write(held + data)

    def hear(self, data: bytes) -> bytes:
        """What the shim may read of `data`."""
        if data == _ENQ and self._plan.draws("contention"):
            self._inner.write(_ENQ)  # both asked at once: the host must yield
            return b""
        if self._frame and (data == _ACK or data.startswith(_BLOCK)):
            frame, self._frame = self._frame, b""
            if self._plan.draws("repeated_frame"):
                self._inner.write(frame)
                return b""
            if self._plan.draws("lost_ack"):
                return b""
        return data

    def loseConnection(self) -> None:
        """Close after what was written."""
        self._release()
        self._is_open = False
        self._inner.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self._is_open = False
        self._inner.abortConnection()

    def pauseProducing(self) -> None:
        """Read no more for now."""
        self._inner.pauseProducing()

    def resumeProducing(self) -> None:
        """Read on."""
        self._inner.resumeProducing()

    def getHandle(self) -> Any:
        """The socket."""
        return self._inner.getHandle()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As the inner transport does."""
        self._inner.setTcpNoDelay(enabled)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """As the inner transport does."""
        self._inner.setTcpKeepAlive(enabled)

    def _spoil(self, frame: bytes) -> bool:
        if self._plan.draws("hang_up"):
            self._inner.write(frame[: len(frame) // 2])
            self._inner.loseConnection()
            return True
        if frame.startswith(_STX) and self._plan.draws("bad_checksum"):
            digit = frame[-4:-3]
            self._inner.write(frame[:-4] + (b"0" if digit != b"0" else b"1") + frame[-3:])
            return True
        return False

    def _write_rest(self, rest: bytes) -> None:
        if self._is_open:
            self._inner.write(rest)

    def _release(self) -> None:
        held, self._held = self._held, b""
        if held and self._is_open:
            self._inner.write(held)


class UnreliableShim(Shim):
    """A shim behind an unreliable transport."""

    def __init__(
        self, link: Link, clock: IReactorTime, owner: ShimOwner, peer: str, plan: FaultPlan
    ) -> None:
        super().__init__(link, clock, owner, peer)
        self._plan = plan
        self._unreliable: UnreliableTransport | None = None

    def makeConnection(self, transport: Any) -> None:
        """Twisted: the connection is up; put the faults in between."""
        self._unreliable = UnreliableTransport(transport, self._plan, self._clock)
        super().makeConnection(self._unreliable)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        """Twisted: bytes came."""
        heard = self._unreliable.hear(data) if self._unreliable else data
        if heard:
            super().dataReceived(heard)
