"""`labwire run`: starts the node and keeps it running until it is told to stop (Ctrl-C or SIGTERM)."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from middleware import failpoints
from middleware.cli.conventions import author_or_login
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError
from middleware.monitor.lock import NodeLock
from middleware.node import Node, NodeParts
from middleware.observe import log
from middleware.settings.build import build_setup
from middleware.settings.installed import installed_for
from middleware.settings.load import load
from middleware.setup import NodeSettings, Setup
from middleware.store.engine import admit_one_writer, database_url, open_engine, upgrade
from middleware.transport.reactor import use_monotonic_time

# The writer's thread computes beside the reactor: shorter turns keep a round trip below a millisecond (DESIGN 6.4).
SWITCH_INTERVAL_S = 0.0005
# For benches of slow disks; in seconds.
COMMIT_DELAY_VARIABLE = "LABWIRE_TEST_COMMIT_DELAY_S"


def setup_of(settings: Path) -> Setup:
    """The setup of a settings file, with everything that is installed. Raises SettingsError naming every mistake."""
    installed = installed_for(settings)
    return build_setup(load(settings), installed.catalogue, installed.connectors, 0)


def run(settings: Path) -> int:
    """Run until stopped; the exit status."""
    log.configure()
    failpoints.arm(os.environ.get(failpoints.VARIABLE))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    setup = setup_of(settings)
    _migrate_apart(setup.node)
    return _turn(setup, author_or_login(None))


def _migrate_apart(node: NodeSettings) -> None:
    """Bring the schema up to date in a process that ends: what a migration loads would stay in the node for good.

    The node looks at the schema itself afterwards, so trouble is its to tell. No thread runs yet: a fork is sound.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        node.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NodeLock(node.data_dir):
            engine = open_engine(database_url(node.data_dir, node.database))
            admit_one_writer(engine)
            upgrade(engine)
    finally:
        os._exit(0)  # without the parent's exit handlers, and without a word


class _Ending:
    """I am responsible for the reactor being stopped once, however often a signal asks for it."""

    def __init__(self, turning: Any) -> None:
        self._turning = turning
        self._is_asked = False

    def listen(self) -> None:
        """Take SIGINT and SIGTERM from now on; what was ignored from outside (`nohup`, `&`) stays so."""
        for one in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(one) is not signal.SIG_IGN:
                signal.signal(one, self._asked)

    def is_over(self) -> None:
        """The node has stopped in good order: a late signal must not change the exit status."""
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)

    def ask(self) -> None:
        """Stop the reactor; harmless when that was asked for already."""
        if not self._is_asked:
            self._is_asked = True
            self._turning.callFromThread(self._turning.stop)

    def _asked(self, _number: int, _frame: object) -> None:
        self.ask()


def _turn(setup: Setup, author: str) -> int:
    from twisted.internet import reactor

    use_monotonic_time(reactor)
    turning: Any = reactor
    parts = NodeParts(
        turning,
        SystemClock(),
        random.random,
        author,
        commit_delay_s=float(os.environ.get(COMMIT_DELAY_VARIABLE, "0")),
    )
    node = Node(setup, parts)
    failures: list[Failure] = []
    ending = _Ending(turning)

    def failed(failure: Failure) -> None:
        failures.append(failure)
        ending.ask()

    def start() -> None:
        Deferred.fromCoroutine(node.start()).addErrback(failed)

    def stop() -> Deferred[None]:
        return Deferred.fromCoroutine(node.stop()).addErrback(failed)

    turning.callWhenRunning(start)
    turning.addSystemEventTrigger("before", "shutdown", stop)
    ending.listen()
    turning.run(installSignalHandlers=False)
    ending.is_over()
    for failure in failures:
        if isinstance(failure.value, MiddlewareError):
            raise failure.value
        failure.raiseException()
    return 0
