"""Texts of one place over many records: how often it is filled, and whether it varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Readable(Protocol):
    """A record or segment: reads a place by its path."""

    def get(self, path: str) -> str:
        """The text at `path`, '' when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    """What stands at one place, record by record."""

    path: str
    texts: tuple[str, ...]

    @property
    def filled(self) -> tuple[str, ...]:
        """Those that are not empty, without the blanks around."""
        return tuple(text.strip() for text in self.texts if text.strip())

    @property
    def share(self) -> float:
        """How much of it is filled, 0 to 1."""
        return len(self.filled) / len(self.texts) if self.texts else 0.0

    @property
    def distinct(self) -> int:
        """How many different texts there are."""
        return len(set(self.filled))

    def part_that(self, fits: Callable[[str], bool]) -> float:
        """The part of the filled texts that fit, 0 to 1."""
        filled = self.filled
        return sum(map(fits, filled)) / len(filled) if filled else 0.0

    @property
    def said(self) -> str:
        """For a comment: in how many records it is filled. Never a text: it could name a patient."""
        return f"{self.path} is filled in {len(self.filled)} of {len(self.texts)}"


def column(records: Sequence[Readable], path: str) -> Column:
    """What `path` reads in each record."""
    return Column(path, tuple(record.get(path) for record in records))
