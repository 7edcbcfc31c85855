"""Which columns a profile reads, and the check that each path can be read in a table at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from drivers.protocols.columns.settings import ColumnsSettings
from middleware.driver.profile import Profile
from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError

PREAMBLE = "preamble."
JOINED = "joined."
PART = "column."


class PathUse(NamedTuple):
    """One place of a profile that reads a file: the section, and the paths of which one must be there."""

    section: str
    paths: tuple[str, ...]


def uses_of(profile: Profile, settings: ColumnsSettings) -> list[PathUse]:
    """Every use of a path. Raises DriverError for one that names what no table of this profile can have."""
    uses = [*_uses_of_sections(profile), *_uses_of_settings(settings)]
    for use in uses:
        for path in use.paths:
            _check(use.section, path, settings)
    return uses


def preamble_keys(uses: Iterable[PathUse]) -> frozenset[str]:
    """The paths of the lines above the headings that somebody reads."""
    return frozenset(path for use in uses for path in use.paths if path.startswith(PREAMBLE))


def _uses_of_sections(profile: Profile) -> Iterator[PathUse]:
    yield from (PathUse("identify", (path,)) for path in profile.identify)
    for name in ("header", "specimen", "result"):
        section = getattr(profile, name)
        for field in type(section).model_fields:
            yield from _uses_of_rule(name, getattr(section, field))
    yield PathUse("result", (profile.result.value,))


def _uses_of_rule(section: str, rule: object) -> Iterator[PathUse]:
    if isinstance(rule, PathRule):
        yield PathUse(section, rule.paths)
    elif isinstance(rule, RoleRule | PatientIdRule):
        yield PathUse(section, (rule.path,))
    elif isinstance(rule, tuple):
        for one in rule:
            yield from _uses_of_rule(section, one)


def _uses_of_settings(settings: ColumnsSettings) -> Iterator[PathUse]:
    yield from _alone("protocol.rows", (rule.column for rule in settings.rows))
    yield from _alone("protocol.alarms", (rule.column for rule in settings.alarms))
    yield from _alone("protocol.comments", settings.comments)
    for parts in settings.joined.values():
        yield from _alone("protocol.joined", parts)
    if settings.wide is not None:
        yield from _alone("protocol.wide", settings.wide.columns)
        yield from _alone("protocol.wide", (settings.wide.after,))
        if settings.wide.units_row is not None:
            yield PathUse("protocol.wide", (settings.wide.units_row.column,))


def _alone(section: str, paths: Iterable[str | None]) -> Iterator[PathUse]:
    return (PathUse(section, (path,)) for path in paths if path is not None)


def _check(section: str, path: str, settings: ColumnsSettings) -> None:
    offered: dict[str, Iterable[str]] = {JOINED: settings.joined, PART: settings.parts}
    for prefix, names in offered.items():
        if not path.startswith(prefix):
            continue
        is_of_row = section in ("result", "protocol.comments")
        if path.removeprefix(prefix) not in names or (prefix == PART and not is_of_row):
            known = ", ".join(f"{prefix}{name}" for name in sorted(names)) or "none"
            raise DriverError(
                f"[{section}]: {path} cannot be read there",
                what_to_do=f"`column.` paths belong into [result]; this profile offers: {known}.",
                field=path,
            )
    if path.startswith(PREAMBLE) and not settings.heading:
        raise DriverError(
            f"[{section}]: {path}: a file without a heading row has no preamble",
            what_to_do="Give `heading` in [protocol].",
            field=path,
        )
