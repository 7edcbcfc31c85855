"""A line that falls silent is noticed by its own habit, and one that keeps its habit never is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.line.habit import DAY_S, FACTOR, HOUR_S, LEAST_S, Habit

ZONE = "Europe/Berlin"
# A Monday, 4 weeks before the change to summer time.
MONDAY = datetime(2031, 3, 3, tzinfo=ZoneInfo(ZONE))
WEEK_S = 7 * DAY_S


def at(days: int, hour: float) -> float:
    """That hour of the wall clock in the laboratory, `days` after the Monday."""
    moment = MONDAY + timedelta(days=days)
    moment = moment.replace(hour=int(hour), minute=round(hour % 1 * 60))
    return moment.timestamp()


def working_week(first_day: int, days: int, every_min: int = 4) -> list[float]:
    """Messages from 8 to 20 o'clock on working days."""
    return [
        at(day, 8) + minute * 60
        for day in range(first_day, first_day + days)
        if (MONDAY + timedelta(days=day)).weekday() < 5
        for minute in range(0, 12 * 60, every_min)
    ]


def is_silent(habit: Habit, now: float) -> bool:
    usual = habit.usual(now)
    assert habit.last_at is not None
    return usual is not None and now - habit.last_at > usual.limit_s


def test_a_busy_line_that_stops_in_the_morning_is_noticed_within_half_an_hour() -> None:
    """Usual at this hour: every 4 minutes. Nothing for 31 minutes is a reason to look."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 21))
    habit.learn(moment for moment in working_week(21, 1) if moment <= at(21, 9.2))
    usual = habit.usual(at(21, 9.6))
    assert usual is not None
    assert usual.every_s == pytest.approx(240)
    assert not is_silent(habit, at(21, 9.65))
    assert is_silent(habit, at(21, 9.75))


def test_the_night_and_the_weekend_are_silent_as_ever() -> None:
    """Nobody is called at night because a routine analyzer sleeps."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 26))  # until Friday
    for hours in range(60):
        assert not is_silent(habit, at(25, 20) + hours * HOUR_S)
    assert is_silent(habit, at(28, 9.6))  # on Monday it did not begin


def test_a_line_that_does_not_begin_in_the_morning_is_noticed() -> None:
    """The analyzer was left off: half an hour of grace after the usual hour, not more."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 23))
    assert not is_silent(habit, at(23, 9.4))
    assert is_silent(habit, at(23, 9.6))


def test_summer_time_moves_nothing() -> None:
    """The laboratory's clock counts: on the Monday after the change work begins at 8 again."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 26))
    assert datetime.fromtimestamp(at(28, 9), UTC).hour == 7
    assert not is_silent(habit, at(28, 9.4))
    assert is_silent(habit, at(28, 9.6))


def test_a_new_line_has_no_habit() -> None:
    """Three days are not enough to know anything, and an hour never seen tells nothing."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 3))
    assert habit.usual(at(2, 22)) is None
    assert habit.usual(at(3, 10)) is not None  # Thursday, as the working days before
    assert habit.usual(at(5, 10)) is None  # the first Saturday


@pytest.mark.slow
def test_plates_that_come_every_two_hours_are_no_silence() -> None:
    """A thousand short silences do not outvote the long ones."""
    habit = Habit(ZONE)
    for day in range(21):
        for hour in range(0, 24, 2):
            habit.learn(at(day, hour) + second for second in range(96))
    assert not is_silent(habit, at(21, 0) + 3 * HOUR_S)
    assert is_silent(habit, at(21, 0) + 7 * HOUR_S)


def test_an_outage_makes_only_its_own_hours_deaf() -> None:
    """Tuesday's outage from 10 to 14 o'clock says nothing about Wednesday."""
    habit = Habit(ZONE)
    kept = [one for one in working_week(0, 22) if not at(15, 10) < one < at(15, 14)]
    habit.learn(kept)
    habit.learn(one for one in working_week(22, 1) if one <= at(22, 11))  # Tuesday
    assert not is_silent(habit, at(22, 12))
    habit.learn(one for one in working_week(23, 1) if one <= at(23, 11))  # Wednesday
    assert is_silent(habit, at(23, 12))


def test_a_clock_that_was_set_back_is_survived() -> None:
    """The hours between are nobody's silence."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 15))
    habit.add(at(3, 10))
    assert habit.last_at == at(3, 10)
    habit.add(at(3, 10) + 60)


def test_what_is_restored_is_what_was_kept() -> None:
    """A restart forgets nothing, and a spoilt row is refused."""
    habit = Habit(ZONE)
    habit.learn(working_week(0, 20))
    again = Habit(ZONE)
    again.restore(json.loads(json.dumps(habit.as_plain())))
    for hour in range(24 * 7):
        assert again.usual(at(20, 0) + hour * HOUR_S) == habit.usual(at(20, 0) + hour * HOUR_S)
    for spoilt in ({}, {"hours": 1}, {"hours": [[1]], "first_at": 0, "last_at": 0}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Habit(ZONE).restore(spoilt)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    week=st.lists(st.floats(0, WEEK_S - 1), min_size=1, max_size=30),
    offset=st.floats(0, WEEK_S),
)
def test_a_week_that_repeats_itself_never_alarms(week: list[float], offset: float) -> None:
    """Whatever the habit, keeping it is no news (UTC: the same hours each week)."""
    habit = Habit("UTC")
    start = 1_930_000_000.0 + offset
    moments = sorted(start + number * WEEK_S + one for number in range(5) for one in week)
    for moment in moments:
        if moment >= start + 3 * WEEK_S:
            assert not is_silent(habit, moment)
        habit.add(moment)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(gaps=st.lists(st.floats(1, 3 * DAY_S), min_size=1, max_size=40), later=st.floats(0, DAY_S))
def test_no_silence_is_unusual_before_half_an_hour_or_beyond_its_bounds(
    gaps: list[float], later: float
) -> None:
    """The limit lies between half an hour and three times the longest silence of all."""
    habit = Habit("Asia/Kathmandu")
    now = 1_930_000_000.0
    habit.add(now)
    for gap in gaps:
        now += gap
        habit.add(now)
    usual = habit.usual(now + later)
    if usual is not None:
        assert LEAST_S <= usual.limit_s <= max(LEAST_S, FACTOR * max(gaps) * 1.001)
