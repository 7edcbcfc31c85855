"""Reads the times of POCT1-A: ISO 8601, with an offset from UTC or in the analyzer's local time."""

from __future__ import annotations

import re

from middleware.driver.times import MARK_UNREADABLE, read_time
from middleware.model import MeasuredTime

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)?"
    r" ?(?:(Z)|([+-][0-9]{2}):?([0-9]{2})?)?)?"
)


def standard_time(text: str) -> str:
    """ISO 8601 in the digits that `middleware.driver.times` reads; any other text as it is. Fractions are left out."""
    found = _ISO.fullmatch(text)
    if found is None:
        return text
    year, month, day, hour, minute, second, zulu, hours, minutes = found.groups()
    if hour is None:
        return f"{year}{month}{day}"
    offset = "+0000" if zulu else f"{hours}{minutes or '00'}" if hours else ""
    return f"{year}{month}{day}{hour}{minute}{second or '00'}{offset}"


def read_moment(text: str, time_zone: str, time_format: str = "") -> MeasuredTime:
    """When something was measured; `text` of the answer is as sent. `time_format` is tried first where there is one."""
    if time_format:
        found = read_time(text, time_zone, time_format)
        if found.mark != MARK_UNREADABLE:
            return found
    found = read_time(standard_time(text), time_zone)
    return MeasuredTime(text=text, at=found.at, mark=found.mark)


def plain_date(text: str) -> str:
    """The day of an ISO date as YYYYMMDD; any other text as it is."""
    return standard_time(text)[:8] if _ISO.fullmatch(text) else text
