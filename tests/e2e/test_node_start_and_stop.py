"""A node's start and stop, where one meets the other."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from middleware.clock import SystemClock
from middleware.node import Node, NodeParts
from middleware.observe.log import configure
from tests.kit.made_setups import made_setup
from tests.kit.small_reactor import SmallReactor

pytestmark = pytest.mark.slow  # a store on disk


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


def _node(small: SmallReactor, folder: Path) -> Node:
    setup = made_setup(connectors=[])
    setup = replace(setup, node=replace(setup.node, data_dir=folder), lines={})
    return Node(setup, NodeParts(small.reactor, SystemClock(), lambda: 0.5, "a test"))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the log says, from here on."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


def test_a_stop_during_the_start_starts_nothing_more(
    small: SmallReactor, tmp_path: Path, logged: io.StringIO
) -> None:
    """SIGTERM in the first moment: no line opens, no part is started over a store that is closed."""
    node = _node(small, tmp_path)
    starting = Deferred.fromCoroutine(node.start())
    small.finish(Deferred.fromCoroutine(node.stop()))
    small.finish(starting)
    assert "node started" not in logged.getvalue()
    assert not small.reactor.getDelayedCalls()


def test_a_node_that_was_stopped_leaves_its_folder_to_the_next(
    small: SmallReactor, tmp_path: Path
) -> None:
    """Stopping gives back the lock, the store and every timer; stopping twice is harmless."""
    for _ in range(2):
        node = _node(small, tmp_path)
        small.finish(Deferred.fromCoroutine(node.start()))
        small.finish(Deferred.fromCoroutine(node.stop()))
        small.finish(Deferred.fromCoroutine(node.stop()))
        assert not small.reactor.getDelayedCalls()
