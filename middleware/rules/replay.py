"""Two rule sets over stored results: whose fate changes, and how much is held before and after. Pure, one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from middleware.rules.book import RuleBook
from middleware.rules.criteria import Criterion, Fate
from middleware.rules.evaluate import Judgement, evaluate
from middleware.rules.facts import Facts

CHANGES_KEPT = 10_000
"""So many changed results are listed with their reasons; the totals count all of them."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One result whose fate changes. `key` is the caller's name for it, as the number of the stored result."""

    key: int
    test: str
    before: Fate
    after: Fate
    why_before: tuple[str, ...]
    why_after: tuple[str, ...]


@dataclass(slots=True)
class Replay:
    """What a candidate would have done. `moves` counts every pair of fates, those that stay too."""

    total: int = 0
    moves: Counter[tuple[Fate, Fate]] = field(default_factory=Counter)
    by_test: Counter[tuple[str, Fate, Fate]] = field(default_factory=Counter)
    found_before: Counter[tuple[Criterion, str]] = field(default_factory=Counter)
    found_after: Counter[tuple[Criterion, str]] = field(default_factory=Counter)
    changed: list[Changed] = field(default_factory=list)
    unlisted: int = 0

    @property
    def changed_count(self) -> int:
        """Every result whose fate changes."""
        return sum(count for (before, after), count in self.moves.items() if before is not after)

    @property
    def held_before(self) -> int:
        """Results that the present rules do not release."""
        return self.total - sum(
            count for (before, _after), count in self.moves.items() if before is Fate.RELEASE
        )

    @property
    def held_after(self) -> int:
        """Results that the candidate does not release."""
        return self.total - sum(
            count for (_before, after), count in self.moves.items() if after is Fate.RELEASE
        )


def replay(
    results: Iterable[tuple[int, Facts]],
    active: RuleBook,
    candidate: RuleBook,
    most: int = CHANGES_KEPT,
) -> Replay:
    """Judge every stored result by both. `most` bounds the list of changes, not the totals."""
    found = Replay()
    moves, by_test = found.moves, found.by_test
    for key, facts in results:
        one, other = evaluate(active, facts), evaluate(candidate, facts)
        found.total += 1
        moves[one.fate, other.fate] += 1
        for finding in one.findings:
            found.found_before[finding.criterion, finding.rule] += 1
        for finding in other.findings:
            found.found_after[finding.criterion, finding.rule] += 1
        if one.fate is not other.fate:
            by_test[facts.test, one.fate, other.fate] += 1
            _list(found, key, facts, (one, other), most)
    return found


def _list(
    found: Replay, key: int, facts: Facts, both: tuple[Judgement, Judgement], most: int
) -> None:
    if len(found.changed) >= most:
        found.unlisted += 1
        return
    one, other = both
    found.changed.append(
        Changed(
            key,
            facts.test,
            one.fate,
            other.fate,
            tuple(finding.text for finding in one.findings),
            tuple(finding.text for finding in other.findings),
        )
    )
