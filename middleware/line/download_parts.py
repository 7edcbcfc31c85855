"""What downloads of a line need of it, how they stand, and the words for what keeps them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

from middleware.clock import Clock
from middleware.line.download_store import DownloadStore
from middleware.observe.health import Health
from middleware.transport.shim import Shim

REASON_NOT_CONNECTED = "the line has no connection"
REASON_ANOTHER = "another analyzer speaks on the line"
REASON_MANY = "enough is waiting to be sent already"
REASON_STOPPED = "the line was stopped"
REASON_REFUSED = "a message of work was refused; `labwire orders why` tells why"
REASON_FAILED = "sending failed by a fault of Labwire's; the log has it"
REASON_STORE = "the store cannot be written"
REASON_OFF = (
    "the line takes no orders that its analyzer did not ask for (`download` of its `orders`)"
)


class Carrier(Protocol):
    """The connection that takes a line's orders: its own, or that of the line of `answers_on`."""

    shim: Shim | None
    waiting: set[Any]  # whose `line_free` is called when nothing runs on the line

    @property
    def is_another(self) -> bool:
        """Whether the wrong analyzer speaks there."""
        ...

    def carried_for(self, line: str) -> Collection[int]:
        """The steps of a line that answers to its queries carry now."""
        ...


@dataclass(frozen=True, slots=True)
class DownloadServices:
    """What downloads need of the line. `store` None: the line may not be given work (a relay).

    `carrier` is the connection that takes orders.
    """

    reactor: Any
    clock: Clock
    health: Health
    store: DownloadStore | None
    carrier: Callable[[], Carrier]


@dataclass(frozen=True, slots=True)
class DownloadStatus:
    """For status pages: tests sent, refused and tubes not taken since the start; what it waits for.

    `next_try_at` is seconds since 1970 UTC (None: nothing waits); `trouble` the last one, '' when it is over.
    """

    download: str
    sent: int = 0
    refused: int = 0
    not_taken: int = 0
    next_try_at: float | None = None
    trouble: str = ""
