"""What the laboratory's rules say of one result, joined with what the other checks found; the strictest wins.

The rules themselves are in `middleware.rules`. Without `[rules]` in the settings nothing of this is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from middleware.model import Finding, ReleaseMode, ReleaseState, SampleRole
from middleware.pipeline.decision import Judge
from middleware.pipeline.rule_facts import Gathered
from middleware.pipeline.rule_values import Row, code_of
from middleware.routing.code_row import CodeFate
from middleware.rules.criteria import Criterion
from middleware.rules.evaluate import Judgement, evaluate
from middleware.rules.findings import RuleFinding
from middleware.setup import Setup, SiteRules

CHECK = "rules."
"""How `Finding.check` of a rule begins; `rules.critical[k-neonates]` names criterion and rule."""

# The rules judge these flags too, and know which of them a laboratory ignores.
_JUDGED_BY_RULES = ("form", "instrument_flags")
_JUDGED = frozenset(
    {ReleaseState.RELEASED.value, ReleaseState.HELD.value, ReleaseState.SHADOW.value}
)
_WITHOUT_TEST = frozenset({CodeFate.UNMAPPED, CodeFate.KEEP, CodeFate.IGNORE})


def is_judged(row: Row, rules: SiteRules, mode: ReleaseMode) -> bool:
    """A patient's result that may go out, of a test of the rules; on a line that releases by itself, of any test."""
    if row["sample_role"] != SampleRole.PATIENT or row["release_state"] not in _JUDGED:
        return False
    if row.get("code_fate") in _WITHOUT_TEST:
        return False
    return mode is ReleaseMode.AUTO or rules.book.plan(code_of(row), row["line"]) is not None


def is_index(row: Row, rules: SiteRules) -> bool:
    """A serum index, by the codes that the settings name."""
    return code_of(row) in rules.indices or row["test_code"] in rules.indices


def judgement_of(row: Row, known: Gathered, rules: SiteRules) -> Judgement:
    """What the rules say of one result."""
    return evaluate(rules.book, known.facts(row, rules.book, rules.indices))


def findings_with(findings: Iterable[Finding], judgement: Judgement) -> tuple[Finding, ...]:
    """The findings of the other checks, and what the rules say now; what they said before falls away."""
    fallen = _JUDGED_BY_RULES if judgement.checked else ()
    others = (
        one
        for one in findings
        if not one.check.startswith(CHECK) and (one.check, one.code) != fallen
    )
    return (*others, *(_finding(one) for one in judgement.findings))


def verifier_of(setup: Setup) -> str:
    """What OBX-16 names when the rules released a result: the setup has their text."""
    return f"auto:rules@setup {setup.generation}"


def decided(
    row: Row, findings: tuple[Finding, ...], judge: Judge, about: tuple[Setup, ReleaseMode]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Connectors and columns of a result that the rules have judged."""
    setup, mode = about
    destinations, columns = judge.decide(row, findings, SampleRole(row["sample_role"]), mode)
    if columns["verifier"]:
        columns = columns | {"verifier": verifier_of(setup)}
    return destinations, columns


def _finding(found: RuleFinding) -> Finding:
    """With the rule's name, so that it can be counted what each rule held."""
    finding = found.as_finding()
    return finding.model_copy(update={"check": check_name(found.criterion, found.rule)})


def check_name(criterion: Criterion, rule: str) -> str:
    """`rules.critical[k-neonates]`; without brackets what no rule states."""
    return f"{CHECK}{criterion.value}[{rule}]" if rule else f"{CHECK}{criterion.value}"


_SAID_MOST = 400


def otherwise(active: Judgement, candidate: Judgement) -> str:
    """What a candidate would have done where that differs, as `release -> hold: rules.review[k]/high`; else empty."""
    if active.fate is candidate.fate:
        return ""
    by = candidate if candidate.findings else active
    names = ", ".join(f"{check_name(one.criterion, one.rule)}/{one.code}" for one in by.findings)
    return f"{active.fate.value} -> {candidate.fate.value}: {names}"[:_SAID_MOST]
