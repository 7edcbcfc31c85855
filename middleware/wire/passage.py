"""A link that passes bytes on as they are: for a relay, whose shadow listens, and for playing what was recorded.

What comes is given to `on_bytes` at once; what is given to `send_message` goes out unchanged. A shadow, the driver's
own link, hears all that the analyzer says and may report messages; what it wants to answer is thrown away, because the
present host answers. A shadow that fails, or cannot keep up, is left behind: it is never in the way of the bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from middleware.wire.events import Event
from middleware.wire.link import Link

MOST_HELD_BYTES = 16 * 1024 * 1024
"""What the shadow may lag behind while its messages are committed: minutes of a fast line."""

OVERRUN = ("received", "shadow_overrun")
FAILED = ("received", "shadow_failed")


class PassageLink:
    """Implements `middleware.wire.link.Link`. `may_pass` says whether the other side can take more now."""

    def __init__(
        self,
        on_bytes: Callable[[bytes], None],
        shadow: Link | None = None,
        may_pass: Callable[[], bool] | None = None,
    ) -> None:
        self._on_bytes = on_bytes
        self._shadow = shadow
        self._may_pass = may_pass
        self._leaving: list[bytes] = []
        self._held = bytearray()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last_send_id = 0

    def connection_made(self, now: float) -> list[Event]:
        """The transport is connected."""
        return self._ask(lambda shadow: shadow.connection_made(now))

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """Pass them on first, then let the shadow hear them."""
        self._on_bytes(data)
        if self._shadow is None:
            return []
        if not self._shadow.is_awaiting_commit:
            return self._ask(lambda shadow: shadow.receive_bytes(data, now))
        self._held += data
        return self._restart(now) if len(self._held) > MOST_HELD_BYTES else []

    def commit(self, token: int, now: float) -> list[Event]:
        """The shadow's message is on stable storage."""
        return self._answered(lambda shadow: shadow.commit(token, now), now)

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        """The shadow's message could not be stored; the analyzer does not hear of it."""
        return self._answered(lambda shadow: shadow.refuse(token, now, reason), now)

    def send_message(self, text: bytes, now: float) -> int:
        """Bytes of the other side for our peer, unchanged. They are not a message: no event follows."""
        del now
        self._leaving.append(text)
        self._last_send_id += 1
        return self._last_send_id

    def set_accepting(self, accepting: bool) -> None:
        """The shadow goes on as long as it can: a relay refuses nobody."""

    def bytes_to_send(self) -> bytes:
        """What the other side said."""
        data = b"".join(self._leaving)
        self._leaving.clear()
        return data

    def next_deadline(self) -> float | None:
        """The shadow's."""
        return self._shadow.next_deadline() if self._shadow is not None else None

    def on_deadline(self, now: float) -> list[Event]:
        """A time of the shadow's is over."""
        return self._ask(lambda shadow: shadow.on_deadline(now))

    def connection_lost(self, now: float) -> list[Event]:
        """The transport is gone. What the shadow had not looked at yet it looks at now."""
        events = self._hear_held(now)
        return events + self._ask(lambda shadow: shadow.connection_lost(now))

    @property
    def is_neutral(self) -> bool:
        """The shadow's conversation rests."""
        return self._shadow is None or self._shadow.is_neutral

    @property
    def is_awaiting_commit(self) -> bool:
        """Only the other side can make this one wait."""
        return self._may_pass is not None and not self._may_pass()

    @property
    def state_name(self) -> str:
        """The shadow's."""
        return f"passing ({self._shadow.state_name})" if self._shadow is not None else "passing"

    def counts(self) -> Mapping[tuple[str, str], int]:
        """The shadow's, and how often it was left behind."""
        counts = Counter(self._counts)
        if self._shadow is not None:
            counts.update(self._shadow.counts())
        return counts

    # -- the shadow -------------------------------------------------------------------------------

    def _answered(self, call: Callable[[Link], list[Event]], now: float) -> list[Event]:
        events = self._ask(call)
        return events + self._hear_held(now)

    def _hear_held(self, now: float) -> list[Event]:
        if self._shadow is None or self._shadow.is_awaiting_commit or not self._held:
            return []
        data = bytes(self._held)
        self._held.clear()
        return self._ask(lambda shadow: shadow.receive_bytes(data, now))

    def _restart(self, now: float) -> list[Event]:
        self._counts[OVERRUN] += 1
        self._held.clear()
        events = self._ask(lambda shadow: shadow.connection_lost(now))
        return events + self._ask(lambda shadow: shadow.connection_made(now))

    def _ask(self, call: Callable[[Link], list[Event]]) -> list[Event]:
        if self._shadow is None:
            return []
        try:
            events = call(self._shadow)
            self._shadow.bytes_to_send()
        except Exception:  # noqa: BLE001 - whatever a driver's link raises: the bytes must pass
            self._counts[FAILED] += 1
            self._shadow = None
            self._held.clear()
            return []
        return events
