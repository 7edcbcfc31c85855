"""Paths of a profile, checked for LIS2 and turned into functions of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from middleware.driver.mapping import EXPLICIT_NULL
from middleware.driver.profile import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError
from middleware.wire.lis2 import Path, Record, unescape

_SHAPE = re.compile(r"[A-Z]-[1-9][0-9]*(\[[1-9][0-9]*\])?(\.[1-9][0-9]*)?")


def locate(path_text: str) -> Callable[[Record], str]:
    """Read a path from a record or its nearest ancestor of the path's type, without the blanks around the text.

    A whole field is read without the component delimiters at its end, which mean nothing (LIS02-A2
    5.4.7). An explicit null reads as ''. Most fields are whole and plain: they take the short way,
    which is called ten times for each result.
    """
    path = Path.parse(path_text)
    of = path.of
    if path.component or path.repeat:

        def part_of_field(record: Record) -> str:
            text = of(record).strip()
            return text if text != EXPLICIT_NULL else ""

        return part_of_field

    letter, at = path.letter, path.field - 1

    def whole_field(record: Record) -> str:
        owner = record if record.letter == letter else record.nearest(letter)
        if owner is None:
            return ""
        fields = owner.fields()
        if at >= len(fields) or not (text := fields[at]):
            return ""
        delimiters = owner.delimiters
        text = text.strip().rstrip(delimiters.component)
        if delimiters.escape and delimiters.escape in text:
            return unescape(text, delimiters, owner.encoding)
        return text if text != EXPLICIT_NULL else ""

    return whole_field


def check_paths(section: str, rules: Iterable[object], letters: Collection[str]) -> None:
    """Refuse paths that this protocol cannot read there: DriverError names section and path."""
    for path in _paths_in(rules):
        if not _SHAPE.fullmatch(path) or path[0] not in letters:
            raise DriverError(
                f"[{section}]: {path} cannot be read there",
                what_to_do=f"Use fields of {', '.join(sorted(letters))} records, written such as R-3.4.",
                field=path,
            )


def _paths_in(rules: Iterable[object]) -> Iterable[str]:
    for rule in rules:
        if isinstance(rule, PathRule):
            yield from rule.paths
        elif isinstance(rule, RoleRule | PatientIdRule):
            yield rule.path
        elif isinstance(rule, str):
            yield rule
