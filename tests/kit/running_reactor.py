"""A reactor of one's own in a thread: real sockets for a test, without the one reactor of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor

LIMIT_S = 10.0


class RunningReactor:
    """Runs work on the reactor's thread and waits for its end."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        self._thread = threading.Thread(
            target=self.reactor.run, kwargs={"installSignalHandlers": False}, daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def do(self, work: Callable[[], Any]) -> Any:
        """`work` may return a coroutine; its error is raised here."""
        done = threading.Event()
        outcome: dict[str, Any] = {}

        async def whole() -> None:
            try:
                answer = work()
                outcome["answer"] = await answer if isinstance(answer, Coroutine) else answer
            except Exception as error:  # noqa: BLE001 - raised again where the test waits
                outcome["error"] = error
            finally:
                done.set()

        self.reactor.callFromThread(lambda: Deferred.fromCoroutine(whole()))
        if not done.wait(LIMIT_S):
            raise TimeoutError("the reactor did not do the work")
        if "error" in outcome:
            raise outcome["error"]
        return outcome.get("answer")

    def stop(self) -> None:
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(LIMIT_S)


@contextmanager
def running_reactor() -> Iterator[RunningReactor]:
    """A reactor that runs until the block ends."""
    running = RunningReactor()
    running.start()
    try:
        yield running
    finally:
        running.stop()
