"""Paths of a profile, checked for HL7 and turned into functions of a scope: the segments that belong to one result.

A scope names its segments: the first `NTE` is `NTE`, the second `NTE(2)`. A path without a component is the whole
field; a component without a repetition is of the first one, and without a sub-component means its first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from middleware.driver.mapping import EXPLICIT_NULL, text_reader
from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError
from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7 import Delimiters, Path, Segment, unescape

Scope = Mapping[str, Segment]
_MOST_KNOWN = 8192
_LONGEST_KNOWN = 200


def key_of(name: str, occurrence: int) -> str:
    """Where a segment stands in a scope."""
    return name if occurrence <= 1 else f"{name}({occurrence})"


def locate(path_text: str) -> Callable[[Scope], str]:
    """Read a path from a scope: without the blanks around the text, '' when absent or explicitly null.

    A whole field is read without the component delimiters at its end, which mean nothing (HL7 2.5.1 2.10).
    """
    path = Path.parse(path_text)
    key = key_of(path.segment, path.occurrence)

    def read(scope: Scope) -> str:
        segment = scope.get(key)
        if segment is None:
            return ""
        text = segment.field(path.field)
        return pick(text, path, segment) if text else ""

    return read


def pick(field: str, path: Path, segment: Segment) -> str:
    """The part of a field that a path names, escapes decoded."""
    marks = segment.delimiters
    text = field
    if path.repetition or path.component:
        text = _part(text, marks.repetition, path.repetition)
    if path.component:
        text = _part(
            _part(text, marks.component, path.component), marks.subcomponent, path.subcomponent
        )
        text = text.strip()
    else:
        text = text.strip().rstrip(marks.component)
    if marks.escape in text:
        return unescape(text, marks, segment.encoding)
    return "" if text == EXPLICIT_NULL else text


def _part(text: str, delimiter: str, number: int) -> str:
    number = number or 1
    if delimiter not in text:
        return text if number == 1 else ""
    parts = text.split(delimiter, number)
    return parts[number - 1] if len(parts) >= number else ""


def read_together(
    rules: Sequence[PathRule | None], name: str
) -> Callable[[Scope, Segment], list[str]]:
    """Read several rules at once: a text for each, as `text_reader` with `locate` gives it.

    Most name the segment `name` itself. Those are taken by their numbers and remembered, for most fields repeat; what
    is left empty is looked for by the other paths of its rule.
    """
    own, others = _divided(rules, name)
    known = _Known()
    places = [(slot, path.field, path) for slot, path in own]
    blank = [""] * len(rules)

    def read(scope: Scope, segment: Segment) -> list[str]:
        texts, fields = blank.copy(), segment.fields()
        count, found_before = len(fields), known.of(segment)
        for slot, at, path in places:
            if at >= count or not (field := fields[at]):
                continue
            text = found_before.get((field, slot))
            if text is None:
                text = pick(field, path, segment)
                if len(field) <= _LONGEST_KNOWN:
                    found_before[field, slot] = text
            texts[slot] = text
        for slot, reader in others:
            if not texts[slot]:
                texts[slot] = reader(scope)
        return texts

    return read


class _Known:
    """What fields came to before: tests, units, flags and modules repeat from message to message.

    It holds for one set of delimiters and one encoding; another set begins anew.
    """

    def __init__(self) -> None:
        self._marks: Delimiters | None = None
        self._encoding = ""
        self._found: dict[tuple[str, int], str] = {}

    def of(self, segment: Segment) -> dict[tuple[str, int], str]:
        """The texts found so far by (field, slot)."""
        is_same = segment.delimiters == self._marks and segment.encoding == self._encoding
        if not is_same or len(self._found) > _MOST_KNOWN:
            self._marks, self._encoding, self._found = segment.delimiters, segment.encoding, {}
        return self._found


def _divided(
    rules: Sequence[PathRule | None], name: str
) -> tuple[list[tuple[int, Path]], list[tuple[int, Callable[[Scope], str]]]]:
    """By slot: the first paths that name the segment itself, and readers of all others."""
    own: list[tuple[int, Path]] = []
    others: list[tuple[int, Callable[[Scope], str]]] = []
    for slot, rule in enumerate(rules):
        paths = list(rule.paths) if rule is not None else []
        first = Path.parse(paths[0]) if paths else None
        if first is not None and first.segment == name and first.occurrence == 1:
            own.append((slot, first))
            del paths[0]
        if paths:
            others.append((slot, text_reader(PathRule(first_of=tuple(paths)), locate)))
    return own, others


def check_paths(section: str, rules: Iterable[object], names: Collection[str]) -> None:
    """Refuse paths that cannot be read there: DriverError names section and path. Z segments may stand anywhere."""
    for path in _paths_in(rules):
        try:
            name = Path.parse(path).segment
        except LocalProtocolError:
            name = ""
        if name not in names and not name.startswith("Z"):
            raise DriverError(
                f"[{section}]: {path} cannot be read there",
                what_to_do=f"Use fields of {', '.join(sorted(names))} segments, written such as OBX-5.1.",
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
        elif hasattr(rule, "path"):
            yield rule.path
