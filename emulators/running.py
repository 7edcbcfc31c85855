"""The reactor's run of one emulator: until a signal, for some seconds, or until it has finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred

from middleware.clock import SystemClock
from middleware.errors import MiddlewareError
from middleware.transport.reactor import use_monotonic_time

# Sample ids must not repeat between two runs; a run's prefix is its start in tenths of a second.
PREFIX_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Run:
    """I am responsible that an emulator ends in good order, whoever ends it."""

    def __init__(self, reactor: Any, stop: Callable[[], Any], seconds: float) -> None:
        self._reactor = reactor
        self._stop = stop
        self._seconds = seconds
        self._is_ending = False

    def until_ended(self, start: Callable[[], None]) -> None:
        """Run, and start; what cannot start is told as a mistake of usage."""
        failures: list[MiddlewareError] = []

        def begin() -> None:
            try:
                start()
            except MiddlewareError as error:
                failures.append(error)
                self.end()

        self._reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        # In the first turn of the loop: from the first word that is said, a signal ends it in good order.
        self._reactor.callLater(0, begin)
        if self._seconds > 0:
            self._reactor.callLater(self._seconds, self.end)
        self._reactor.run()
        for failure in failures:
            raise typer.BadParameter(sentence(failure)) from failure

    def end(self) -> None:
        """End the run; harmless when it is ending already."""
        if not self._is_ending:
            self._is_ending = True
            self._reactor.callWhenRunning(self._reactor.stop)

    def _shut_down(self) -> Deferred[None]:
        self._is_ending = True  # also when a signal ended it
        return Deferred.fromCoroutine(self._stop())


def the_reactor() -> Any:
    """The installed reactor, its timers on the monotonic clock. Only commands ask for it; all else is given one."""
    use_monotonic_time(installed_reactor)
    return installed_reactor


def new_prefix() -> str:
    """The first letters of a run's sample ids."""
    moment = int(SystemClock().utc_now().timestamp() * 10)
    letters = ""
    for _ in range(6):
        moment, place = divmod(moment, len(PREFIX_LETTERS))
        letters = PREFIX_LETTERS[place] + letters
    return f"{letters}-"


def speaker(name: str, quiet: bool) -> Callable[[str], None]:
    """Says what an emulator does, under its name; silent if `quiet`."""
    return (lambda _: None) if quiet else (lambda text: typer.echo(f"{name}: {text}"))


def sentence(error: Exception) -> str:
    """An error with the advice that it carries."""
    advice = getattr(error, "what_to_do", "")
    return f"{error}. {advice}" if advice else str(error)
