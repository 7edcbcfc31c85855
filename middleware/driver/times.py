"""Reads when something was measured: the analyzer's local text, and the instant in UTC where it names one.

A line has a time zone; an analyzer's clock is local. Times in the hour that daylight saving repeats
are marked, those in the hour that it skips name no instant. Whether a time is plausible is for
review, which knows the present.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from middleware.model import MeasuredTime

MARK_ABSENT = "absent"
MARK_UNREADABLE = "unreadable"
MARK_AMBIGUOUS = "ambiguous"  # the hour that the end of daylight saving repeats
MARK_DATE_ONLY = "date_only"  # a day is no instant; midnight would be invented

_DATE_DIGITS = 8
_WHOLE_SECONDS = 14  # digits; a point and parts of a second follow
_LONGEST_TIME = 40
# LIS02-A2 5.6.2: YYYYMMDD[HH[MM[SS]]], optionally with an offset from UTC; HL7 2.5.1 2.A.22 also has parts of a second.
_STANDARD = re.compile(
    r"([0-9]{8}|[0-9]{10}|[0-9]{12}|[0-9]{14}(?:\.[0-9]{1,4})?)(?:([+-])([0-9]{2})([0-9]{2}))?"
)
_NOTHING = re.compile(r"[0 :./-]*")
_ABSENT = MeasuredTime(mark=MARK_ABSENT)


@lru_cache(maxsize=4096)  # the results of one message usually share one time
def read_time(text: str, time_zone: str, time_format: str = "") -> MeasuredTime:
    """Read a local time. `time_format` is a `strptime` format, empty for the standard's own; `time_zone` an IANA name.

    Never raises for a bad text; an unknown zone raises ZoneInfoNotFoundError (settings are checked before).
    """
    if _NOTHING.fullmatch(text):
        return MeasuredTime(text=text, mark=MARK_ABSENT) if text else _ABSENT
    if len(text) > _LONGEST_TIME:
        return MeasuredTime(text=text, mark=MARK_UNREADABLE)
    try:
        if time_format:
            return _place(text, datetime.strptime(text, time_format), time_zone)  # noqa: DTZ007
        return _read_standard(text, time_zone)
    except ValueError:
        return MeasuredTime(text=text, mark=MARK_UNREADABLE)


def _read_standard(text: str, time_zone: str) -> MeasuredTime:
    found = _STANDARD.fullmatch(text)
    if found is None:
        return MeasuredTime(text=text, mark=MARK_UNREADABLE)
    digits, sign, hours, minutes = found.groups()
    local = datetime(  # noqa: DTZ001 - local by meaning; the zone of the line comes next
        int(digits[:4]),
        int(digits[4:6]),
        int(digits[6:8]),
        int(digits[8:10] or 0),
        int(digits[10:12] or 0),
        int(digits[12:14] or 0),
        int(digits[15:].ljust(6, "0")) if len(digits) > _WHOLE_SECONDS else 0,
    )
    if len(digits) == _DATE_DIGITS:
        return MeasuredTime(text=text, mark=MARK_DATE_ONLY)
    if sign:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        local = local.replace(tzinfo=timezone(-offset if sign == "-" else offset))
    return _place(text, local, time_zone)


def _place(text: str, local: datetime, time_zone: str) -> MeasuredTime:
    """Put a local time on the line of instants."""
    try:
        if local.tzinfo is not None:
            return MeasuredTime(text=text, at=local.astimezone(UTC))
        zone = ZoneInfo(time_zone)
        first = local.replace(tzinfo=zone, fold=0)
        at = first.astimezone(UTC)
        if first.utcoffset() == local.replace(tzinfo=zone, fold=1).utcoffset():
            return MeasuredTime(text=text, at=at)
        if at.astimezone(zone).replace(tzinfo=None) != local:
            return MeasuredTime(text=text, mark=MARK_UNREADABLE)  # the hour that is skipped
        return MeasuredTime(text=text, at=at, mark=MARK_AMBIGUOUS)
    except OverflowError:  # the first and last days of the calendar
        return MeasuredTime(text=text, mark=MARK_UNREADABLE)
