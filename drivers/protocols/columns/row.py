"""A row as a mapping from column name to text, however it was cut, and how a profile's paths read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from middleware.driver.mapping import EXPLICIT_NULL, Locate


class Row(NamedTuple):
    """One row of a table.

    `line` is its line in the file (from 1). `texts` has a text for each path of the profile that the file has, as it
    stands; `name` is the heading of the value where a row holds several. `alarms` are those that headings name.
    """

    line: int
    texts: Mapping[str, str]
    name: str = "row"
    alarms: tuple[str, ...] = ()


def row_locator(nothing: Collection[str] = ()) -> Locate[Row]:
    """How paths are read: without blanks around the text, '' for what the file lacks and for a text in `nothing`."""
    empty = frozenset((*nothing, EXPLICIT_NULL))

    def locate(path: str) -> Callable[[Row], str]:
        def read(row: Row) -> str:
            text = row.texts.get(path, "").strip()
            return "" if text in empty else text

        return read

    return locate
