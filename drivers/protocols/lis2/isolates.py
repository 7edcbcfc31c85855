"""Which isolate a result is of: by the number that the profile finds in its own order or result, never by position.

LIS02-A2 8.4.3 leaves room for it in the specimen id (`specimen^isolate`); the standard has no record for organisms.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from drivers.protocols.lis2.paths import check_paths, locate
from middleware.driver.culture import CultureSection
from middleware.model import Isolate, ResultValue, ValueKind
from middleware.wire.lis2 import Record

_NOT_AN_ORGANISM = frozenset({ValueKind.ABSENT, ValueKind.UNEXPLAINED, ValueKind.NUMBER})

IsolateReader = Callable[[Record, str, str, ResultValue], Isolate | None]


def isolate_reader(section: CultureSection | None) -> IsolateReader | None:
    """(result record, number of the isolate, test code, value) to the isolate; None without the section."""
    if section is None:
        return None
    rule = section.identification
    check_paths("culture", (section.isolate,), "OR")
    check_paths("culture", (rule.path,), "OR")
    names_organism = re.compile(rule.pattern, re.IGNORECASE)
    text_of = locate(rule.path)

    def read(record: Record, number: str, code: str, value: ResultValue) -> Isolate | None:
        if names_organism.fullmatch(text_of(record)):
            organism = "" if value.kind in _NOT_AN_ORGANISM else value.text or value.raw.strip()
            return Isolate(number=number, organism=organism, test_code=code)
        return Isolate(number=number) if number else None

    return read
