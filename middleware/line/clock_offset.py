"""How far an analyzer's clock is off, judged from the times that its messages carry. Pure.

Theory. A message is sent some time after it was written: its own time minus the moment of its arrival is the clock's
offset less that delay. A delay is never negative, so the largest difference is the nearest to the truth. One difference
alone proves nothing: a person may have typed a time, and an analyzer that sends old messages again writes their old
times, each with another delay. A clock, however wrong, gives the same difference each time. So the offset is the
largest difference on which AGREEING of the last REMEMBERED messages agree.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import UTC, datetime

from middleware.driver.times import read_time

REMEMBERED = 9
AGREEING = 3
# Delays of a queue in the analyzer, and messages whose time has no seconds.
AGREE_WITHIN_S = 60.0
_LONGEST_TEXT = 40
_FRACTION = re.compile(r"(?<=[0-9]{2})[.,][0-9]+(?=$|[+-])")


class ClockOffset:
    """I remember the last differences of one analyzer's clock from ours."""

    def __init__(self) -> None:
        self._differences: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, sent_at: float, received_at: float) -> None:
        """A message that says it was sent at `sent_at` came at `received_at` (seconds since 1970 UTC)."""
        self._differences.append(sent_at - received_at)

    @property
    def seconds(self) -> float | None:
        """The offset: positive when the analyzer's clock is ahead; None while too few messages agree."""
        found = sorted(self._differences, reverse=True)
        for first in range(len(found) - AGREEING + 1):
            if found[first] - found[first + AGREEING - 1] <= AGREE_WITHIN_S:
                return found[first]
        return None


def instant(text: str, time_zone: str) -> float | None:
    """When a message says it was sent, in seconds since 1970 UTC; None when its text names no one instant.

    Times of the standards (YYYYMMDDHHMM[SS[.f]][+ZZZZ]) and of ISO 8601 are read; one without an offset is local.
    """
    if not text or len(text) > _LONGEST_TEXT:
        return None
    if "T" in text:
        return _iso_instant(text, time_zone)
    measured = read_time(_FRACTION.sub("", text), time_zone)
    return None if measured.at is None or measured.mark else measured.at.timestamp()


def _iso_instant(text: str, time_zone: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return instant(moment.strftime("%Y%m%d%H%M%S"), time_zone)
    try:
        return moment.astimezone(UTC).timestamp()
    except OverflowError:  # the first and last days of the calendar
        return None
