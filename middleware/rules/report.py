"""What a report on a rule set says, as data with a hash over all of it: rules in words, cases, outcomes, coverage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from middleware.rules.plain_words import panel_words, relation_words, rule_words
from middleware.rules.problems import RuleProblem
from middleware.rules.proof import NOTICED_LEAST, CaseRow, Proof, SubjectRow
from middleware.rules.rule_set import RuleSet, rule_key

FORMAT = 1
"""Version of the document."""


@dataclass(frozen=True, slots=True)
class About:
    """What the rules cannot know: the caller says it. `previous` is the hash of the report before this one.

    `approvals` are lines as "Dr. A. Example, 2026-11-22 10:15 UTC, approved". Times are texts: there is no clock here.
    """

    site: str
    made_at: str
    program: str
    approvals: tuple[str, ...] = ()
    previous: str = ""


@dataclass(frozen=True, slots=True)
class RuleParagraph:
    """One rule: its key, its place and its sentences."""

    key: str
    place: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One criterion of one rule."""

    test: str
    rule: str
    criterion: str
    cases: int
    failed: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole document. `is_passed`: no error, every case as expected, enough mutants noticed."""

    about: About
    name: str
    version: str
    digest: str
    files: tuple[str, ...]
    is_passed: bool
    rules: tuple[RuleParagraph, ...]
    problems: tuple[str, ...]
    generated: int
    failures: tuple[CaseRow, ...]
    own: tuple[CaseRow, ...]
    rows: tuple[CaseRow, ...]
    coverage: tuple[CoverageRow, ...]
    unreached: tuple[str, ...]
    pairs: tuple[int, int]
    mutants: int
    survivors: tuple[str, ...]

    @property
    def noticed_percent(self) -> str:
        """Share of mutants that a case noticed, rounded down to a tenth."""
        if not self.mutants:
            return "100.0"
        tenths = 1000 * (self.mutants - len(self.survivors)) // self.mutants
        return f"{tenths // 10}.{tenths % 10}"


def report_of(
    rule_set: RuleSet,
    proof: Proof,
    own: Sequence[CaseRow],
    problems: Sequence[RuleProblem],
    about: About,
) -> Report:
    """Put a report together. Raises ValueError when the proof is of other rules."""
    if proof.digest != rule_set.digest:
        raise ValueError("the proof is of other rules than the report")
    has_error = any(problem.weight.value == "error" for problem in problems)
    is_passed = proof.is_passed and not has_error and all(row.is_good for row in own)
    return Report(
        about,
        rule_set.name,
        rule_set.version,
        rule_set.digest,
        rule_set.files,
        is_passed,
        _paragraphs(rule_set),
        tuple(str(problem) for problem in problems),
        proof.case_count,
        tuple(proof.failures),
        tuple(own),
        tuple(proof.rows),
        tuple(_coverage(row) for row in proof.subjects),
        tuple(f"{one.test} / {one.rule} / {one.criterion.value}" for one in proof.unreached),
        (proof.pairs_seen, proof.pairs_possible),
        proof.mutant_count,
        tuple(proof.survivors),
    )


def _coverage(row: SubjectRow) -> CoverageRow:
    test, rule, criterion = row.subject
    return CoverageRow(test, rule, criterion.value, row.cases, row.failed, row.missing)


def _paragraphs(rule_set: RuleSet) -> tuple[RuleParagraph, ...]:
    found = [
        RuleParagraph(rule_key(rule), rule.at(), tuple(rule_words(rule, rule_set)))
        for rule in rule_set.rules
    ]
    found += [
        RuleParagraph(one.what.id, one.at(), (relation_words(one),)) for one in rule_set.relations
    ]
    found += [RuleParagraph(one.what.id, one.at(), (panel_words(one),)) for one in rule_set.panels]
    return tuple(found)


def as_json(report: Report) -> str:
    """The document for machines; the same report gives the same text."""
    return json.dumps(
        {"format": FORMAT, **asdict(report)},
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    )


def hash_of(report: Report) -> str:
    """SHA-256 of `as_json`: what a signature signs, and what the next report names as `previous`."""
    return hashlib.sha256(as_json(report).encode()).hexdigest()


def threshold_words() -> str:
    """What must be reached, for the document."""
    return f"at least {round(NOTICED_LEAST * 100)} % of the mutants noticed"
