"""Writes the MSH segment of everything that we send an analyzer: its own names swapped, time and zone, MSH-21."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.protocols.law.tables import LAB_27, LAB_28, NAMESPACE
from middleware.driver.api import LinkContext
from middleware.wire.hl7 import Delimiters, Message, Raw, Segment, components, segment

_PROFILE_FIELD = 21
_STRUCTURED = ("2.1", "2.2", "2.3", "2.3.1")  # versions before MSH-9.3


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is our own in a message: its control id and time (MSH-10, MSH-7), and our names ('': as we were called)."""

    control_id: str
    time_text: str
    application: str = ""
    facility: str = ""


def time_text(context: LinkContext) -> str:
    """The present moment for MSH-7 in the line's zone, with its offset; '' where there is no clock."""
    if context.utc_now is None:
        return ""
    return moment_text(context.utc_now(), context.time_zone)


def moment_text(moment: datetime, time_zone: str) -> str:
    """YYYYMMDDHHMMSS with offset (HL7 2.5.1 2.A.22)."""
    return moment.astimezone(ZoneInfo(time_zone)).strftime("%Y%m%d%H%M%S%z")


def reply_header(
    message: Message, kind: tuple[str, str, str], stamp: Stamp, profile: str | None = None
) -> dict[int, str | None]:
    """The fields of MSH of a message to whoever sent `message`. `kind` is MSH-9; `profile` MSH-21 if not the same."""
    header, marks = message.header, message.delimiters
    code, event, structure = kind
    named = (code, event) if header.get("MSH-12.1") in _STRUCTURED else (code, event, structure)
    return {
        3: stamp.application or copied(header, 5),
        4: stamp.facility or copied(header, 6),
        5: copied(header, 3),
        6: copied(header, 4),
        7: stamp.time_text,
        9: components(*named, delimiters=marks),
        10: stamp.control_id,
        11: copied(header, 11) or "P",
        12: copied(header, 12) or "2.5.1",
        18: charset_of(message) or None,
        _PROFILE_FIELD: copied(header, _PROFILE_FIELD) if profile is None else Raw(profile),
    }


def broadcast_profile(message: Message) -> str:
    """MSH-21 of LAB-28 for a query: the maker's variant of it where the query names one (`LAB-27R^ROCHE`)."""
    asked = copied(message.header, _PROFILE_FIELD)
    if LAB_27 in asked:
        return asked.replace(LAB_27, LAB_28, 1)
    return str(components(LAB_28, NAMESPACE, delimiters=message.delimiters))


def charset_of(message: Message) -> str:
    """MSH-18, first repetition, as sent."""
    return message.header.get("MSH-18[1]")


def copied(source: Segment, number: int) -> Raw:
    """A field for an answer, without the control characters that some senders leave in."""
    return printable(source.field(number))


def printable(text: str) -> Raw:
    """Raw text without control characters."""
    if not text.isprintable():
        text = "".join([one for one in text if one >= " " and one != "\x7f"])
    return Raw(text)


def written(fields: dict[int, str | None], delimiters: Delimiters) -> str:
    """The MSH segment."""
    return segment("MSH", fields, delimiters)
