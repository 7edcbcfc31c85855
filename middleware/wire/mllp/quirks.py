"""Every deviation from MLLP that a line may tolerate: its name, the clause, what the analyzer does, what we do.

Strict is the default: none of these is in force unless the profile names it. Each use is counted under
("quirk", name) and listed in `MessageReceived.quirks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from middleware.wire.lis1.quirks import Quirk
from middleware.wire.mllp.framing import CLAUSE

START_MISSING = "start_byte_missing"
END_MISSING = "end_byte_missing"
SEVERAL_IN_BLOCK = "several_messages_in_block"

END_SILENCE_S = 3.0
"""Silence after a whole segment that ends a message without end byte. Analyzers wait 10 s and more for an answer."""

QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {
        START_MISSING: Quirk(
            CLAUSE,
            "Sends no start byte.",
            "MSH outside a block, not after a letter or digit, begins one; the message ends as any other.",
        ),
        END_MISSING: Quirk(
            CLAUSE,
            "Sends no end byte.",
            "A message whose last segment is whole ends where the next one begins, or after "
            f"{END_SILENCE_S:g} s of silence. What comes after that without a header is kept as incomplete.",
        ),
        SEVERAL_IN_BLOCK: Quirk(
            CLAUSE,
            "Puts several messages into one block.",
            "Each MSH at the start of a line begins a message; each is stored and acknowledged by itself.",
        ),
    }
)
