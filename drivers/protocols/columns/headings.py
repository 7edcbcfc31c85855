"""The heading row that a profile describes: which columns a file of it has, and where the columns of a test stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

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
_LOTS = Random


class Headings:
    """I know every column of a file that the profile reads, tests and groups among them."""

    def __init__(self, profile: Profile, settings: ColumnsSettings) -> None:
        self._settings = settings
        self._sets = known_sets(profile, settings)
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
        for one in self._sets:
            at = self._places.get(self._heading(one))
            if at is not None:
                cells[at] = one.get(_UNIT, "")
        at = self.place(wide.units_row.column)
        if at is not None:
            cells[at] = text_matching(wide.units_row.pattern, Random(1), "Unit") or ""
        return cells

    # -- parts ------------------------------------------------------------------------------------

    def _part(self, name: str, texts: Texts, number: int) -> int | None:
        repeat, wide = self._settings.repeat, self._settings.wide
        if repeat is not None:
            heading = repeat.columns.get(name)
            return self._places.get(heading.replace("{n}", str(number))) if heading else None
        if wide is None:
            return None
        at = self._places[self._heading(texts)]
        followers = list(wide.followed_by)
        if name == "value":
            return at
        if name in followers:
            return at + 1 + followers.index(name)
        beside = wide.beside.get(name)
        return self._places.get(beside.replace("{test}", texts[_TEST])) if beside else None

    def _heading(self, texts: Texts) -> str:
        wide = self._settings.wide
        if wide is None or not wide.pattern:
            return texts[_TEST]
        return _headings_of(wide, self._settings, self._sets).get(
            (texts[_TEST], texts.get(_UNIT, "")), texts[_TEST]
        )

    def _with_headings(self, profile: Profile) -> list[str]:
        """Plain columns, the last of them the one behind which tests stand, and the tests."""
        settings = self._settings
        wide, repeat = settings.wide, settings.repeat
        used = [path for use in uses_of(profile, settings) for path in use.paths]
        wanted = [*settings.heading, *(_heading_of(path) for path in used if _is_column(path))]
        counts = {name: 1 for name in wanted}
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
        tests = list(dict.fromkeys(self._heading(one) for one in self._sets))
        names = [name for name in plain if name not in tests and name != wide.after]
        for heading in wide.beside.values():
            names += [heading.replace("{test}", one[_TEST]) for one in self._sets]
        names = list(dict.fromkeys(names)) + ([wide.after] if wide.after else [])
        for test in tests:
            names += [test, *wide.followed_by.values()]
        return names


def known_sets(profile: Profile, settings: ColumnsSettings) -> tuple[Texts, ...]:
    """The tests that a wide table may have: code, and the unit where the heading holds it."""
    wide = settings.wide
    if wide is None:
        return ()
    if wide.columns:
        return tuple([{_TEST: name} for name in wide.columns])
    if not wide.pattern:
        return tuple([{_TEST: name} for name in _TESTS])
    found = {}
    is_scaled = ValueRule.UNIT_SCALE in profile.values.rules
    units = tuple(profile.units) if is_scaled else _UNITS
    for at, unit in enumerate(units * (1 + len(_TESTS) // len(units))):
        one = _set_of(wide, _TESTS[at % len(_TESTS)], unit)
        if one is not None:
            found[one[_TEST]] = one
    for heading in settings.heading:
        one = _taken_apart(wide, heading)
        if one is not None:
            found[one[_TEST]] = one
    return tuple(found.values())


def _set_of(wide: WideSection, test: str, unit: str) -> dict[str, str] | None:
    heading = text_matching(wide.pattern, Random(test), test, {"unit": unit})
    return _taken_apart(wide, heading) if heading is not None else None


def _taken_apart(wide: WideSection, heading: str) -> dict[str, str] | None:
    found = re.fullmatch(wide.pattern, heading, re.DOTALL)
    if found is None:
        return None
    named = found.groupdict()
    unit = {_UNIT: named["unit"].strip()} if named.get("unit") else {}
    return {_TEST: named["test"].strip(), **unit, "": heading}


def _headings_of(
    wide: WideSection, settings: ColumnsSettings, sets: tuple[Texts, ...]
) -> dict[tuple[str, str], str]:
    return {(one[_TEST], one.get(_UNIT, "")): one[""] for one in sets}


def _is_column(path: str) -> bool:
    return not path.startswith((PART, JOINED, PREAMBLE))


def _heading_of(path: str) -> str:
    numbered = _NUMBERED.fullmatch(path)
    return numbered[1] if numbered is not None else path
