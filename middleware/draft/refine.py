"""Value rules and words that a recording needs: each is tried, and kept where it explains what nothing else does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from middleware.draft.evidence import Confidence, Findings
from middleware.draft.shapes import is_outcome
from middleware.driver.cases import Played
from middleware.driver.value_rules import VALUE_RULES, ValueRule
from middleware.errors import MiddlewareError
from middleware.model import Result, ValueKind

# They state a value where none was sent, or read one as a range: never without a person.
_NEVER_TRIED = frozenset(("flag_as_value", "range"))
_STANDS_FOR_NONE = re.compile(r"-1(?:\.0+)?|-9+(?:\.[09]+)?|-\d+\.0+")
_MOST_WORDS = 24
_FEW = 2

Read = Callable[[Findings], Played]
"""Reads the recording with a draft; raises MiddlewareError when the draft makes no driver."""


def refine(findings: Findings, read: Read) -> None:
    """Add the rules and words that lower the number of values which nothing explains."""
    held = findings.guesses.get("values.rules")
    rules = (
        [str(one) for one in held.value]
        if held is not None and isinstance(held.value, tuple)
        else []
    )
    left = _unexplained(findings, read)
    if left is None:
        return
    for rule in [str(one) for one in VALUE_RULES if str(one) not in _NEVER_TRIED]:
        if not left or rule in rules:
            continue
        findings.likely("values.rules", (*rules, rule), "")
        fewer = _unexplained(findings, read)
        if fewer is not None and len(fewer) < len(left):
            rules.append(rule)
            left = fewer
    _say_rules(findings, rules)
    _add_words(findings, left)
    _doubt_values(findings, read)


def _unexplained(findings: Findings, read: Read) -> list[Result] | None:
    try:
        played = read(findings)
    except MiddlewareError:
        return None
    results = [result for envelope in played.envelopes for result in envelope.results]
    return [one for one in results if one.value.kind is ValueKind.UNEXPLAINED]


def _say_rules(findings: Findings, rules: Sequence[str]) -> None:
    if not rules:
        findings.guesses.pop("values.rules", None)
        return
    said = " ".join(VALUE_RULES[ValueRule(rule)] for rule in rules)
    findings.likely("values.rules", tuple(rules), f"values of the recording need them: {said}")


def _add_words(findings: Findings, left: Sequence[Result]) -> None:
    words = sorted({one.value.text for one in left if is_outcome(one.value.text)})[:_MOST_WORDS]
    if words:
        findings.guess(
            "values.qualitative",
            tuple(words),
            "words that look like outcomes, though there is a unit",
        )


def _doubt_values(findings: Findings, read: Read) -> None:
    """What is held, or below zero among numbers that are not, makes the place of the value no certainty."""
    played = read(findings)
    results = [result for envelope in played.envelopes for result in envelope.results]
    held = [one for one in results if one.value.kind is ValueKind.UNEXPLAINED]
    below = sorted({one.value.raw for one in results if _STANDS_FOR_NONE.fullmatch(one.value.raw)})
    is_odd = below and len(below) <= _FEW and len(results) > _FEW * len(below)
    if is_odd:
        findings.guess(
            "values.masked",
            tuple(below),
            "below zero, unlike all others: does it stand for no value?",
        )
    if held or is_odd:
        told = (
            f"; {len(held)} of {len(results)} values are held" if held else "; some are below zero"
        )
        place = findings.guesses["result.value"]
        sure = Confidence.LIKELY if place.confidence is Confidence.CERTAIN else place.confidence
        findings.add("result.value", place.value, sure, place.why + told)
