"""Paths of a profile, checked for LIS2 and turned into functions of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from middleware.driver.mapping import EXPLICIT_NULL, text_reader
from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError
from middleware.wire.lis2 import Path, Record, unescape

_SHAPE = re.compile(r"[A-Z]-[1-9][0-9]*(\[[1-9][0-9]*\])?(\.[1-9][0-9]*)?")


def locate(path_text: str) -> Callable[[Record], str]:
    """Read a path from a record or its nearest ancestor of the path's type, without the blanks around the text.

    A whole field is read without the component delimiters at its end, which mean nothing (LIS02-A2
    5.4.7). An explicit null reads as ''.
    """
    path = Path.parse(path_text)
    if path.component or path.repeat:

        def part_of_field(record: Record) -> str:
            text = path.of(record).strip()
            return text if text != EXPLICIT_NULL else ""

        return part_of_field

    letter, number = path.letter, path.field

    def whole_field(record: Record) -> str:
        owner = record if record.letter == letter else record.nearest(letter)
        if owner is None:
            return ""
        text = owner.field(number).strip().rstrip(owner.delimiters.component)
        return _meaning(text, owner)

    return whole_field


def _meaning(text: str, record: Record) -> str:
    """Escapes decoded, and nothing for an explicit null."""
    if text == EXPLICIT_NULL:
        return ""
    return unescape(text, record.delimiters, record.encoding)


def read_together(
    rules: Sequence[PathRule | None], letter: str
) -> Callable[[Record], Sequence[str]]:
    """Read several rules from one record of type `letter`: a text for each, as `text_reader` with `locate` gives it.

    Most fields of a result are whole, plain and its own. Those are taken by their numbers from the record's fields in
    one go; what is left empty is looked for by the other paths of its rule.
    """
    own: list[tuple[int, int]] = []
    others: list[tuple[int, Callable[[Record], str]]] = []
    for slot, rule in enumerate(rules):
        paths = list(rule.paths) if rule is not None else []
        first = Path.parse(paths[0]) if paths else None
        if first is not None and first.letter == letter and not (first.component or first.repeat):
            own.append((slot, first.field - 1))
            del paths[0]
        if paths:
            others.append((slot, text_reader(PathRule(first_of=tuple(paths)), locate)))
    blank = [""] * len(rules)

    def read(record: Record) -> Sequence[str]:
        texts, fields, delimiters = blank.copy(), record.fields(), record.delimiters
        count, component, escape = len(fields), delimiters.component, delimiters.escape
        for slot, at in own:
            if at < count and (text := fields[at]):
                text = text.strip().rstrip(component)
                is_plain = escape not in text and text != EXPLICIT_NULL
                texts[slot] = text if is_plain else _meaning(text, record)
        for slot, reader in others:
            if not texts[slot]:
                texts[slot] = reader(record)
        return texts

    return read


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
