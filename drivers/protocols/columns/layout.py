"""Where the columns of one table stand: found by their headings once, then used for every row below."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from drivers.protocols.columns.cut import NotARow
from drivers.protocols.columns.groups import Group, groups_of
from drivers.protocols.columns.paths import JOINED, PART, PREAMBLE, PathUse
from drivers.protocols.columns.places import Places
from drivers.protocols.columns.row import Row
from drivers.protocols.columns.settings import ColumnsSettings
from middleware.driver.mapping import Locate
from middleware.errors import DriverError


@dataclass(frozen=True, slots=True)
class Plan:
    """What does not change from file to file: the settings, every use of a path, and how a path is read."""

    settings: ColumnsSettings
    uses: Sequence[PathUse]
    locate: Locate[Row]


@dataclass(frozen=True, slots=True)
class _HeadingAlarm:
    heading: str
    at: int
    none: frozenset[str]


@dataclass(slots=True)
class Layout:
    """The columns of one table. `groups` are the results of a row; a table with one result per row has none."""

    plan: Plan
    width: int
    picks: Sequence[tuple[str, int]]
    preamble: Mapping[str, str]
    joined: Sequence[tuple[str, Sequence[Callable[[Row], str]]]]
    groups: Sequence[Group]
    alarms: Sequence[_HeadingAlarm] = field(default_factory=list)

    def row(self, line: int, cells: list[str]) -> Row:
        """A row by its column names. Raises NotARow when it has fewer or more columns than the headings."""
        self._fit(cells)
        texts = dict(self.preamble)
        for path, at in self.picks:
            texts[path] = cells[at]
        row = Row(line, texts)
        for path, readers in self.joined:
            texts[path] = " ".join([text for read in readers if (text := read(row))])
        if not self.alarms:
            return row
        raised = [one.heading for one in self.alarms if cells[one.at].strip() not in one.none]
        return row._replace(alarms=tuple(raised))

    def rows_of_groups(self, row: Row, cells: list[str]) -> Iterator[Row]:
        """A row for each group of columns that has a value; the row itself where the table has no groups."""
        if not self.groups:
            yield row
            return
        value_of = self.plan.locate(PART + "value")
        for group in self.groups:
            texts = {**row.texts, **group.constants}
            for path, at in group.cells:
                texts[path] = cells[at]
            one = Row(row.line, texts, group.name, row.alarms)
            if value_of(one):
                yield one

    def take_units(self, cells: list[str]) -> None:
        """Learn the units of the test columns from a row that holds them."""
        self._fit(cells)
        self.groups = [group.with_unit(cells) for group in self.groups]

    def _fit(self, cells: list[str]) -> None:
        """A decimal comma or a lost delimiter would move every column behind it: the number of cells must be right."""
        settings = self.plan.settings
        if settings.trailing_delimiter:
            if len(cells) != self.width + 1 or cells[-1].strip():
                raise NotARow(
                    f"it has {len(cells)} columns, not {self.width} and a delimiter at its end"
                )
        elif len(cells) > self.width or (len(cells) < self.width and not settings.short_rows):
            raise NotARow(f"it has {len(cells)} columns, and the headings are {self.width}")
        cells.extend([""] * (self.width - len(cells)))


def make_layout(
    plan: Plan, headings: Sequence[str], line: int, preamble: Mapping[str, str]
) -> Layout:
    """Find every column that the profile reads; DriverError names those that the file lacks, and `line`."""
    places = Places(headings, line)
    picks: dict[str, int] = {}
    missing = [
        " or ".join(map(repr, use.paths))
        for use in plan.uses
        if not _find(use, places, preamble, picks) and not _is_optional(use, plan.settings)
    ]
    if missing:
        raise DriverError(
            f"the file lacks {', '.join(dict.fromkeys(missing))} (headings in line {line})",
            what_to_do="Let the analyzer export these columns, or name them in `optional` of the profile.",
            record=line,
            field=missing[0].strip("'"),
        )
    return Layout(
        plan,
        len(headings),
        tuple(picks.items()),
        dict(preamble),
        [
            (JOINED + name, [plan.locate(path) for path in parts])
            for name, parts in plan.settings.joined.items()
        ],
        groups_of(plan.settings, places),
        _heading_alarms(plan.settings, headings),
    )


def _find(use: PathUse, places: Places, preamble: Mapping[str, str], picks: dict[str, int]) -> bool:
    found = False
    for path in use.paths:
        if path.startswith((JOINED, PART)) or path in preamble:
            found = True
            continue
        at = None if path.startswith(PREAMBLE) else places.find(path)
        if at is not None:
            picks[path] = at
            found = True
    return found


def _is_optional(use: PathUse, settings: ColumnsSettings) -> bool:
    return any(path in settings.optional for path in use.paths)


def _heading_alarms(settings: ColumnsSettings, headings: Sequence[str]) -> list[_HeadingAlarm]:
    return [
        _HeadingAlarm(heading.strip(), at, frozenset((*rule.none, *settings.nothing, "")))
        for rule in settings.alarms
        if rule.headings
        for at, heading in enumerate(headings)
        if re.fullmatch(rule.headings, heading.strip())
    ]
