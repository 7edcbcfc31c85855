"""Ten thousand laboratories in which an analyzer goes wrong at a random time (issue 6, item 8)."""

from __future__ import annotations

import pytest

from middleware.qc.codes import Admission
from middleware.qc.gate import Answer
from tests.kit.qc_world import World

SEEDS = 5_000  # for each way


def _play(*, bracketing: bool) -> list[World]:
    worlds = [World(seed, bracketing).play() for seed in range(SEEDS)]
    faults = {world.seed: world.faults() for world in worlds if world.faults()}
    assert faults == {}
    return worlds


@pytest.mark.slow
def test_with_bracketing_nothing_measured_after_the_last_good_run_is_released() -> None:
    """Five thousand seeds: late messages, unknown times, overdue runs, restarts, two failures."""
    worlds = _play(bracketing=True)
    # The laboratories are worth something: most see a failure, and results do get released.
    assert sum(world.failures_seen > 0 for world in worlds) > SEEDS / 2
    assert sum(world.freed for world in worlds) > 5 * SEEDS


@pytest.mark.slow
def test_without_bracketing_nothing_is_decided_after_the_failure_and_all_before_it_is_listed() -> (
    None
):
    """Five thousand seeds: every wrong result that was released stands in the look-back."""
    worlds = _play(bracketing=False)
    listed = [item for world in worlds for item in world.items if item.is_listed]
    assert sum(item.is_bad for item in listed) > SEEDS
    assert sum(world.failures_seen > 1 for world in worlds) > SEEDS / 20


@pytest.mark.slow
def test_a_gate_that_lets_everything_pass_is_noticed() -> None:
    """The two tests above can fail."""
    for bracketing in (True, False):
        worlds = [
            World(seed, bracketing, ask=lambda *_: Answer(Admission.PASS)).play()
            for seed in range(20)
        ]
        assert sum(bool(world.faults()) for world in worlds) > 10
