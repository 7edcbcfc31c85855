"""What every test of delivery may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import empty_store
from tests.kit.lane_bench import LaneBench


@pytest.fixture
def bench(clock: FakeClock) -> Iterator[LaneBench]:
    """A lane with everything around it."""
    connection = empty_store()
    yield LaneBench(connection, clock)
    connection.rollback()
