"""The groups of columns of a row that are results of their own: a column for each test, or repeated groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from drivers.protocols.columns.paths import PART
from drivers.protocols.columns.places import Places
from drivers.protocols.columns.settings import ColumnsSettings, RepeatSection, WideSection
from middleware.errors import DriverError

_VALUE = PART + "value"
_UNIT = PART + "unit"
_TEST = PART + "test"


@dataclass(frozen=True, slots=True)
class Group:
    """The columns of one result: what its headings say, and the path and place of each of its cells."""

    name: str
    constants: Mapping[str, str]
    cells: Sequence[tuple[str, int]]

    def with_unit(self, cells: Sequence[str]) -> Group:
        """The same group with the unit that a row of units has for it."""
        at = dict(self.cells)[_VALUE]
        return replace(self, constants={**self.constants, _UNIT: cells[at]})


def groups_of(settings: ColumnsSettings, places: Places) -> list[Group]:
    """Every group of one table; DriverError when the table has none, or one lacks a column."""
    if settings.wide is not None:
        found = list(_tests(settings.wide, places))
    elif settings.repeat is not None:
        found = list(_repeated(settings.repeat, places))
    else:
        return []
    if not found:
        raise DriverError(
            f"no column of the file is a test (headings in line {places.line})",
            what_to_do="Look at the raw file; correct [protocol.wide] or [protocol.repeat] of the profile.",
            record=places.line,
        )
    return found


def _tests(wide: WideSection, places: Places) -> Iterator[Group]:
    for test, unit, at in _test_columns(wide, places):
        constants = {_TEST: test, _UNIT: unit}
        cells = [(_VALUE, at)]
        cells += _followers(wide, places, at)
        for name, heading in wide.beside.items():
            beside = places.find(heading.replace("{test}", test))
            if beside is not None:
                cells.append((PART + name, beside))
        yield Group(places.headings[at], constants, cells)


def _test_columns(wide: WideSection, places: Places) -> Iterator[tuple[str, str, int]]:
    """Test, unit and place of each column that is a test."""
    if wide.columns:
        for path in wide.columns:
            at = places.find(path)
            if at is not None:
                yield path, "", at
        return
    taken: set[int] = set()
    pattern = re.compile(wide.pattern or "(?P<test>.+)", re.DOTALL)
    candidates = places.behind(wide.after) if wide.after else range(len(places.headings))
    for at in candidates:
        found = pattern.fullmatch(places.headings[at]) if at not in taken else None
        if found is None:
            continue
        taken.update(range(at + 1, at + 1 + len(wide.followed_by)))
        named = found.groupdict()
        yield named["test"].strip(), (named.get("unit") or "").strip(), at


def _followers(wide: WideSection, places: Places, at: int) -> list[tuple[str, int]]:
    """The columns right behind a test, each under the heading that the profile says."""
    cells = []
    for place, (name, heading) in enumerate(wide.followed_by.items(), start=at + 1):
        found = places.headings[place] if place < len(places.headings) else None
        if found != heading:
            raise DriverError(
                f"behind {places.headings[at]!r} the file has {found!r} and not {heading!r} (line {places.line})",
                what_to_do="Look at the raw file; correct `followed_by` of the profile.",
                record=places.line,
                field=places.headings[at],
            )
        cells.append((PART + name, place))
    return cells


def _repeated(repeat: RepeatSection, places: Places) -> Iterator[Group]:
    number = 1
    while True:
        named = {
            name: template.replace("{n}", str(number)) for name, template in repeat.columns.items()
        }
        found = {name: places.find(heading) for name, heading in named.items()}
        if all(at is None for at in found.values()):
            return
        lacking = [named[name] for name, at in found.items() if at is None]
        if lacking:
            raise DriverError(
                f"group {number} of the columns lacks {', '.join(map(repr, lacking))} (line {places.line})",
                what_to_do="Look at the raw file; correct [protocol.repeat] of the profile.",
                record=places.line,
                field=lacking[0],
            )
        cells = [(PART + name, at) for name, at in found.items() if at is not None]
        yield Group(named["value"], {}, cells)
        number += 1
