"""How long a line is usually silent at this hour of the week, learned from when its messages came. Pure.

Theory. A laboratory's week repeats itself. Of each hour of the last four weeks I keep the longest silence that touched
it and how many messages came in it. The hours to compare with are those of the same weekday in the weeks before which
half an hour around this moment touches, because work does not begin on the minute. A line is unusually silent when it
has been silent for longer than FACTOR times the longest silence of all of these, and for longer than LEAST_S.

The longest and not a percentile of all silences: an analyzer that reports a plate of 384 wells at once and then
measures for two hours has a thousand short silences for each long one, and the long ones are its habit. The price: an
outage makes its own hours of the week deaf until it is four weeks old, and only these.

While a line is younger than two weeks no weekday has come twice: then the same hours of all days of that kind count,
working days or weekend. While it is younger than three days, or none of these hours was seen, there is no habit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
WEEKS = 4
REMEMBERED_S = WEEKS * 7 * DAY_S
YOUNG_S = 3 * DAY_S
KNOWS_WEEKDAYS_S = 14 * DAY_S
FACTOR = 3.0
LEAST_S = 1800.0
_FIRST_OF_WEEKEND = 5  # Monday is 0
_DAYS_BACK = WEEKS * 7
# A ring of five weeks: while the fifth is written, the four before it stand.
_RING_DAYS = 7 * (WEEKS + 1)
_HALF = 30  # minutes
_MOST_MESSAGES = 2**31  # of an hour; what the array holds


@dataclass(frozen=True, slots=True)
class Hour:
    """What is remembered of one hour: the longest silence that touched it, in seconds, and the messages in it."""

    longest_s: float
    messages: int


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual at an hour: the silence beyond which it is unusual, and how many seconds lie between messages
    (None: hardly ever does one come)."""

    limit_s: float
    every_s: float | None


class Habit:
    """I remember four weeks of one line, in 10 KB. Times are seconds since 1970 UTC."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        places = _RING_DAYS * 24
        self._days = array(
            "i", bytes(4 * places)
        )  # which day (ordinal) a place of the ring is about
        self._longest = array("f", bytes(4 * places))
        self._messages = array("I", bytes(4 * places))
        self._here = 0  # the place of the hour in which the last message came, and that hour's end
        self._here_until = 0.0
        self.first_at: float | None = None
        self.last_at: float | None = None

    def learn(self, moments: Iterable[float]) -> None:
        """Messages came at these moments, in order."""
        for moment in moments:
            self.add(moment)

    def add(self, moment: float) -> None:
        """A message came. Cheap: most come in the same hour as the one before."""
        last = self.last_at
        if (
            last is None or moment < last
        ):  # a clock that was set back: what lies between is nobody's silence
            self.first_at = moment if self.first_at is None else self.first_at
            last = moment
        if moment >= self._here_until or moment < self._here_until - HOUR_S:
            self._remember_silence(last, moment)
        elif moment - last > self._longest[self._here]:
            self._longest[self._here] = moment - last
        if self._messages[self._here] < _MOST_MESSAGES:
            self._messages[self._here] += 1
        self.last_at = moment

    def usual(self, now: float) -> Usual | None:
        """What is usual at the hour of `now`; None while there is no habit."""
        first = self.first_at
        if first is None or now - first < YOUNG_S:
            return None
        local = self._local(now)
        days = _days_like(local.date(), knows_weekdays=now - first >= KNOWS_WEEKDAYS_S)
        here = [one for day in days if (one := self._hour(day, local.hour)) is not None]
        if not here:
            return None
        step = -1 if local.minute < _HALF else 1
        beside = [self._hour(*_beside(day, local.hour, step)) for day in days]
        longest = max(one.longest_s for one in (*here, *beside) if one is not None)
        messages = sum(one.messages for one in here)
        every = HOUR_S * len(here) / messages if messages else None
        return Usual(max(LEAST_S, FACTOR * longest), every)

    # -- so that a restart forgets nothing --------------------------------------------------------

    def as_plain(self) -> dict[str, object]:
        """What JSON can hold."""
        return {
            "first_at": self.first_at,
            "last_at": self.last_at,
            "hours": [list(row) for row in self._rows()],
        }

    def restore(self, plain: Mapping[str, object]) -> None:
        """Take over what `as_plain` gave. Raises ValueError, KeyError or TypeError when it is something else."""
        rows = plain["hours"]
        if not isinstance(rows, list):
            raise TypeError("hours is no list")
        checked = [(int(d), int(h) % 24, float(s), int(n)) for d, h, s, n in rows]
        for day, hour, longest, messages in checked:
            place = self._open(day, hour)
            self._longest[place] = longest
            self._messages[place] = max(0, min(messages, _MOST_MESSAGES))
        self.first_at, self.last_at = _moment(plain["first_at"]), _moment(plain["last_at"])
        self._here_until = 0.0

    # -- inside -----------------------------------------------------------------------------------

    def _rows(self) -> Iterator[tuple[int, int, int, int]]:
        for place, day in enumerate(self._days):
            if day:
                longest, messages = round(self._longest[place]), self._messages[place]
                yield day, place % 24, longest, messages

    def _hour(self, day: int, hour: int) -> Hour | None:
        place = _place(day, hour)
        if self._days[place] != day:
            return None
        return Hour(self._longest[place], self._messages[place])

    def _open(self, day: int, hour: int) -> int:
        """The place of an hour, emptied of the hour that had it five weeks before."""
        place = _place(day, hour)
        if self._days[place] != day:
            self._days[place] = day
            self._longest[place] = 0.0
            self._messages[place] = 0
        return place

    def _remember_silence(self, since: float, until: float) -> None:
        """The silence between two messages touched every hour from the one to the other; the last one is here."""
        silence = until - since
        begin = max(since, until - REMEMBERED_S)
        while begin <= until:
            local = self._local(begin)
            self._here = self._open(local.toordinal(), local.hour)
            self._longest[self._here] = max(self._longest[self._here], silence)
            past = local.minute * 60 + local.second + local.microsecond / 1e6
            begin = self._here_until = max(begin - past + HOUR_S, begin + 1e-3)

    def _local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, UTC).astimezone(self._zone)


def _place(day: int, hour: int) -> int:
    return day % _RING_DAYS * 24 + hour


def _beside(day: int, hour: int, step: int) -> tuple[int, int]:
    return day + (hour + step) // 24, (hour + step) % 24


def _days_like(today: date, *, knows_weekdays: bool) -> list[int]:
    """The days to compare with."""
    ordinal = today.toordinal()
    if knows_weekdays:
        return [ordinal - 7 * week for week in range(1, WEEKS + 1)]
    is_weekend = today.weekday() >= _FIRST_OF_WEEKEND
    return [
        ordinal - back
        for back in range(1, _DAYS_BACK + 1)
        if ((today - timedelta(days=back)).weekday() >= _FIRST_OF_WEEKEND) == is_weekend
    ]


def _moment(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
