"""What a transport is: it opens, keeps and closes one connection at a time and tells its owner.

A transport makes no decisions about bytes: for each connection it asks its owner for a shim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from middleware.transport.shim import Shim


class TransportState(StrEnum):
    """How far the connection to the peer has come."""

    STOPPED = "stopped"
    LISTENING = "listening"  # the peer may connect, and has not
    DIALLING = "dialling"
    WAITING = "waiting"  # the last attempt failed; another follows by itself
    OPEN = "open"


class ConnectionOutcome(StrEnum):
    """What became of a connection; the label of `labwire_line_connections_total`."""

    ACCEPTED = "accepted"
    REFUSED_PEER = "refused_peer"  # not among the addresses allowed to connect
    REFUSED_TLS = (
        "refused_tls"  # it did not prove itself, or did not speak TLS; `detail` says which
    )
    REFUSED_BUSY = "refused_busy"  # a second connection where the setting says `refuse`
    DAMPED = "damped"  # one of a storm of connections without a message: it waits for its turn
    REPLACED = "replaced"  # closed because the peer connected once more
    LOST = "lost"
    DIAL_FAILED = "dial_failed"
    PORT_LOST = "port_lost"  # a serial port that was open is gone: unplugged, or its driver failed
    OPEN_FAILED = "open_failed"  # a serial port could not be opened


@dataclass(frozen=True, slots=True)
class Address:
    """Where a transport listens, or whom it dials."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TransportOwner(Protocol):
    """Gives shims to a transport and hears what becomes of it; called on the reactor's thread."""

    def make_shim(self, peer: str) -> Shim:
        """A shim with a fresh link for a new connection with `peer`."""
        ...

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """The state changed; `detail` is a sentence for people (may be empty)."""
        ...

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Something became of a connection; `detail` says why it was refused, where that is known."""
        ...


class FileTrouble(StrEnum):
    """What a person should know of a folder's files."""

    SET_ASIDE = "set_aside"  # files lie in `failed`
    REPEATED = "repeated"  # a file came with a content that is stored already
    NOT_MOVED = "not_moved"  # a file is stored, and cannot be moved away


@runtime_checkable
class FileDropOwner(TransportOwner, Protocol):
    """An owner that hears of troubles with files."""

    def file_trouble(self, trouble: FileTrouble, text: str) -> None:
        """`text` is a sentence for people, without the names of files, for they may name patients; '': it is over."""
        ...


class Transport(Protocol):
    """One connection at a time to one peer, opened again for as long as it is started."""

    @property
    def state(self) -> TransportState:
        """How far it is now."""
        ...

    @property
    def address(self) -> object:
        """Where it listens (the real port, also where 0 was asked for), whom it dials, or its port or folder.

        `str()` of it is for people; TCP transports give an `Address`.
        """
        ...

    def start(self) -> None:
        """Listen or dial. Raises PortTaken when the address cannot be listened on."""
        ...

    def stop(self) -> Deferred[None]:
        """Close the connection and stop; fires when all is closed. Stopping twice is harmless."""
        ...


@runtime_checkable
class CountsDamage(Protocol):
    """A connection whose system counts the characters that arrive damaged: a serial port's."""

    def damage(self) -> Mapping[str, int]:
        """Since the port was opened, by kind: `parity`, `framing`, `overrun`, `break`; empty: not known."""
        ...
