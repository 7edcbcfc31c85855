"""How the analyzer of one line behaves: who speaks, how its clock stands, and whether it is silent for too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from middleware.clock import Clock
from middleware.driver.api import AnalyzerIdentity, Driver
from middleware.line.clock_offset import ClockOffset, instant
from middleware.line.habit import Habit, Usual
from middleware.line.identity import IdentityGate, identify_of
from middleware.line.settings import LineSettings
from middleware.observe.events import ClockMeasured, InvariantViolated, SilenceJudged
from middleware.observe.health import Health, WarnableCode
from middleware.review.times import in_words
from middleware.transport.file_settings import FileDropSettings

# A message's time is read once a second at most: reading one costs 5 µs, and a clock does not wander that fast.
CLOCK_EVERY_S = 1.0
LOOK_EVERY_S = 10.0
# Messages noted while the habit is read from the store, which takes seconds.
MOST_UNLEARNED = 100_000
# A storm of connections is over when none was damped for so long.
CALM_AFTER_S = 60.0
_NOBODY = AnalyzerIdentity()


@dataclass(frozen=True, slots=True)
class BehaviourStatus:
    """For status pages. Since when it is unusually silent (seconds since 1970 UTC), what is usual at this hour, and by
    how much its clock is ahead; None: it is not, or not known.
    """

    silent_since_at: float | None
    silence_limit_s: float | None
    usually_every_s: float | None
    clock_offset_s: float | None


class Behaviour:
    """I watch one line's analyzer; I decide nothing but which messages are another's."""

    def __init__(
        self, settings: LineSettings, driver: Driver, health: Health, clock: Clock
    ) -> None:
        self._line = settings.id
        self._settings = settings
        self._health = health
        self._clock = clock
        self._zone = settings.time_zone or "UTC"
        self._identify = identify_of(driver)
        self._gate = IdentityGate(settings.id, settings.serial_number, health)
        # A file may be days old when somebody puts it into the folder: its time says nothing of a clock.
        self._has_clock = not isinstance(settings.transport, FileDropSettings)
        self._offset = ClockOffset()
        self._offset_at = 0.0
        self.habit = Habit(self._zone)
        self._unlearned: list[float] | None = None  # while the habit is being read from the store
        self._running_since: float | None = None
        self._looked_at = 0.0
        self._usual: Usual | None = None
        self._silent_since: float | None = None
        self._damped_at: float | None = None  # monotonic

    # -- each message -----------------------------------------------------------------------------

    def examine(self, text: bytes, received_at: float) -> str:
        """Why a message is another analyzer's, and to be refused; "" when nothing says so."""
        if self._identify is None:
            return ""
        try:
            identity = self._identify(text, self._settings.encoding)
        except Exception:  # noqa: BLE001 - a third party's driver: what cannot be told must not stop the line
            InvariantViolated(
                "identify_never_raises", "a driver failed to identify a message"
            ).emit()
            identity = _NOBODY
        complaint = self._gate.check(identity)
        if (
            not complaint
            and self._has_clock
            and abs(received_at - self._offset_at) >= CLOCK_EVERY_S
        ):
            self._measure_clock(identity.sent_at_text, received_at)
        return complaint

    @property
    def is_another(self) -> bool:
        """Whether the last who said who it is was another analyzer."""
        return self._gate.is_raised

    def should_keep(self, text: bytes, received_at: float) -> bool:
        """Whether another analyzer's text is to be kept for evidence (bounded)."""
        return self._gate.should_keep(text, received_at)

    def accepted(self, received_at: float) -> None:
        """A message was taken in: the line is not silent."""
        if self._unlearned is None:
            self.habit.add(received_at)
        elif len(self._unlearned) < MOST_UNLEARNED:
            self._unlearned.append(received_at)
        if self._silent_since is not None:
            self._judge_silence(received_at)

    def damped(self, peer: str) -> None:
        """One of a storm of connections had to wait for its turn."""
        self._damped_at = self._clock.monotonic()
        text = f"Line {self._line}: connections from {peer} come and go without a message."
        self._health.raise_warning(WarnableCode.LINE_FLAPPING, self._line, text)

    # -- what it remembers --------------------------------------------------------------------

    def await_habit(self) -> None:
        """A habit will be given to `remember`: until then nothing is judged, and what comes is noted."""
        self._unlearned = []

    def remember(self, habit: Habit) -> None:
        """This was learned before; what came meanwhile is learned now."""
        self.habit = habit
        unlearned, self._unlearned = self._unlearned, None
        habit.learn(moment for moment in unlearned or () if moment > (habit.last_at or 0.0))

    # -- now and then -----------------------------------------------------------------------------

    def begin(self) -> None:
        """The line starts: what came before is no silence of its analyzer's that we could have heard."""
        self._running_since = self._now()

    def end(self) -> None:
        """The line was stopped: nothing is expected of it."""
        self._running_since = None
        self._silent_since = None
        self._health.clear(WarnableCode.LINE_SILENT, self._line)

    def look(self) -> None:
        """Is it silent for too long, is a storm over? Cheap; called each second."""
        if self._damped_at is not None:
            self._look_for_calm(self._damped_at)
        now = self._now()
        if abs(now - self._looked_at) >= LOOK_EVERY_S:
            self._judge_silence(now)

    def status(self) -> BehaviourStatus:
        """How the analyzer behaves, as last judged."""
        usual = self._usual
        return BehaviourStatus(
            self._silent_since,
            self._limit_s,
            None if usual is None else usual.every_s,
            self._offset.seconds,
        )

    # -- inside -----------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock.utc_now().timestamp()

    def _look_for_calm(self, damped_at: float) -> None:
        if self._clock.monotonic() - damped_at >= CALM_AFTER_S:
            self._damped_at = None
            self._health.clear(WarnableCode.LINE_FLAPPING, self._line)

    @property
    def _limit_s(self) -> float | None:
        if self._settings.silent_after_s is not None:
            return self._settings.silent_after_s
        return None if self._usual is None else self._usual.limit_s

    def _judge_silence(self, now: float) -> None:
        self._looked_at = now
        if self._running_since is None or self._unlearned is not None:
            return
        self._usual = self.habit.usual(now)
        last = self.habit.last_at
        limit = self._limit_s
        heard_at = self._running_since if last is None else max(last, self._running_since)
        is_silent = limit is not None and now - heard_at > limit
        self._silent_since = (heard_at if last is None else last) if is_silent else None
        SilenceJudged(self._line, limit, self._silent_since).emit()
        if is_silent:
            text = f"Line {self._line}: {self._silence_in_words(last, now)}."
            self._health.raise_warning(WarnableCode.LINE_SILENT, self._line, text)
        else:
            self._health.clear(WarnableCode.LINE_SILENT, self._line)

    def _silence_in_words(self, last: float | None, now: float) -> str:
        since = "nothing came yet" if last is None else f"nothing since {self._moment(last, now)}"
        if self._settings.silent_after_s is not None:
            return f"{since}; the settings allow {in_words(self._settings.silent_after_s)}"
        every = None if self._usual is None else self._usual.every_s
        if every is None:
            return f"{since}; it was never silent for so long at this hour"
        return f"{since}; usual at this hour: every {in_words(max(every, 1.0))}"

    def _moment(self, at: float, now: float) -> str:
        """The time of day in the line's zone, with the date when it is another."""
        zone = ZoneInfo(self._zone)
        then, today = (datetime.fromtimestamp(one, UTC).astimezone(zone) for one in (at, now))
        return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")

    def _measure_clock(self, sent_at_text: str, received_at: float) -> None:
        self._offset_at = received_at
        sent_at = instant(sent_at_text, self._zone)
        if sent_at is None:
            return
        self._offset.add(sent_at, received_at)
        seconds = self._offset.seconds
        ClockMeasured(self._line, seconds).emit()
        if seconds is None:
            return
        if abs(seconds) > self._settings.clock_tolerance_s:
            which = "ahead" if seconds > 0 else "behind"
            text = f"The clock of the analyzer on line {self._line} is {in_words(abs(seconds))} {which}."
            self._health.raise_warning(WarnableCode.ANALYZER_CLOCK, self._line, text)
        else:
            self._health.clear(WarnableCode.ANALYZER_CLOCK, self._line)
