"""Every tolerated deviation in one list: those of the data links joined with those of records and segments.

Strict is the default. A quirk is in force only when a profile (or a line's `link` table) names it, and each use is
counted. There is no other way for an analyzer to be treated differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from middleware.wire.hl7.parse import DELIMITERS_DAMAGED
from middleware.wire.lis1.quirks import QUIRKS as LINK_QUIRKS
from middleware.wire.lis1.quirks import Quirk
from middleware.wire.lis2.file_text import FRAME_RESIDUE, TEXT_BEFORE_HEADER
from middleware.wire.lis2.message import BYTE_ORDER_MARK, LINE_FEED_SEPARATORS, RECORDS_NUMBERED
from middleware.wire.mllp.quirks import QUIRKS as BLOCK_QUIRKS
from middleware.wire.poct1a.quirks import QUIRKS as POCT1A_QUIRKS

NUL_IN_TEXT = "nul_in_text"
SHORT_SEGMENT_NAMES = "short_segment_names"

RECORD_QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {
        LINE_FEED_SEPARATORS: Quirk(
            "LIS02-A2 5.1, HL7 2.5.1 2.5",
            "Ends records or segments with LF or CR LF inside a message that was framed as one text.",
            "LF ends a record as CR does; empty records are dropped.",
        ),
        BYTE_ORDER_MARK: Quirk(
            "LIS02-A2 5.1, HL7 2.5.1 2.5",
            "Puts a byte order mark before the header.",
            "The mark is dropped.",
        ),
        RECORDS_NUMBERED: Quirk(
            "LIS02-A2 5.1",
            "Writes a digit (the frame number) before each record inside one frame.",
            "A digit before a record letter is dropped.",
        ),
        FRAME_RESIDUE: Quirk(
            "LIS02-A2 5.1",
            "Writes files that hold what framed the messages: STX, a frame number before the header, ETX, a checksum.",
            "In files they are dropped; checksums are not compared.",
        ),
        TEXT_BEFORE_HEADER: Quirk(
            "LIS02-A2 5.1",
            "Begins its files with lines of other text, such as a title.",
            "In files, lines before the first header record are dropped.",
        ),
    }
)

SEGMENT_QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {
        DELIMITERS_DAMAGED: Quirk(
            "HL7 2.5.1 2.5.4",
            "Sends an MSH-2 that does not hold three to five different marks.",
            "The usual delimiters are taken: ^ ~ \\ &.",
        ),
        SHORT_SEGMENT_NAMES: Quirk(
            "HL7 2.5.1 2.5.2",
            "Writes files whose header is H, patient P, comments C and end L, beside OBR and OBX.",
            "In files they are read as MSH, PID and NTE; the end is dropped.",
        ),
    }
)
"""Those of HL7 messages alone; the others that they may need are shared with records and link."""

QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {**LINK_QUIRKS, **BLOCK_QUIRKS, **POCT1A_QUIRKS, **RECORD_QUIRKS, **SEGMENT_QUIRKS}
)

# Those that cannot change a value, a test or a sample id: the generic drivers may name them.
# What weakens the check of a frame (checksum_*, frame_number_*) is never among them.
HARMLESS_QUIRKS = frozenset(
    {
        "attribute_style",
        "byte_order_mark",
        "hello_missing",
        "line_feed_ends_record",
        "line_feed_in_text",
        "line_feed_separators",
        "lowercase_checksum",
        "nul_in_text",
        "reply_doubled",
        "session_end_missing",
        "several_messages_in_block",
        "start_byte_missing",
        "trailer_incomplete",
    }
)


def unknown_quirks(names: Iterable[str]) -> list[str]:
    """A sentence for each name that is no quirk, with the nearest one that is."""
    return [_complaint(name) for name in names if name not in QUIRKS]


def _complaint(name: str) -> str:
    near = get_close_matches(name, QUIRKS, n=1)
    return f"unknown quirk {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
