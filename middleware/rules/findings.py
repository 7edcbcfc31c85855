"""What a check found: criterion, stable code, fate, and a sentence for the technologist with the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from middleware.model import Finding, VerdictKind
from middleware.rules.criteria import Criterion, Fate
from middleware.rules.facts import Facts

VERDICT_OF: Mapping[Fate, VerdictKind] = {
    Fate.RELEASE: VerdictKind.RELEASE,
    Fate.HOLD: VerdictKind.HOLD,
    Fate.RERUN: VerdictKind.HOLD,  # it waits for the further run
    Fate.BLOCK: VerdictKind.HOLD,  # a rejection is a person's: a blocked result must not vanish
}
"""The verdict of the house's model that belongs to a fate."""


_LONGEST = 60


class Task(StrEnum):
    """What somebody has to do beside deciding."""

    NONE = ""
    CALL = "call"
    RERUN = "rerun"
    DILUTE = "dilute"


class RuleFinding(NamedTuple):
    """`rule` is the rule's id or place ("" for what is always checked), `place` the `file:line` of the setting.

    `dilution` is the factor to dilute with, for the task DILUTE.
    """

    criterion: Criterion
    code: str
    fate: Fate
    text: str
    rule: str = ""
    place: str = ""
    task: Task = Task.NONE
    dilution: Decimal | None = None

    @property
    def errand(self) -> str:
        """The task with its number, `dilute 5`."""
        return self.task.value if self.dilution is None else f"{self.task.value} {self.dilution:f}"

    def as_finding(self) -> Finding:
        """The same in the house's model, for the store."""
        return Finding(
            check=f"rules.{self.criterion.value}",
            code=self.code,
            verdict=VERDICT_OF[self.fate],
            text=self.text,
        )


class Check(Protocol):
    """One compiled check."""

    def find(self, facts: Facts) -> RuleFinding | None:
        """What it has against the result, or None. Pure; never raises for workable facts."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a check comes from. `who` are the words of its scope, `test` and `unit` for sentences."""

    criterion: Criterion
    rule: str = ""
    place: str = ""
    who: str = ""
    test: str = ""
    unit: str = ""

    def finding(
        self, code: str, text: str, fate: Fate = Fate.HOLD, task: Task = Task.NONE
    ) -> RuleFinding:
        """A finding of this check; the place is added to the sentence."""
        where = f" ({self.place})" if self.place else ""
        return RuleFinding(
            self.criterion, code, fate, f"{text}{where}.", self.rule, self.place, task
        )

    @property
    def for_whom(self) -> str:
        return f" for {self.who}" if self.who else ""


def plain(number: Decimal) -> str:
    """A number as a person writes it, without exponent."""
    return short(f"{number:f}")


def short(text: str) -> str:
    """A text that came from outside, no longer than a sentence bears."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def shown(facts: Facts) -> str:
    """The result in words: `K 6.8 mmol/L`."""
    value = short(facts.text) if facts.value is None else f"{facts.comparator}{plain(facts.value)}"
    return f"{short(facts.test)} {value} {short(facts.unit)}".rstrip()
