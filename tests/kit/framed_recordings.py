"""The recordings of analyzers that follow no standard, as their analyzers put them on the wire."""

from __future__ import annotations

import re
from functools import reduce
from operator import xor

from tests.kit.recordings import EOT, Recording, recordings

STX, ETX = b"\x02", b"\x03"
DRIVERS = {
    "go-bloodlab-net__pk7300_etb": "beckman_pk7300",
    "lab_lis__au480": "beckman_au480",
    "lab_lis__fuji_drichem": "fuji_drichem",
    "ruby-astm__rapidlab348": "siemens_rapidlab_348",
    "senaite.astm__mini_vidas": "biomerieux_mini_vidas",
}
_BLOCK = re.compile(rb"\x02[^\x02]*?[\x03\x17].", re.DOTALL)


def steps_of(recording: Recording) -> list[bytes]:
    """What the analyzer sends before it waits for a reply."""
    driver = DRIVERS[recording.name]
    if driver == "beckman_pk7300":
        return _BLOCK.findall(recording.data)
    if driver == "beckman_au480":  # the logger dropped STX and ETX
        return [STX + recording.data.lstrip(b"\x05").removesuffix(EOT) + ETX]
    return [recording.data]


def with_right_check(block: bytes) -> bytes:
    """A block with the check character that its bytes have: two of the recording were changed after they were sent."""
    return block[:-1] + bytes((reduce(xor, block[1:-1]),))


def framed_recordings() -> list[Recording]:
    """Every recording of this kind; skips the test by name when the corpus is not there."""
    return [one for one in recordings("other") if one.name in DRIVERS]
