"""The texts that one message says, by path: where each key of a profile is written, and what stands there in the end.

A place that two keys share has one text: the second key reads what the first one wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from middleware.driver.pattern_text import text_matching
from middleware.driver.rules import PathRule, RoleRule
from middleware.driver.speak import Dialect
from middleware.model import SampleRole

_OTHERWISE = "*"
_A_WORD = "QX"
_PATIENT = SampleRole.PATIENT


class TwinTexts:
    """I keep the texts of one result: those of its message, of its specimen, and its own."""

    def __init__(self, dialect: Dialect, message: dict[str, str], random: Random) -> None:
        self.message = message
        self.shared: dict[str, str] = {}
        self.own: dict[str, str] = {}
        self.is_control = False
        self._is_in_result = False
        self._dialect = dialect
        self._random = random

    def begin_result(self) -> None:
        """The next result of the same specimen. What is said before the first one is the specimen's."""
        self.own = {}
        self._is_in_result = True

    def put(self, path: str, text: str) -> None:
        """Write a text at a place; what stands there already stays."""
        if self.at(path) is None:
            self._level(path)[path] = self._fitting(path, text)

    def at(self, path: str) -> str | None:
        """What stands at a place, also as a part of a whole field; None when nothing was written there."""
        level = self._level(path)
        text = level.get(path)
        mark = self._dialect.component
        if text is not None or not mark:
            return text
        base, dot, number = path.rpartition(".")
        if not dot or not number.isdigit() or base not in level:
            return None
        parts = [part.strip() for part in level[base].split(mark)]
        return parts[int(number) - 1] if int(number) <= len(parts) else ""

    def read(self, rule: PathRule | None) -> str:
        """What a rule finds: the first of its places that is not empty."""
        places = rule.paths if rule is not None else ()
        return next((text for path in places if (text := self.at(path))), "")

    def write(self, rule: PathRule | None, text: str) -> None:
        """Write a text where a rule finds it, unless it finds one already. Which of its places is drawn by lot."""
        if rule is None or self.read(rule):
            return
        free = [path for path in rule.paths if self.at(path) is None]
        if not self.is_control:
            free = [path for path in free if not is_among(path, self._dialect.of_controls)]
        if free and is_among(free[0], self._dialect.of_message):
            self.put(free[0], text)  # what it says of itself stands in one place for ever
        elif free:
            self.put(self._random.choice(free), text)

    def _level(self, path: str) -> dict[str, str]:
        if is_among(path, self._dialect.of_message):
            return self.message
        is_own = self._is_in_result and is_among(path, self._dialect.of_result)
        return self.own if is_own else self.shared

    def _fitting(self, path: str, text: str) -> str:
        width = self._dialect.widths.get(path)
        short = text if width is None else text[-width:]
        pattern = self._dialect.patterns.get(path)
        if not pattern or not short or re.fullmatch(pattern, short):
            return short
        return text_matching(pattern, self._random, short) or short

    # -- role -------------------------------------------------------------------------------------

    def mark(self, role: SampleRole, rules: Sequence[RoleRule], fill: str) -> None:
        """Write what makes the specimen one of `role`, by one of the rules or the standard's own mark."""
        self.is_control = role is not SampleRole.PATIENT
        ways = self.ways_to_mark(role, rules, fill)
        if ways and role is not SampleRole.PATIENT:
            path, text = self._random.choice(ways)
            self._level(path)[path] = text
        for rule in rules:
            if rule.table and rule.table.get(_OTHERWISE, SampleRole.PATIENT) is not _PATIENT:
                words = [text for text, means in rule.table.items() if means is _PATIENT]
                self.put(rule.path, self._random.choice(words or [""]))

    def ways_to_mark(
        self, role: SampleRole, rules: Sequence[RoleRule], fill: str
    ) -> list[tuple[str, str]]:
        """Place and text of each mark of `role`."""
        control = self._dialect.control
        ways = [control] if control is not None and role is SampleRole.QC else []
        for rule in rules:
            if rule.role is role:
                text = (text_matching(rule.pattern, self._random, fill) or "").strip()
                text = self._fitting(rule.path, text)
                ways += [(rule.path, text)] if _says(rule, text) is role else []
            words = [text for text, means in rule.table.items() if means is role]
            ways += [(rule.path, _A_WORD if word == _OTHERWISE else word) for word in words]
        return [way for way in ways if way[1]]

    def role(self, rules: Sequence[RoleRule]) -> SampleRole:
        """What the rules say of the texts that stand there now: any mark of a control counts."""
        control = self._dialect.control
        if control is not None and self.at(control[0]) == control[1]:
            return SampleRole.QC
        for rule in rules:
            said = _says(rule, (self.at(rule.path) or "").strip())
            if said is not _PATIENT:
                return said
        return _PATIENT


def is_among(path: str, beginnings: Sequence[str]) -> bool:
    """Whether a path is one of them, or begins with one that ends in a mark."""
    return any(path == one or (one[-1] in "-." and path.startswith(one)) for one in beginnings)


def _says(rule: RoleRule, text: str) -> SampleRole:
    if rule.role is not None:
        return rule.role if re.fullmatch(rule.pattern, text, re.IGNORECASE) else _PATIENT
    return rule.table.get(text, rule.table.get(_OTHERWISE, _PATIENT))
