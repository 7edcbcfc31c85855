"""What is wrong in a settings file, as a person reads it: where, what, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Location = tuple[str | int, ...]
"""A place in a settings file: keys, and 0-based numbers in arrays, as ("line", 0, "transport",
"port").
"""


class Weight(StrEnum):
    """How much a problem matters."""

    ERROR = "error"  # the settings are refused
    WARNING = "warning"  # allowed, but look at it
    NOTE = "note"  # what a default means here


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` is 1-based (0: the whole file); `key` as it would be written,
    `line.transport.port`.
    """

    file: Path
    line: int
    key: str
    message: str
    suggestion: str = ""
    weight: Weight = Weight.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        about = f"{self.key}: " if self.key else ""
        cure = f" ({self.suggestion})" if self.suggestion else ""
        return f"{place}: {about}{self.message}{cure}"


def errors_in(problems: Iterable[Problem]) -> list[Problem]:
    """Those for which the settings are refused."""
    return [problem for problem in problems if problem.weight is Weight.ERROR]


def did_you_mean(word: str, known: Sequence[str], otherwise: str = "") -> str:
    """`write "port"` when a known word is close, else the known words, else `otherwise`."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    if known:
        return f"known: {', '.join(known)}"
    return otherwise


def spoken(location: Location) -> str:
    """The location as a person writes it; array numbers are left out, the line number tells which."""
    return ".".join(part for part in location if isinstance(part, str))
