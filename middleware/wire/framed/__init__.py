"""Framings that follow no standard, described by data: the cutter, the tables and the link."""

from __future__ import annotations

from middleware.wire.framed.checksums import CHECKSUMS, ChecksumKind
from middleware.wire.framed.frames import (
    BadFrame,
    Frame,
    FrameCutter,
    Single,
    Skipped,
    encode_frame,
)
from middleware.wire.framed.link import FramedLink
from middleware.wire.framed.spec import FrameSpec

__all__ = [
    "CHECKSUMS",
    "BadFrame",
    "ChecksumKind",
    "Frame",
    "FrameCutter",
    "FrameSpec",
    "FramedLink",
    "Single",
    "Skipped",
    "encode_frame",
]
