"""A link that does as a test says: each read gives the reply and the events that were laid ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from middleware.wire.events import Event


class ScriptedLink:
    """A `middleware.wire.link.Link`. `replies` are the answers to the next reads."""

    def __init__(self) -> None:
        self.replies: deque[tuple[bytes, list[Event]]] = deque()
        self.received: list[bytes] = []
        self.committed: list[int] = []
        self.refused: list[int] = []
        self.deadlines: list[float] = []  # at which on_deadline was called
        self.deadline: float | None = None
        self.is_awaiting_commit = False
        self.is_neutral = True
        self.is_accepting = True
        self.is_lost = False
        self.fails = False
        self.state_name = "scripted"
        self._out = b""

    def connection_made(self, now: float) -> list[Event]:
        return []

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        if self.fails:
            raise RuntimeError("the link is broken")
        self.received.append(data)
        reply, events = self.replies.popleft() if self.replies else (b"", [])
        self._out += reply
        return events

    def commit(self, token: int, now: float) -> list[Event]:
        self.committed.append(token)
        self.is_awaiting_commit = False
        self._out += b"\x06"
        return []

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        self.refused.append(token)
        self.is_awaiting_commit = False
        self._out += b"\x15"
        return []

    def send_message(self, text: bytes, now: float) -> int:
        self._out += text
        return 1

    def set_accepting(self, accepting: bool) -> None:
        self.is_accepting = accepting

    def bytes_to_send(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def next_deadline(self) -> float | None:
        return self.deadline

    def on_deadline(self, now: float) -> list[Event]:
        self.deadlines.append(now)
        self.deadline = None
        self._out += b"\x04"
        return []

    def connection_lost(self, now: float) -> list[Event]:
        self.is_lost = True
        return []

    def counts(self) -> Mapping[tuple[str, str], int]:
        return {("received", "ok"): len(self.received)}
