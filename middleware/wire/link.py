"""The interface that every link shares: bytes and times in, events and bytes out. Sans-IO.

Rules. A link never reads a clock: `now` (monotonic seconds) is an argument. Each call that may change state returns
the events it caused, in order. After each call the owner writes `bytes_to_send()`, pauses its transport while
`is_awaiting_commit`, and re-arms one timer from `next_deadline()`. Bytes received while a commit is awaited are
buffered (bounded) and looked at only after `commit` or `refuse`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from middleware.wire.events import Event


class Link(Protocol):
    """One end of a data link, in either role."""

    def connection_made(self, now: float) -> list[Event]:
        """The transport is connected; start neutral."""
        ...

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """Bytes came from the peer."""
        ...

    def commit(self, token: int, now: float) -> list[Event]:
        """The message `token` is on stable storage: acknowledge it. A stale token sends nothing."""
        ...

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        """The message `token` could not be stored: refuse it. A stale token sends nothing."""
        ...

    def send_message(self, text: bytes, now: float) -> int:
        """Queue a message for the peer and return its send id; the outcome is an event carrying that id."""
        ...

    def set_accepting(self, accepting: bool) -> None:
        """When False, new sessions are refused (LIS01: ENQ answered NAK) because the store cannot be written."""
        ...

    def bytes_to_send(self) -> bytes:
        """Take what must be written to the peer now (empty when nothing)."""
        ...

    def next_deadline(self) -> float | None:
        """The monotonic time at which `on_deadline` must be called, or None."""
        ...

    def on_deadline(self, now: float) -> list[Event]:
        """A deadline passed. Calling early does nothing."""
        ...

    def connection_lost(self, now: float) -> list[Event]:
        """The transport is gone; an unfinished message is abandoned, unsent ones are not delivered."""
        ...

    @property
    def is_neutral(self) -> bool:
        """No session runs and nothing is half received."""
        ...

    @property
    def is_awaiting_commit(self) -> bool:
        """A message waits for `commit` or `refuse`."""
        ...

    @property
    def state_name(self) -> str:
        """For status pages: the state in the standard's words."""
        ...

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Running totals, never reset: (direction, outcome) of frames, and ("quirk", name) of tolerances used."""
        ...


@runtime_checkable
class EndingLink(Protocol):
    """A link whose protocol has an end of its own: then the owner closes the connection."""

    @property
    def is_finished(self) -> bool:
        """The conversation is over and everything is answered."""
        ...
