"""What a person is told of an analyzer's silence and of its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from middleware.driver.api import AnalyzerIdentity
from middleware.line.behaviour import CALM_AFTER_S, Behaviour
from middleware.line.habit import DAY_S, Habit
from middleware.line.settings import LineSettings
from middleware.observe.health import Health, WarnableCode
from middleware.observe.metrics import REGISTRY
from tests.kit.fake_clock import FIRST_MOMENT, FakeClock
from tests.kit.line_bench import PlainDriver


class ClockedDriver(PlainDriver):
    """Its messages are nothing but the time when they were sent."""

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        return AnalyzerIdentity(sent_at_text=text.decode())


class World:
    """A behaviour on a clock of its own."""

    def __init__(self, clock: FakeClock, **settings: object) -> None:
        self.clock = clock
        self.health = Health(clock)
        settings.setdefault("transport", {"type": "tcp_listen", "port": 0})
        self.behaviour = Behaviour(
            LineSettings.model_validate({"id": "quiet-1", "driver": "plain", **settings}),
            ClockedDriver(),
            self.health,
            clock,
        )
        self.behaviour.begin()

    def now(self) -> float:
        return self.clock.utc_now().timestamp()

    def pass_time(self, seconds: float, step: float = 10.0) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.behaviour.look()

    def warning(self) -> str:
        return " ".join(one.text for one in self.health.current())

    def message(self, offset_s: float, zone_h: int = 0) -> None:
        """A message of an analyzer whose clock is ahead by so much."""
        self.clock.advance(60)
        sent = self.clock.utc_now() + timedelta(seconds=offset_s, hours=zone_h)
        self.behaviour.examine(sent.strftime("%Y%m%d%H%M%S").encode(), self.now())


def habit_of(minutes: int) -> Habit:
    """A message each so many minutes, day and night, for three weeks until 09:12 today (UTC)."""
    habit = Habit("UTC")
    last = datetime(2031, 3, 4, 9, 12, tzinfo=UTC).timestamp()
    habit.learn(last - number * minutes * 60 for number in reversed(range(21 * 1440 // minutes)))
    return habit


@pytest.fixture
def world(clock: FakeClock) -> World:
    assert datetime(2031, 3, 4, 9, 30, tzinfo=UTC) == FIRST_MOMENT
    world = World(clock)
    world.behaviour.remember(habit_of(4))
    return world


def metric(name: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"line": "quiet-1"})


def test_a_line_that_is_silent_against_its_habit_is_told_in_words(world: World) -> None:
    """The technician reads since when, and what would be usual."""
    world.pass_time(1790)
    assert world.warning() == ""
    world.pass_time(30)
    assert "nothing since 09:12; usual at this hour: every 4 minutes" in world.warning()
    status = world.behaviour.status()
    assert status.silent_since_at == world.behaviour.habit.last_at
    assert metric("labwire_line_silent_since_timestamp_seconds") == status.silent_since_at
    assert metric("labwire_line_silence_limit_seconds") == 1800


def test_the_next_message_ends_the_silence_at_once(world: World) -> None:
    """Nobody is kept looking at what is over."""
    world.pass_time(2000)
    world.behaviour.accepted(world.now())
    assert world.warning() == ""
    assert world.behaviour.status().silent_since_at is None


def test_the_time_while_the_node_was_down_is_nobodys_silence(clock: FakeClock) -> None:
    """After a restart at night the analyzers get as long as ever to speak."""
    clock.advance(8 * 3600)
    world = World(clock)
    world.behaviour.remember(habit_of(4))
    world.pass_time(1780)
    assert world.warning() == ""
    world.pass_time(40)
    assert "nothing since 09:12" in world.warning()


def test_a_line_without_a_habit_never_alarms(clock: FakeClock) -> None:
    """A new line is left alone until something is known of it."""
    world = World(clock)
    world.behaviour.accepted(world.now())
    world.pass_time(2 * DAY_S, step=7200)
    assert world.warning() == ""


def test_a_fixed_time_needs_no_habit(clock: FakeClock) -> None:
    """A site that knows what it wants says so, and hears of it although nothing ever came."""
    world = World(clock, silent_after_s=600)
    world.pass_time(590)
    assert world.warning() == ""
    world.pass_time(20)
    assert "nothing came yet; the settings allow 10 minutes" in world.warning()


def test_a_stopped_line_is_not_silent(world: World) -> None:
    """Nothing is expected of it."""
    world.pass_time(2000)
    world.behaviour.end()
    assert world.warning() == ""
    world.pass_time(2000)
    assert world.warning() == ""


def test_while_the_habit_is_read_nothing_is_judged_and_nothing_forgotten(clock: FakeClock) -> None:
    """Messages that come in the first seconds are learned when the memory is there."""
    world = World(clock, silent_after_s=60)
    world.behaviour.await_habit()
    world.behaviour.accepted(world.now())
    world.pass_time(600)
    assert world.warning() == ""
    world.behaviour.remember(habit_of(4))
    assert world.behaviour.habit.last_at == FIRST_MOMENT.timestamp()


def test_an_analyzers_clock_that_is_wrong_is_told_with_its_amount(clock: FakeClock) -> None:
    """Three messages that agree; a time zone that was not declared is found the same way."""
    world = World(clock)
    for _ in range(3):
        world.message(offset_s=0, zone_h=1)
    assert "is 60 minutes ahead" in world.warning()
    assert metric("labwire_analyzer_clock_skew_seconds") == pytest.approx(3600, abs=1)


def test_a_clock_in_its_declared_zone_and_tolerance_is_well(clock: FakeClock) -> None:
    """Berlin's wall clock, 90 seconds ahead, is no news; what was wrong and was set right is none any more."""
    world = World(clock, time_zone="Europe/Berlin")
    for _ in range(3):
        world.message(offset_s=500, zone_h=1)
    assert world.health.is_raised(WarnableCode.ANALYZER_CLOCK, "quiet-1")
    for _ in range(9):
        world.message(offset_s=90, zone_h=1)
    assert world.warning() == ""
    assert world.behaviour.status().clock_offset_s == pytest.approx(90, abs=1)


def test_the_tolerance_is_the_lines_own(clock: FakeClock) -> None:
    """Where 90 seconds matter the site says so."""
    world = World(clock, clock_tolerance_s=30)
    for _ in range(3):
        world.message(offset_s=-90)
    assert "is 90 seconds behind" in world.warning()


def test_a_storm_of_connections_is_told_until_it_is_calm(clock: FakeClock) -> None:
    """Once, with who it is; a minute after the last one it is over."""
    world = World(clock)
    for _ in range(100):
        world.behaviour.damped("10.1.2.3")
    assert "10.1.2.3" in world.warning()
    world.pass_time(CALM_AFTER_S - 10)
    assert world.health.is_raised(WarnableCode.LINE_FLAPPING, "quiet-1")
    world.pass_time(10)
    assert world.warning() == ""


def test_the_age_of_a_file_is_no_fault_of_a_clock(clock: FakeClock) -> None:
    """Somebody puts last month's export into the folder."""
    world = World(clock, transport={"type": "file_drop", "folder": "export"})
    for _ in range(12):
        world.message(-30 * DAY_S)
    assert world.behaviour.look() is None
    assert "clock" not in world.warning()
