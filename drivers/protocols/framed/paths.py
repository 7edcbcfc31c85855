"""The check that each path of a profile names something that its telegrams have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drivers.protocols.framed.records import COLUMN, JOINED, KIND, PART
from drivers.protocols.framed.settings import FramedSettings
from middleware.driver.profile import Profile
from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError

_OF_A_RESULT = frozenset({"result", "comments", "alarms", "letters"})


class Offered:
    """I know what a telegram has: of itself, and of one result in it."""

    def __init__(self, settings: FramedSettings) -> None:
        self._tag_length = settings.tags
        self.head = {*settings.positions, *filter(None, settings.names), *settings.head}
        self.of_result = {COLUMN + name for name in _columns(settings)}
        if settings.each:
            self.of_result.add(KIND)

    def has(self, path: str) -> bool:
        """Whether a telegram, or a result in it, has this text."""
        return self.has_in_head(path) or path in self.of_result

    def has_in_head(self, path: str) -> bool:
        """Whether a telegram itself has this text; a tagged one may have any tag."""
        is_tag = bool(self._tag_length) and len(path) == self._tag_length
        return path in self.head or is_tag

    def add(self, path: str, sources: tuple[str, ...]) -> None:
        """A text that is made of others: of the telegram when all of them are."""
        (self.head if all(map(self.has_in_head, sources)) else self.of_result).add(path)


def check_paths(profile: Profile, settings: FramedSettings) -> None:
    """Raises DriverError for a path that names nothing of this profile; it says what there is."""
    offered = Offered(settings)
    for path, pattern in settings.parts.items():
        _check("parts", path, offered, is_of_result=True)
        for part in re.compile(pattern).groupindex:
            offered.add(PART + part, (path,))
    for name, rule in settings.joined.items():
        for path in rule.paths:
            _check("joined", path, offered, is_of_result=True)
        offered.add(JOINED + name, rule.paths)
    for section, path in _uses(profile, settings):
        _check(section, path, offered, is_of_result=section in _OF_A_RESULT)
    if bool(settings.queries) != (profile.query is not None):
        raise DriverError(
            "[protocol]: `queries` and the section [query] need each other",
            what_to_do="Give both, or none of them.",
            field="queries",
        )


def _check(section: str, path: str, offered: Offered, *, is_of_result: bool) -> None:
    if offered.has(path) if is_of_result else offered.has_in_head(path):
        return
    known = offered.head | (offered.of_result if is_of_result else set())
    raise DriverError(
        f"[{section}]: {path} cannot be read there",
        what_to_do=f"This profile offers: {', '.join(sorted(known)) or 'nothing'}.",
        field=path,
    )


def _columns(settings: FramedSettings) -> set[str]:
    if settings.groups is not None:
        return set(settings.groups.columns)
    if settings.listed:
        return set(re.compile(settings.listed).groupindex)
    return {part for parts in settings.each.values() for part in parts}


def _uses(profile: Profile, settings: FramedSettings) -> Iterator[tuple[str, str]]:
    yield from (("identify", path) for path in profile.identify)
    for name in ("header", "specimen", "result", "query"):
        section = getattr(profile, name)
        for field in type(section).model_fields if section is not None else ():
            yield from ((name, path) for path in _paths_in(getattr(section, field)))
    yield "result", profile.result.value
    yield from (("each", path) for parts in settings.each.values() for path in parts.values())
    if settings.groups is not None and isinstance(settings.groups.count, str):
        yield "groups", settings.groups.count
    yield from (("letters", path) for path in settings.letters)
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
