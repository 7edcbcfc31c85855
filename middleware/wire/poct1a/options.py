"""What a POCT1-A link may be told: its role, times, limits, and what it asks the analyzer for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from middleware.wire.poct1a.constants import DEFAULT_APPLICATION_TIMEOUT_S, DEFAULT_LIMIT_BYTES
from middleware.wire.poct1a.quirks import QUIRKS


class Role(Enum):
    """Which end of the conversation a link is."""

    COMPUTER = "computer"  # the standard's data manager: it leads the conversation by itself
    INSTRUMENT = "instrument"  # the standard's device: its owner says what is sent


def no_moment() -> str:
    """No clock: messages carry no time."""
    return ""


@dataclass(frozen=True, slots=True)
class Poct1aOptions:
    """Times in seconds, sizes in bytes.

    `moment` gives the present as ISO 8601 with offset, or ''. `acknowledgement_s`: how long our message waits for its
    ACK. `reply_deadline_s`: how long a received message may wait for `commit` before it is refused; below the
    analyzer's own waiting time (typically 10 s). `receive_s`: silence inside a message after which it is given up.
    `application_timeout_s`: used where the analyzer's hello names none. `is_continuous`: stay in conversation instead
    of ending it. `asks_events`, `sets_time`: ask for events too; set the analyzer's clock once a conversation.
    """

    role: Role = Role.COMPUTER
    quirks: frozenset[str] = frozenset()
    acknowledgement_s: float = 10.0
    reply_deadline_s: float = 8.0
    receive_s: float = 30.0
    application_timeout_s: float = DEFAULT_APPLICATION_TIMEOUT_S
    max_message_bytes: int = DEFAULT_LIMIT_BYTES
    is_continuous: bool = False
    asks_events: bool = False
    sets_time: bool = False
    moment: Callable[[], str] = field(default=no_moment)

    def __post_init__(self) -> None:
        unknown = self.quirks - QUIRKS.keys()
        if unknown:
            raise ValueError(f"unknown quirks: {', '.join(sorted(unknown))}")
