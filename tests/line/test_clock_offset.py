"""An analyzer's clock is judged by what its messages say, and by nothing that one message alone says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.line.clock_offset import AGREE_WITHIN_S, ClockOffset, instant

NOW = 1_930_000_000.0
HOUR_S = 3600.0


def offset_of(*differences: float) -> float | None:
    clock = ClockOffset()
    for number, difference in enumerate(differences):
        clock.add(NOW + number * 60 + difference, NOW + number * 60)
    return clock.seconds


def test_three_messages_that_agree_tell_the_offset() -> None:
    """The smallest delay is the nearest to the truth."""
    assert offset_of(-3, -1, -2) == -1
    assert offset_of(300, 299) is None


def test_one_message_with_an_odd_time_proves_nothing() -> None:
    """A person typed it, or an old one came again."""
    assert offset_of(-1, -2, 86400, -1, -90000) == -1


def test_old_messages_sent_again_do_not_make_the_clock_wrong() -> None:
    """Yesterday's messages in one minute: each is late by something else."""
    yesterday = [-86400.0 + number * 900 for number in range(9)]
    assert offset_of(*yesterday) is None
    assert offset_of(-1, -2, -1, *yesterday[:6]) == -1


def test_a_clock_that_lost_its_battery_is_found() -> None:
    """Thirty years behind is as constant as two minutes."""
    assert offset_of(*[-30 * 365 * 86400.0 - delay for delay in (2, 1, 3)]) == pytest.approx(
        -30 * 365 * 86400.0 - 1
    )


def test_a_clock_that_was_set_right_is_believed_after_some_messages() -> None:
    """The warning goes away by itself."""
    assert offset_of(*[HOUR_S] * 9, *[-1.0] * 9) == -1


@pytest.mark.slow
@given(
    delays=st.lists(st.floats(0, AGREE_WITHIN_S), min_size=3, max_size=9),
    offset=st.floats(-1e8, 1e8),
)
def test_the_offset_is_right_to_the_smallest_delay(delays: list[float], offset: float) -> None:
    """Whatever the clock, with short delays the answer is between the truth and the smallest of them."""
    found = offset_of(*[offset - delay for delay in delays])
    assert found == pytest.approx(offset - min(delays), abs=1e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20310304093000", "2031-03-04T08:30:00"),
        ("20310304093000.123", "2031-03-04T08:30:00"),
        ("20310304093000.123+0200", "2031-03-04T07:30:00"),
        ("203103040930", "2031-03-04T08:30:00"),
        ("2031-03-04T09:30:00+02:00", "2031-03-04T07:30:00"),
        ("2031-03-04T09:30:00", "2031-03-04T08:30:00"),
        ("20310304", None),
        ("20311026023000", None),  # it exists twice
        ("", None),
        ("yesterday", None),
        ("T", None),
        ("9" * 100, None),
    ],
)
def test_times_of_messages_are_read_or_say_nothing(text: str, expected: str | None) -> None:
    """Both standards, in the line's zone; what names no one instant is left out."""
    found = instant(text, "Europe/Berlin")
    assert found == (None if expected is None else instant(expected + "+00:00", "UTC"))
