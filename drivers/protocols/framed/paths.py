"""The check that each path of a profile names something that its telegrams have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drivers.protocols.framed.records import JOINED, PART
from drivers.protocols.framed.settings import FramedSettings
from middleware.driver.profile import Profile
from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError


def check_paths(profile: Profile, settings: FramedSettings) -> None:
    """Raises DriverError for a path that names nothing of this profile; it says what there is."""
    head, parts = _offered(settings)
    for section, path in _uses(profile, settings):
        known = {*head, *parts} if section in ("result", "comments", "alarms") else head
        if path in known or (settings.tags and len(path) == settings.tags):
            continue
        raise DriverError(
            f"[{section}]: {path} cannot be read there",
            what_to_do=f"This profile offers: {', '.join(sorted(known)) or 'nothing'}.",
            field=path,
        )


def _offered(settings: FramedSettings) -> tuple[set[str], set[str]]:
    head = {*settings.positions, *filter(None, settings.names), *settings.head}
    head |= {JOINED + name for name in settings.joined}
    if settings.groups is not None:
        return head, {PART + name for name in settings.groups.columns}
    named = re.compile(settings.listed).groupindex if settings.listed else {}
    return head, {PART + name for name in named}


def _uses(profile: Profile, settings: FramedSettings) -> Iterator[tuple[str, str]]:
    yield from (("identify", path) for path in profile.identify)
    for name in ("header", "specimen", "result", "query"):
        section = getattr(profile, name)
        for field in type(section).model_fields if section is not None else ():
            yield from ((name, path) for path in _paths_in(getattr(section, field)))
    yield "result", profile.result.value
    for paths in settings.joined.values():
        yield from (("result", path) for path in paths)
    yield from (("comments", path) for path in settings.comments)
    yield from (("alarms", rule.column) for rule in settings.alarms if rule.column is not None)


def _paths_in(rule: object) -> Iterator[str]:
    if isinstance(rule, PathRule):
        yield from rule.paths
    elif isinstance(rule, RoleRule | PatientIdRule):
        yield rule.path
    elif isinstance(rule, tuple):
        for one in rule:
            yield from _paths_in(one)
