"""`labwire run`: starts the node and keeps it running until it is told to stop (Ctrl-C or SIGTERM)."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from middleware import failpoints
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError
from middleware.node import Node, NodeParts
from middleware.observe import log
from middleware.settings.build import build_setup
from middleware.settings.installed import installed_for
from middleware.settings.load import load
from middleware.setup import Setup
from middleware.transport.reactor import use_monotonic_time

# The writer's thread computes beside the reactor: shorter turns keep a round trip below a millisecond (DESIGN 6.4).
SWITCH_INTERVAL_S = 0.0005
# For benches of slow disks; in seconds.
COMMIT_DELAY_VARIABLE = "LABWIRE_TEST_COMMIT_DELAY_S"


def setup_of(settings: Path) -> Setup:
    """The setup of a settings file, with everything that is installed. Raises SettingsError naming every mistake."""
    installed = installed_for(settings)
    return build_setup(load(settings), installed.catalogue, installed.connectors, 0)


def run(settings: Path, author: str) -> int:
    """Run until stopped; the exit status."""
    log.configure()
    failpoints.arm(os.environ.get(failpoints.VARIABLE))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return _turn(setup_of(settings), author)


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

    def failed(failure: Failure) -> None:
        failures.append(failure)
        if turning.running:
            turning.stop()

    def start() -> None:
        Deferred.fromCoroutine(node.start()).addErrback(failed)

    def stop() -> Deferred[None]:
        return Deferred.fromCoroutine(node.stop()).addErrback(failed)

    turning.callWhenRunning(start)
    turning.addSystemEventTrigger("before", "shutdown", stop)
    turning.run()
    for failure in failures:
        if isinstance(failure.value, MiddlewareError):
            raise failure.value
        failure.raiseException()
    return 0
