"""placeholder"""

from __future__ import annotations
from middleware.draft.evidence import Findings
from middleware.draft.recognise import Traffic


def find_telegrams(data: bytes) -> tuple[Traffic, Findings] | None:
    return None
