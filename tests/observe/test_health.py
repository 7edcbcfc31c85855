"""Warnings show the cause, when it has lasted, and what to do."""

from __future__ import annotations

import io

import pytest

from middleware.observe import log
from middleware.observe.health import (
    LOG_AGAIN_AFTER_S,
    WARNABLES,
    Health,
    Severity,
    WarnableCode,
)
from tests.kit.fake_clock import FIRST_MOMENT, FakeClock


def _codes(health: Health) -> list[str]:
    return [warning.code.value for warning in health.current()]


def test_a_short_trouble_does_not_ring(clock: FakeClock) -> None:
    """A LIS that restarts within seconds wakes nobody."""
    health = Health(clock)
    health.raise_warning("lis-unreachable", "lis")
    clock.advance(19.9)
    assert _codes(health) == []
    clock.advance(0.2)
    assert _codes(health) == ["lis-unreachable"]


def test_a_trouble_that_ended_leaves_no_trace(clock: FakeClock) -> None:
    """And its time counts anew when it comes back."""
    health = Health(clock)
    health.raise_warning("lis-unreachable", "lis")
    clock.advance(15)
    health.clear("lis-unreachable", "lis")
    health.raise_warning("lis-unreachable", "lis")
    clock.advance(15)
    assert _codes(health) == []


def test_raising_again_keeps_the_first_moment_and_the_last_words(clock: FakeClock) -> None:
    """ "Since when" is what a person asks first."""
    health = Health(clock)
    health.raise_warning("disk-low", text="4 % free")
    clock.advance(60)
    health.raise_warning("disk-low", text="3 % free")
    (warning,) = health.current()
    assert warning.since == FIRST_MOMENT
    assert warning.text == "3 % free"


def test_the_cause_is_shown_and_not_its_consequence(clock: FakeClock) -> None:
    """While the LIS is away, a growing backlog is no news."""
    health = Health(clock)
    health.raise_warning("lis-unreachable", "lis")
    health.raise_warning("backlog-growing", "lis")
    health.raise_warning("backlog-growing", "archive")
    clock.advance(61)
    shown = [(warning.code, warning.subject) for warning in health.current()]
    assert shown == [
        (WarnableCode.LIS_UNREACHABLE, "lis"),
        (WarnableCode.BACKLOG_GROWING, "archive"),
    ]


def test_what_touches_the_whole_node_explains_every_subject(clock: FakeClock) -> None:
    """A full disk is the one thing to look at."""
    health = Health(clock)
    health.raise_warning("store-not-writable")
    health.raise_warning("lis-unreachable", "lis")
    clock.advance(61)
    assert _codes(health) == ["store-not-writable"]
    health.clear("store-not-writable")
    assert _codes(health) == ["lis-unreachable"]


def test_the_most_severe_stands_first(clock: FakeClock) -> None:
    """A person reads from the top."""
    health = Health(clock)
    health.raise_warning("clock-stepped")
    clock.advance(1)
    health.raise_warning("disk-low")
    assert [warning.severity for warning in health.current()] == [Severity.HIGH, Severity.LOW]


def test_a_wall_clock_that_steps_back_hides_no_warning(clock: FakeClock) -> None:
    """Times to become visible follow the monotonic clock."""
    health = Health(clock)
    health.raise_warning("lis-unreachable", "lis")
    clock.step_wall(-3600)
    clock.advance(21)
    assert _codes(health) == ["lis-unreachable"]


@pytest.mark.parametrize("code", list(WarnableCode))
def test_every_warning_says_what_is_wrong_and_what_to_do(code: WarnableCode) -> None:
    """No code without words for a person."""
    row = WARNABLES[code]
    assert row.title and row.text and row.what_to_do
    assert code not in row.depends_on


def test_an_unknown_code_is_a_mistake_of_ours(clock: FakeClock) -> None:
    """Codes are a closed set."""
    with pytest.raises(ValueError, match="no-such-code"):
        Health(clock).raise_warning("no-such-code")


def test_a_warning_that_comes_and_goes_is_not_logged_each_time(clock: FakeClock) -> None:
    """An analyzer that connects for each message would fill the log with its line's warning."""
    stream = io.StringIO()
    log.configure(as_json=True, stream=stream)
    health = Health(clock)
    for _ in range(5):
        health.raise_warning("line-down", "chem-1")
        clock.advance(61)
        assert _codes(health) == ["line-down"]
        health.clear("line-down", "chem-1")
    log.configure()
    assert stream.getvalue().count("warning raised") == 1
    assert stream.getvalue().count("warning cleared") == 1


def test_a_warning_that_comes_back_later_is_logged_again(clock: FakeClock) -> None:
    """Tomorrow's trouble is news."""
    stream = io.StringIO()
    log.configure(as_json=True, stream=stream)
    health = Health(clock)
    for _ in range(2):
        health.raise_warning("disk-low")
        health.clear("disk-low")
        clock.advance(LOG_AGAIN_AFTER_S)
    log.configure()
    assert stream.getvalue().count("warning raised") == 2
