"""An MLLP link in the analyzer's role whose blocks show the quirks of a profile, one in each block in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from middleware.wire.mllp import MllpLink, MllpLinkOptions
from middleware.wire.mllp.framing import END, START
from middleware.wire.mllp.quirks import END_MISSING, START_MISSING

_ACKNOWLEDGES = b"\rMSA"

BLOCKS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        START_MISSING: lambda block: block.removeprefix(START),
        END_MISSING: lambda block: block.removeprefix(START).removesuffix(END + b"\r"),
    }
)
"""What each quirk makes of a good block. A message without end begins without a mark too."""


class QuirkyMllpLink(MllpLink):
    """I send good blocks as an analyzer with these quirks would."""

    def __init__(self, options: MllpLinkOptions, quirks: tuple[str, ...]) -> None:
        super().__init__(options)
        self._shown = tuple(name for name in quirks if name in BLOCKS)
        self._blocks_sent = 0

    def bytes_to_send(self) -> bytes:
        """As the link's own; a message as the quirk of its turn has it, acknowledgements as they are."""
        data = super().bytes_to_send()
        if not self._shown or not data.startswith(START) or _ACKNOWLEDGES in data:
            return data
        self._blocks_sent += 1
        return BLOCKS[self._shown[self._blocks_sent % len(self._shown)]](data)
