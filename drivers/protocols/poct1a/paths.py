"""Paths of a profile: `OBS.value` is the value of that field, `OBS.value@U` another attribute of it.

An object is looked for where a person would: the observation itself, then what stands around it, outwards to the
message and to the hello before it. Where several of one name stand side by side and differ, the path gives nothing:
which one is meant nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from middleware.driver.rules import PathRule, PatientIdRule, RoleRule
from middleware.errors import DriverError
from middleware.wire.poct1a import Element

_SHAPE = re.compile(r"([A-Z][A-Z0-9_]*)\.([A-Za-z][\w-]*)(?:@([A-Z]{1,4}))?", re.ASCII)
_VALUE = "V"
MOST_BESIDE = 50
"""Objects of one name side by side; of more nobody can say which is meant."""

# An observation and what stands around it, innermost first; the hello comes last.
Chain = Sequence[Element]


class Path(NamedTuple):
    """One path, taken apart."""

    object: str
    field: str
    attribute: str = _VALUE


def parse_path(text: str) -> Path:
    """Take a path apart; DriverError when it has another shape."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise DriverError(
            f"{text} is no path of POCT1-A",
            what_to_do="Write the field as the standard names it: OBS.value, or OBS.value@U for another attribute.",
            field=text,
        )
    return Path(found.group(1), found.group(2), found.group(3) or _VALUE)


def objects_near(chain: Chain, name: str) -> list[Element]:
    """The nearest objects of that name: one that the chain leads through, or those directly below one of it."""
    for element in chain:
        if element.name == name:
            return [element]
        found = element.objects(name)
        if found:
            return found
    return []


def locate(path_text: str) -> Callable[[Chain], str]:
    """Read a path from a chain, blanks around the text dropped; '' when it is absent or several differ."""
    path = parse_path(path_text)

    def read(chain: Chain) -> str:
        texts = texts_at(chain, path)
        return texts[0] if len(texts) == 1 else ""

    return read


def texts_at(chain: Chain, path: Path) -> list[str]:
    """Every different text at a path, in the order of the message."""
    objects = objects_near(chain, path.object)
    if len(objects) > MOST_BESIDE:
        return []
    found = [one.get(path.field, path.attribute) for one in objects]
    return list(dict.fromkeys(text for text in found if text))


def check_paths(rules: Iterable[object]) -> None:
    """Refuse paths of another protocol: DriverError."""
    for rule in rules:
        if isinstance(rule, PathRule):
            for path in rule.paths:
                parse_path(path)
        elif isinstance(rule, RoleRule | PatientIdRule):
            parse_path(rule.path)
        elif isinstance(rule, str):
            parse_path(rule)
