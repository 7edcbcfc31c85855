"""The Westgard rules as data, and a laboratory's choice among them.

Definitions: standards/autoverification-and-qc.md 3.1. "Beyond" is strict (z = 2 is not beyond 2 SD), "one side"
excludes the mean itself. Two published definitions of R-4s exist and have names of their own: `R-4s` (one level
beyond +2 SD and another beyond -2 SD) and `R-4s range` (two levels at least 4 SD apart).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field, model_validator

from middleware.model.value import Frozen
from middleware.qc.codes import Action, RuleKind, Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """One published rule: `count` of `of` values beyond `limit` SD; `scopes` are those in which it is defined."""

    name: str
    kind: RuleKind
    count: int
    of: int
    limit: Decimal
    scopes: tuple[Scope, ...]
    action: Action


_POINT = (Scope.POINT,)
_RUN = (Scope.ACROSS,)
_LEVEL = (Scope.WITHIN,)
_BOTH = (Scope.WITHIN, Scope.ACROSS)


def _limit(name: str, limit: str, action: Action = Action.REJECT) -> Rule:
    return Rule(name, RuleKind.LIMIT, 1, 1, Decimal(limit), _POINT, action)


def _row(name: str, count: int, limit: int, action: Action = Action.REJECT) -> Rule:
    return Rule(name, RuleKind.CONSECUTIVE, count, count, Decimal(limit), _BOTH, action)


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        _limit("1-2s", "2", Action.WARN),
        _limit("1-2.5s", "2.5"),
        _limit("1-3s", "3"),
        _limit("1-3.5s", "3.5"),
        _limit("1-4s", "4"),
        _limit("1-5s", "5"),
        # Across, 2-2s is two levels of one run; it never joins two runs.
        Rule("2-2s", RuleKind.SHARE, 2, 2, Decimal(2), _BOTH, Action.REJECT),
        Rule("2of3-2s", RuleKind.SHARE, 2, 3, Decimal(2), _BOTH, Action.REJECT),
        Rule("R-4s", RuleKind.OPPOSITE, 2, 2, Decimal(2), _RUN, Action.REJECT),
        Rule("R-4s range", RuleKind.RANGE, 2, 2, Decimal(4), _RUN, Action.REJECT),
        _row("3-1s", 3, 1),
        _row("4-1s", 4, 1),
        _row("6x", 6, 0),
        _row("8x", 8, 0),
        _row("9x", 9, 0),
        _row("10x", 10, 0),
        _row("12x", 12, 0),
        Rule("7T", RuleKind.TREND, 7, 7, Decimal(0), _LEVEL, Action.WARN),
    )
}
"""Every rule by its name."""

LOOK_BACK = max(rule.of for rule in RULES.values())
"""How many values of a level, or across levels, any rule looks at."""

TWO_LEVELS = ("1-2s", "1-3s", "2-2s", "R-4s", "4-1s", "10x")
"""The usual set for two levels."""
THREE_LEVELS = ("1-2s", "1-3s", "2of3-2s", "R-4s", "3-1s", "6x")
"""The usual set for three levels."""


class RuleChoice(Frozen):
    """One rule that a laboratory uses. Empty `scopes`: all in which it is defined. No `action`: its usual one."""

    name: str = Field(description="Name of the rule, for example 1-3s.")
    scopes: tuple[Scope, ...] = Field(default=(), description="Within one level, across, or both.")
    action: Action | None = Field(default=None, description="Warn, or reject the run.")

    @model_validator(mode="after")
    def _is_defined(self) -> RuleChoice:
        rule = RULES.get(self.name)
        if rule is None:
            raise ValueError(f"no rule is called {self.name}; known are {', '.join(RULES)}")
        strange = [scope.value for scope in self.scopes if scope not in rule.scopes]
        if strange:
            raise ValueError(f"{self.name} is not defined {' or '.join(strange)}")
        return self


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """A rule in one scope, with the action that the laboratory chose."""

    rule: Rule
    scope: Scope
    action: Action


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one test, made once per setup."""

    active: tuple[ActiveRule, ...]


def rule_set(choices: Sequence[RuleChoice | str]) -> RuleSet:
    """Make the choices ready. Raises ValueError when a rule is unknown, or chosen twice in one scope."""
    active: list[ActiveRule] = []
    for choice in choices:
        chosen = RuleChoice(name=choice) if isinstance(choice, str) else choice
        rule = RULES[chosen.name]
        action = chosen.action or rule.action
        active.extend(ActiveRule(rule, scope, action) for scope in chosen.scopes or rule.scopes)
    named = [(one.rule.name, one.scope) for one in active]
    twice = sorted({name for name, scope in named if named.count((name, scope)) > 1})
    if twice:
        raise ValueError(f"chosen twice: {', '.join(twice)}")
    return RuleSet(tuple(active))
