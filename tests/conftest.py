"""What every test may ask for, and the way the whole suite runs."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.kit.fake_clock import FakeClock
from tests.kit.throwaway_ca import TlsWorld

BUDGET_S = 0.010  # of one unmarked test (DESIGN rule 23)
MARKS_BEYOND_BUDGET = ("slow", "crash", "e2e")

# The suite says the same thing twice in a row: examples come from the test itself, not from chance.
# `LABWIRE_HYPOTHESIS=search` looks for new ones, and prints how to repeat what it found.
settings.register_profile("steady", derandomize=True, database=None, deadline=None, max_examples=50)
settings.register_profile(
    "search", database=None, deadline=None, max_examples=2000, print_blob=True
)
settings.load_profile(os.environ.get("LABWIRE_HYPOTHESIS", "steady"))


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only when told."""
    return FakeClock()


@pytest.fixture(scope="session")
def tls_world(tmp_path_factory: pytest.TempPathFactory) -> TlsWorld:
    """Authorities and certificates of this run alone."""
    return TlsWorld(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def no_collector() -> Iterator[None]:
    """For tests of processor time: what other tests left in the memory must not count."""
    gc.disable()
    yield
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--budget", action="store_true", help="list unmarked tests that took more than 10 ms"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test carries its right to be slow into its report."""
    for item in items:
        if any(item.get_closest_marker(mark) for mark in MARKS_BEYOND_BUDGET):
            item.user_properties.append(("beyond_budget", True))


def pytest_collection_finish() -> None:
    """What was collected (900,000 objects) lives to the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if not config.getoption("--budget"):
        return
    slow = [
        report
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        and report.duration > BUDGET_S
        and ("beyond_budget", True) not in report.user_properties
    ]
    terminalreporter.section(f"{len(slow)} unmarked tests took more than 10 ms")
    for report in sorted(slow, key=lambda report: -report.duration):
        terminalreporter.write_line(f"{report.duration * 1000:7.1f} ms  {report.nodeid}")
