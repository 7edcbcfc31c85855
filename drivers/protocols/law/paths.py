"""Paths of a profile, checked for LAW and turned into functions of a group of segments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from middleware.driver.mapping import EXPLICIT_NULL
from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError
from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7 import Path, Segment

Group = Mapping[str, Segment]
"""The segments that speak of one thing, by name."""


def locate(path_text: str) -> Callable[[Group], str]:
    """Read a path from a group, without the blanks around the text; '' when absent or explicitly null."""
    path = Path.parse(path_text)
    name, read = path.segment, path.of

    def text_of(group: Group) -> str:
        segment = group.get(name)
        if segment is None:
            return ""
        text = read(segment).strip()
        return text if text != EXPLICIT_NULL else ""

    return text_of


def check_paths(section: str, rules: Iterable[object], names: Collection[str]) -> None:
    """Refuse paths that this protocol cannot read there: DriverError names section and path."""
    for text in _paths_in(rules):
        try:
            path = Path.parse(text)
        except LocalProtocolError as error:
            raise DriverError(
                f"[{section}]: {error}", what_to_do=error.what_to_do, field=text
            ) from error
        if path.segment not in names or path.occurrence != 1:
            raise DriverError(
                f"[{section}]: {text} cannot be read there",
                what_to_do=f"Use fields of {', '.join(sorted(names))}, written such as OBX-3.1.",
                field=text,
            )


def _paths_in(rules: Iterable[object]) -> Iterable[str]:
    for rule in rules:
        if isinstance(rule, PathRule):
            yield from rule.paths
        elif isinstance(rule, RoleRule | PatientIdRule):
            yield rule.path
        elif isinstance(rule, str):
            yield rule
