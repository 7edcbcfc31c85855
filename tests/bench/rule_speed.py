"""How fast rules are: checks a second on one core, replay of stored results, and the proof of a large laboratory.

`python -m tests.bench.rule_speed [--rules 833] [--results 100000]`. By processor time, so that other programs change
little. Exit status 1 when something stays below what is asked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from middleware.rules.book import RuleBook, compiled
from middleware.rules.check import check
from middleware.rules.clean import clean_facts
from middleware.rules.evaluate import evaluate
from middleware.rules.facts import Facts
from middleware.rules.proof import prove
from middleware.rules.replay import replay
from middleware.rules.report import About, report_of
from middleware.rules.report_html import html_of
from middleware.rules.rule_set import RuleSet
from middleware.rules.scope import Population, Sex
from tests.kit.rule_laboratory import laboratory, rules_of

CHECKS_ASKED = 100_000  # check evaluations a second on one core
REPLAY_ASKED_S = 60.0  # for a million stored results
PROOF_ASKED_S = 60.0  # for 833 rules on two cores, report included; measured here on one
MILLION = 1_000_000
HELD_EVERY = 6  # one result in so many lies outside


def results(rule_set: RuleSet, count: int) -> Iterator[tuple[int, Facts]]:
    """Stored results as a laboratory has them: most are unremarkable."""
    who = Population("chem-1", 40 * 365, Sex.FEMALE, "", "serum")
    clean = [clean_facts(rule_set, test, who) for test in rule_set.tests]
    for number in range(count):
        facts = clean[number % len(clean)]
        value = facts.value or Decimal(0)
        is_high = number % HELD_EVERY == 0
        yield number, replace(facts, value=value + (Decimal(30) if is_high else Decimal(1)))


def checks_a_second(book: RuleBook, facts: list[Facts]) -> float:
    """Check evaluations for each second of processor time."""
    start, checked = time.process_time(), 0
    for one in facts:
        checked += evaluate(book, one).checked
    return checked / (time.process_time() - start)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=833)
    parser.add_argument("--results", type=int, default=100_000)
    a = parser.parse_args()
    rule_set = rules_of(laboratory(a.rules))
    candidate = compiled(
        rules_of(
            laboratory(a.rules).replace("haemolysis = { above = 50", "haemolysis = { above = 20")
        )
    )
    book = compiled(rule_set)
    stored = list(results(rule_set, a.results))
    rate = checks_a_second(book, [facts for _key, facts in stored])
    print(f"checks: {rate:,.0f} a second on one core (asked: {CHECKS_ASKED:,})")
    start = time.process_time()
    found = replay(stored, book, candidate)
    million_s = (time.process_time() - start) * MILLION / a.results
    print(
        f"replay: {million_s:.1f} s for a million results (asked: {REPLAY_ASKED_S:.0f}), "
        f"{100 * found.held_before / found.total:.0f} % held"
    )
    start = time.process_time()
    problems = check(rule_set)
    proof = prove(rule_set, keep_rows=True)
    report = report_of(rule_set, proof, (), problems, About("bench", "", ""))
    size = len(html_of(report))
    proof_s = time.process_time() - start
    print(
        f"proof: {proof_s:.1f} s for {a.rules} rules, {proof.case_count:,} cases and {proof.mutant_count:,} mutants, "
        f"{report.noticed_percent} % noticed, report of {size / 1e6:.1f} MB (asked: {PROOF_ASKED_S:.0f} s)"
    )
    is_slow = rate < CHECKS_ASKED or million_s > REPLAY_ASKED_S or proof_s > PROOF_ASKED_S
    return 1 if is_slow or not proof.is_passed else 0


if __name__ == "__main__":
    sys.exit(main())
