"""Which isolate an observation is of: by OBX-4 and the parent result that its order names (OBR-26), never by order."""

from __future__ import annotations

import re
from collections.abc import Callable

from drivers.protocols.hl7.paths import Scope, check_paths, locate
from middleware.driver.culture import CultureSection
from middleware.model import Isolate, ResultValue, ValueKind

_SEGMENTS = frozenset({"OBX", "OBR", "SPM"})
_NOT_AN_ORGANISM = frozenset({ValueKind.ABSENT, ValueKind.UNEXPLAINED, ValueKind.NUMBER})
_PARENT = locate("OBR-26")
_PARENTS_NUMBER = locate("OBR-26.2")
_PARENTS_VALUE = locate("OBR-26.3")
_SUB_ID = locate("OBX-4")
_PANEL = locate("OBR-4.1")

IsolateReader = Callable[[Scope, str, str, ResultValue], Isolate | None]


def isolate_reader(section: CultureSection | None) -> IsolateReader:
    """(scope, number of the isolate, test code, value) to the isolate; None: of no isolate.

    An identification has its number in OBX-4 where the profile's path finds none.
    """
    if section is None:
        return _of_no_culture
    rule = section.identification
    check_paths("culture", (section.isolate, rule.path), _SEGMENTS)
    names_organism = re.compile(rule.pattern, re.IGNORECASE)
    text_of = locate(rule.path)

    def read(scope: Scope, number: str, code: str, value: ResultValue) -> Isolate | None:
        parents_number, parents_value = _PARENTS_NUMBER(scope), _PARENTS_VALUE(scope)
        if names_organism.fullmatch(text_of(scope)):
            organism = "" if value.kind in _NOT_AN_ORGANISM else value.text or value.raw.strip()
            return Isolate(number=number or _SUB_ID(scope), organism=organism, test_code=code)
        if not (number or parents_number or parents_value):
            return None
        doubt = ""
        if parents_number and parents_number != number:
            doubt = f"the order follows from isolate {parents_number}, the result is of {number or 'none'}"
        return Isolate(number=number, organism=parents_value, doubt=doubt)

    return read


def _of_no_culture(scope: Scope, _number: str, _code: str, _value: ResultValue) -> Isolate | None:
    """Without the section `culture` nobody knows what a result that follows from another is of."""
    if not _PARENT(scope):
        return None
    doubt = "its order follows from another result (OBR-26), and the driver does not read cultures"
    return Isolate(number="", organism=_PARENTS_VALUE(scope), doubt=doubt)


def panel_of(scope: Scope) -> str:
    """The code of the panel that an order asked for (OBR-4)."""
    return _PANEL(scope)
