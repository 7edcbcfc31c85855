"""The recorded messages of real analyzers, when they are at hand, and how an analyzer would play them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("LABWIRE_SHARED", ROOT.parent / "shared")) / "corpus"
ENQ, EOT = b"\x05", b"\x04"
# A frame ends after ETX or ETB, up to two checksum characters and whatever of CR LF was recorded.
_UNIT = re.compile(rb"\x05|\x04|\x00|\x02[^\x02\x05]*?[\x03\x17][0-9A-Fa-f]{0,2}\r?\n?", re.DOTALL)


@dataclass(frozen=True)
class Recording:
    """One file, cut into what an analyzer sends before it waits for a reply."""

    name: str
    data: bytes

    def steps(self) -> list[bytes]:
        """ENQ, frames, EOT in order; ENQ and EOT are supplied where the recording has none."""
        units = [unit for unit in _UNIT.findall(self.data) if unit != b"\x00"]
        if ENQ not in units:
            units.insert(0, ENQ)
        if units[-1] != EOT:
            units.append(EOT)
        return units


def recordings(folder: str) -> list[Recording]:
    """Every file of one folder of the corpus; skips the test by name when the corpus is not there."""
    if not (CORPUS / folder).is_dir():
        pytest.skip(f"the corpus of recordings ({folder}) is not at hand")
    return [Recording(p.stem, p.read_bytes()) for p in sorted((CORPUS / folder).iterdir())]
