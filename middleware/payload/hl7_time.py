"""HL7 time stamps (HL7 2.5.1 chapter 2, 2.A.22 DTM) from seconds since 1970 and an offset, exactly and fast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DATE_DIGITS = 8
_MINUTE_DIGITS = 12


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name."""
    return ZoneInfo(name)


def offset_at(moment: datetime, zone_name: str) -> str:
    """The zone's offset at that moment, as "+0100"."""
    return _offset(moment.timestamp(), zone_name)


@lru_cache(maxsize=4096)
def _offset(at: float, zone_name: str) -> str:
    return datetime.fromtimestamp(at, zone(zone_name)).strftime("%z")[:5]


@lru_cache(maxsize=4096)
def stamp_in_zone(at: float, zone_name: str) -> str:
    """`at` (seconds since 1970 UTC) as YYYYMMDDHHMMSS+ZZZZ in that zone, fractions cut off."""
    return datetime.fromtimestamp(at, zone(zone_name)).strftime("%Y%m%d%H%M%S%z")


@lru_cache(maxsize=4096)
def stamp_with_offset(at: float, offset: str, sent: str) -> str:
    """`at` in that offset (UTC when empty), no more precise than what the analyzer `sent`."""
    minutes = int(offset[:3]) * 60 + int(offset[0] + offset[3:5]) if offset else 0
    local = datetime.fromtimestamp(at, UTC) + timedelta(minutes=minutes)
    digits = local.strftime("%Y%m%d%H%M%S")
    if len(sent) in {_DATE_DIGITS, _MINUTE_DIGITS} and sent.isdigit():
        digits = digits[: len(sent)]
    return digits + (offset or "+0000")
