"""Quality control fails at a random time, transactions are undone and done again: nothing wrong goes out unseen.

The gate alone is tried with ten thousand seeds in `tests/qc`; here some go through the real pipeline and store.
"""

from __future__ import annotations

import pytest

from tests.kit.instant_store import empty_store
from tests.kit.qc_pipeline_world import PipelineWorld

pytestmark = pytest.mark.slow

SEEDS = 12


def play(seed: int, *, bracketing: bool, enforces: bool = True) -> PipelineWorld:
    conn = empty_store()
    world = PipelineWorld(seed, bracketing, conn=conn, enforces=enforces)
    world.play()
    conn.rollback()
    return world


@pytest.mark.parametrize("bracketing", [True, False])
def test_no_wrong_result_goes_out_unseen(bracketing: bool) -> None:
    """With bracketing none goes out at all; without it none after the failure, and those before it are listed."""
    worlds = [play(seed, bracketing=bracketing) for seed in range(SEEDS)]
    assert {world.seed: world.faults() for world in worlds if world.faults()} == {}
    assert any(world.released_something for world in worlds)
    assert any(world.opened_again for world in worlds)
    if not bracketing:
        assert any(item.is_bad and item.is_listed for world in worlds for item in world.items)


def test_a_gate_that_holds_nothing_is_noticed() -> None:
    """The test above can fail."""
    for bracketing in (True, False):
        worlds = [play(seed, bracketing=bracketing, enforces=False) for seed in range(6)]
        assert any(world.faults() for world in worlds)
