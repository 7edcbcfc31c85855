"""Reads a printer's listing line by line: texts of the whole report, results, and lines that nothing explains."""

from __future__ import annotations

import re
from collections.abc import Callable

from drivers.protocols.framed.settings import MOST_RESULTS, FramedSettings
from middleware.errors import DriverError

LONGEST_LINE = 1_000
"""Characters; a longer line is unread. No regular expression of a profile looks through a text without measure."""
MOST_LINES = 20_000
MOST_UNREAD = 1_000

Listing = tuple[dict[str, str], list[tuple[int, dict[str, str]]], list[str]]
"""Texts by name, the parts of each result with its line, and a sentence for each line that could not be read."""


def listing_cutter(settings: FramedSettings) -> Callable[[str], Listing]:
    """A function from the text of a report to what its lines say. It raises DriverError for two reports in one."""
    head = {name: re.compile(pattern) for name, pattern in settings.head.items()}
    listed = re.compile(settings.listed)
    passed_over = re.compile(settings.passed_over)

    def read(text: str) -> Listing:
        said: dict[str, str] = {}
        results: list[tuple[int, dict[str, str]]] = []
        unread: list[str] = []
        for number, line in enumerate(_lines_of(text), start=1):
            if not line or (len(line) <= LONGEST_LINE and _take_head(head, line, said)):
                continue
            found = listed.fullmatch(line) if len(line) <= LONGEST_LINE else None
            if found is not None:
                parts = {name: part or "" for name, part in found.groupdict().items()}
                results.append((number, parts))
            elif len(line) > LONGEST_LINE or not passed_over.fullmatch(line):
                unread.append(f"line {number} is none that the profile knows: {line[:80]!r}")
            if len(results) > MOST_RESULTS or len(unread) > MOST_UNREAD:
                raise _refusal("the listing is not what the profile describes", number)
        return {**dict.fromkeys(head, ""), **said}, results, unread

    return read


def _lines_of(text: str) -> list[str]:
    """Lines without blanks at their ends, whatever ends them."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if plain.count("\n") > MOST_LINES:
        raise _refusal(f"the listing has more than {MOST_LINES} lines", MOST_LINES)
    return [line.rstrip() for line in plain.split("\n")]


def _take_head(head: dict[str, re.Pattern[str]], line: str, said: dict[str, str]) -> bool:
    """Whether the line says something of the whole report. A second time means a second report."""
    is_head = False
    for name, pattern in head.items():
        found = pattern.fullmatch(line)
        if found is None:
            continue
        if name in said:
            raise DriverError(
                f"the listing says {name!r} more than once; it could be either",
                what_to_do="Let the analyzer send one report at a time.",
                record=1,
                field=name,
            )
        said[name] = found[1] or ""
        is_head = True
    return is_head


def _refusal(why: str, line: int) -> DriverError:
    return DriverError(
        f"{why} (line {line})",
        what_to_do="Look at the raw message; the profile does not fit it.",
        record=1,
    )
