"""The heading row that a profile describes: which columns a file of it has, and where the columns of a test stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from typing import NamedTuple

from drivers.protocols.columns.paths import JOINED, PART, PREAMBLE, uses_of
from drivers.protocols.columns.settings import ColumnsSettings, WideSection
from middleware.driver.pattern_text import text_matching
from middleware.driver.profile import Profile
from middleware.driver.speak import Texts
from middleware.driver.value_rules import ValueRule

_TEST, _UNIT, _VALUE = PART + "test", PART + "unit", PART + "value"
_NUMBERED = re.compile(r"(.+)\[([1-9][0-9]{0,3})\]")
_MOST_GROUPS = 12
_TESTS = ("WBC", "RBC", "HGB", "GLU", "UREA", "CRP")
_UNITS = ("mmol/L", "g/L", "%")


class KnownTest(NamedTuple):
    """One column that is a test: its heading, and what the heading says."""

    heading: str
    test: str
    unit: str = ""


class Headings:
    """I know every column of a file that the profile reads, tests and groups among them."""

    def __init__(self, profile: Profile, settings: ColumnsSettings) -> None:
        self._settings = settings
        self._tests = known_tests(profile, settings)
        self._by_test = {one.test: one.heading for one in self._tests}
        self.sets = sets_of(self._tests, settings)
        names = [*settings.names, *settings.positions] or self._with_headings(profile)
        self.names = tuple(names)
        self._places: dict[str, int] = {}
        for at, name in enumerate(names):
            self._places.setdefault(name, at)

    def place(self, path: str) -> int | None:
        """Where a column stands, from 0; None for a path that is no column."""
        found = self._places.get(path)
        numbered = _NUMBERED.fullmatch(path) if found is None else None
        if numbered is None:
            return found
        places = [at for at, name in enumerate(self.names) if name == numbered[1]]
        return places[int(numbered[2]) - 1] if int(numbered[2]) <= len(places) else None

    def of_group(self, texts: Texts, number: int) -> Iterator[tuple[int, str]]:
        """Place and text of each part of one result; `number` is that of its group, from 1."""
        for path, text in texts.items():
            at = self._part(path.removeprefix(PART), texts, number)
            if at is not None:
                yield at, text

    def units_row(self) -> list[str]:
        """The row under the headings that holds the unit of each test."""
        wide, cells = self._settings.wide, [""] * len(self.names)
        if wide is None or wide.units_row is None:
            return cells
        for one in self.sets:
            cells[self._places[self._by_test[one[_TEST]]]] = one.get(_UNIT, "")
        at = self.place(wide.units_row.column)
        if at is not None:
            lots = Random(1)  # noqa: S311 - always the same text
            cells[at] = text_matching(wide.units_row.pattern, lots, "Unit") or ""
        return cells

    # -- parts ------------------------------------------------------------------------------------

    def _part(self, name: str, texts: Texts, number: int) -> int | None:
        repeat, wide = self._settings.repeat, self._settings.wide
        if repeat is not None:
            heading = repeat.columns.get(name)
            return self._places.get(heading.replace("{n}", str(number))) if heading else None
        if wide is None:
            return None
        at = self._places[self._by_test[texts[_TEST]]]
        followers = list(wide.followed_by)
        if name == "value":
            return at
        if name in followers:
            return at + 1 + followers.index(name)
        beside = wide.beside.get(name)
        return self._places.get(beside.replace("{test}", texts[_TEST])) if beside else None

    def _with_headings(self, profile: Profile) -> list[str]:
        """Plain columns, the last of them the one behind which tests stand, and the tests."""
        settings = self._settings
        wide, repeat = settings.wide, settings.repeat
        used = [path for use in uses_of(profile, settings) for path in use.paths]
        wanted = [*settings.heading, *(_heading_of(path) for path in used if _is_column(path))]
        counts = dict.fromkeys(wanted, 1)
        for path in used:
            if (numbered := _NUMBERED.fullmatch(path)) is not None and _is_column(path):
                counts[numbered[1]] = max(counts.get(numbered[1], 1), int(numbered[2]))
        plain = [name for name, count in counts.items() for _ in range(count)]
        if repeat is not None:
            heads = repeat.columns.values()
            return plain + [
                head.replace("{n}", str(at)) for at in range(1, _MOST_GROUPS + 1) for head in heads
            ]
        return plain if wide is None else self._with_tests(plain, wide)

    def _with_tests(self, plain: list[str], wide: WideSection) -> list[str]:
        tests = [one.heading for one in self._tests]
        names = [name for name in plain if name not in tests and name != wide.after]
        for heading in wide.beside.values():
            names += [heading.replace("{test}", one.test) for one in self._tests]
        names = list(dict.fromkeys(names)) + ([wide.after] if wide.after else [])
        for test in tests:
            names += [test, *wide.followed_by.values()]
        return names


def known_tests(profile: Profile, settings: ColumnsSettings) -> tuple[KnownTest, ...]:
    """The tests that a wide table may have; invented ones where a pattern leaves them open."""
    wide = settings.wide
    if wide is None:
        return ()
    if not wide.pattern:
        return tuple([KnownTest(name, name) for name in wide.columns or _TESTS])
    is_scaled = ValueRule.UNIT_SCALE in profile.values.rules
    units = tuple(profile.units) if is_scaled else _UNITS
    count, lots = max(len(units), len(_TESTS)), Random(1)  # noqa: S311 - always the same tests
    written = [
        text_matching(wide.pattern, lots, _TESTS[at % len(_TESTS)], {"unit": unit})
        for at, unit in zip(range(count), cycle(units), strict=False)
    ]
    headings = (*written, *settings.heading)
    found = [one for text in headings if text and (one := _taken_apart(wide, text)) is not None]
    return tuple({one.test: one for one in found}.values())


def sets_of(tests: Sequence[KnownTest], settings: ColumnsSettings) -> tuple[Texts, ...]:
    """What the columns of a test say by themselves."""
    wide = settings.wide
    says_unit = wide is not None and _UNIT.removeprefix(PART) not in wide.followed_by
    if wide is not None and wide.units_row is not None:
        tests = [one._replace(unit=one.unit or _UNITS[0]) for one in tests]
    return tuple([{_TEST: one.test, **({_UNIT: one.unit} if says_unit else {})} for one in tests])


def _taken_apart(wide: WideSection, heading: str) -> KnownTest | None:
    found = re.fullmatch(wide.pattern, heading, re.DOTALL)
    if found is None:
        return None
    named = found.groupdict()
    return KnownTest(heading, named["test"].strip(), (named.get("unit") or "").strip())


def _is_column(path: str) -> bool:
    return not path.startswith((PART, JOINED, PREAMBLE))


def _heading_of(path: str) -> str:
    numbered = _NUMBERED.fullmatch(path)
    return numbered[1] if numbered is not None else path
