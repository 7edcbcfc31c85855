"""From a recording to the draft of a driver."""

from __future__ import annotations

from middleware.draft.draft import Draft, NothingRecognised, make_draft, read_texts
from middleware.draft.evidence import Confidence, Findings, Guess
from middleware.draft.reading import NoRecording, Recording, read_recording

__all__ = [
    "Confidence",
    "Draft",
    "Findings",
    "Guess",
    "NoRecording",
    "NothingRecognised",
    "Recording",
    "make_draft",
    "read_recording",
    "read_texts",
]
