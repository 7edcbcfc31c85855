"""Takes a mark or a unit off a number in the same field, by the rules flag_in_value and unit_in_value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from middleware.driver.notation import Number, read_number
from middleware.driver.value_rules import ValueRule, joined

# Behind a blank the unit may begin with a digit (`10*9/L`); without one it would be part of the number.
_WITH_UNIT = re.compile(
    r"((?:(?:<=|>=|<|>) *)?[+-]?[0-9.,]*[0-9](?:[eE][+-]?[0-9]+)?)(?: +|(?![0-9.,+-]|[eE][+-]?[0-9]))(\S.*)",
    re.DOTALL,
)
_SIGNS = frozenset("+-")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class BesideRules:
    """`marks` and `units` that may stand beside a number in its field; empty ones where the rule is not in force."""

    marks: tuple[str, ...] = ()
    units: Collection[str] = ()

    def read(self, text: str, rules: Collection[ValueRule]) -> Number | None:
        """The number, and what stands beside it; None when there is no way, or more than one, to read it."""
        if len(text) > _LONGEST or not (self.marks or self.units):
            return None
        found = [
            number._replace(beside=what, rule=joined(number.rule, rule))
            for rest, what, rule in self._ways(text)
            if (number := read_number(rest, rules)) is not None
        ]
        return found[0] if len(found) == 1 else None

    def _ways(self, text: str) -> Iterator[tuple[str, str, ValueRule]]:
        """What is left, what was taken off, and by which rule."""
        for mark in self.marks:
            if text.endswith(mark):
                yield text[: -len(mark)].rstrip(), mark, ValueRule.FLAG_IN_VALUE
            # A sign before a number is the number's.
            if text.startswith(mark) and not _SIGNS.issuperset(mark):
                yield text[len(mark) :].lstrip(), mark, ValueRule.FLAG_IN_VALUE
        found = _WITH_UNIT.fullmatch(text) if self.units else None
        if found is not None and found.group(2) in self.units:
            yield found.group(1), found.group(2), ValueRule.UNIT_IN_VALUE
