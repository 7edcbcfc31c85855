"""Finds a column by its heading: exact text, and never by position where two have the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from middleware.errors import DriverError

LONGEST_HEADING = 200
"""Characters. What a profile's patterns must look through is small, whoever wrote the file."""

_NUMBERED = re.compile(r"(.+)\[([1-9][0-9]{0,3})\]")


class Places:
    """The headings of one table (blanks around them dropped) and the line that they stand in."""

    def __init__(self, headings: Sequence[str], line: int) -> None:
        self.line = line
        self.headings = tuple(heading.strip() for heading in headings)
        for heading in self.headings:
            if len(heading) > LONGEST_HEADING:
                raise DriverError(
                    f"a heading in line {line} has {len(heading)} characters; at most {LONGEST_HEADING} are read",
                    what_to_do="Look at the raw file; the profile does not fit it.",
                    record=line,
                    field=heading[:LONGEST_HEADING],
                )
        self._places: dict[str, list[int]] = {}
        for at, heading in enumerate(self.headings):
            self._places.setdefault(heading, []).append(at)

    def find(self, path: str) -> int | None:
        """Where the column stands, from 0; None when there is none.

        `Unit[2]` is the second of the columns with the heading Unit. A heading that stands twice and is named without
        a number raises DriverError: it could be either.
        """
        places = self._places.get(path)
        if places is None:
            numbered = _NUMBERED.fullmatch(path)
            if numbered is None:
                return None
            places = self._places.get(numbered[1], [])
            number = int(numbered[2])
            return places[number - 1] if number <= len(places) else None
        if len(places) > 1:
            raise DriverError(
                f"the heading {path!r} stands {len(places)} times in line {self.line}",
                what_to_do=f"Write {path}[1], {path}[2] … in the profile, or rename the columns in the export.",
                record=self.line,
                field=path,
            )
        return places[0]

    def behind(self, path: str) -> Iterator[int]:
        """Every place behind a column that has a heading."""
        start = self.find(path)
        first = len(self.headings) if start is None else start + 1
        return (at for at in range(first, len(self.headings)) if self.headings[at])
