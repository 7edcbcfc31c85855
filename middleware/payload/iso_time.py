"""Times of a stored result as ISO 8601 with offset, no more precise than they were sent. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from middleware.payload.hl7_time import zone
from middleware.payload.outgoing import Row


def in_zone(at: float, zone_name: str) -> str:
    """`at` (seconds since 1970 UTC) in that zone, to the second."""
    moment = datetime.fromtimestamp(at, UTC).astimezone(zone(zone_name))
    return moment.isoformat(timespec="seconds")


def measured(row: Row, minutes_as: str = "minutes") -> str:
    """The instant in the line's own offset; where the analyzer sent a day or minutes, no more than that. Empty: none.

    A format without minutes alone says "seconds" for `minutes_as`.
    """
    at, offset = row.get("measured_at"), row.get("measured_offset") or "+0000"
    if at is None:
        return ""
    minutes = int(offset[:3]) * 60 + int(offset[0] + offset[3:5])
    local = datetime.fromtimestamp(at, timezone(timedelta(minutes=minutes)))
    sent = row.get("measured_text") or ""
    if len(sent) == len("YYYYMMDD") and sent.isdigit():
        return local.date().isoformat()
    is_minutes = len(sent) == len("YYYYMMDDHHMM") and sent.isdigit()
    return local.isoformat(timespec=minutes_as if is_minutes else "seconds")
