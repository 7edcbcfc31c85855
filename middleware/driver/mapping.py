"""Turns the rules of a profile into functions that read records. Lookups only: there is no expression language.

A protocol gives `locate`, which turns a path into a function from a record to its text: without the blanks around it,
'' when absent or explicitly null. Everything is resolved once when the driver is made, so that reading a message only
calls functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from middleware.driver.rules import PathRule, RoleRule
from middleware.model import AbnormalFlag, SampleRole

Record = TypeVar("Record")
Locate = Callable[[str], Callable[[Record], str]]
RoleFound = tuple[SampleRole, str]

OTHERWISE = "*"  # the key of a role table that stands for any other text
EXPLICIT_NULL = '""'  # an explicit null (LIS02-A2 5.4.6, HL7 2.5.1 2.5.3.5): there is nothing
_NO_CONTROL = SampleRole.PATIENT
PATIENT: RoleFound = (_NO_CONTROL, "")


def text_reader(rule: PathRule | None, locate: Locate[Record]) -> Callable[[Record], str]:
    """Read what a rule describes: its only path, or the first that is not empty; '' for no rule."""
    if rule is None:
        return _nothing
    readers = [locate(path) for path in rule.paths]
    if len(readers) == 1:
        return readers[0]

    def first_of(record: Record) -> str:
        for reader in readers:
            text = reader(record)
            if text:
                return text
        return ""

    return first_of


def _nothing(record: object) -> str:
    return ""


def role_reader(rules: Sequence[RoleRule], locate: Locate[Record]) -> Callable[[Record], RoleFound]:
    """The role of a specimen and the rule that says so. Any mark of a control outweighs the lack of others.

    A role `patient` never ends the search: one mark saying "patient" beside one saying "control" is a control.
    """
    paths = list(dict.fromkeys(rule.path for rule in rules))
    readers = [locate(path) for path in paths]
    tests = [(paths.index(rule.path), _role_test(rule)) for rule in rules]

    def read(record: Record) -> RoleFound:
        texts = [text_of(record) for text_of in readers]  # each place once: rules share them
        found = PATIENT
        for at, test in tests:
            role = test(texts[at])
            if role[0] is not _NO_CONTROL:
                return role
            found = found if found[1] else role
        return found

    return read


def _role_test(rule: RoleRule) -> Callable[[str], RoleFound]:
    path, table, role = rule.path, rule.table, rule.role
    if role is None:
        otherwise = table.get(OTHERWISE)

        def by_table(text: str) -> RoleFound:
            found = table.get(text, otherwise)
            return PATIENT if found is None else (found, f"{path} is {text or 'empty'}")

        return by_table
    pattern = re.compile(rule.pattern, re.IGNORECASE)
    matched = (role, f"{path} matches {pattern.pattern}")

    def by_pattern(text: str) -> RoleFound:
        return matched if pattern.fullmatch(text) else PATIENT

    return by_pattern


def split_flags(
    texts: Sequence[str], table: Mapping[str, AbnormalFlag]
) -> tuple[tuple[AbnormalFlag, ...], tuple[str, ...]]:
    """Flags with a meaning in `table`, and the others, which stay the analyzer's own. Each once, in the order sent."""
    known = {table[text]: None for text in texts if text in table}
    return tuple(known), tuple(dict.fromkeys(text for text in texts if text and text not in table))
