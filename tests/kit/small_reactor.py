"""A reactor of a test's own that turns only until what the test waits for is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.epollreactor import EPollReactor

from middleware.transport.reactor import use_monotonic_time

PATIENCE_S = 5.0


class SmallReactor:
    """Real sockets and real timers without `reactor.run`: one test, one reactor."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        use_monotonic_time(self.reactor)

    def until(self, is_there: Callable[[], object]) -> None:
        """Turn until `is_there()` is true; fails the test after PATIENCE_S."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_there():
            assert time.monotonic() < deadline, "what the test waits for did not come"
            self.reactor.iterate(0.02)

    def finish(self, deferred: Any) -> None:
        """Turn until `deferred` has fired."""
        fired: list[object] = []
        deferred.addBoth(fired.append)
        self.until(lambda: fired)

    def turn(self, times: int = 5) -> None:
        """Turn a few times without waiting."""
        for _ in range(times):
            self.reactor.iterate(0)

    def close(self) -> None:
        """Give back the file descriptors."""
        self.reactor.removeAll()
        self.reactor._poller.close()
        self.reactor.waker.connectionLost(None)
