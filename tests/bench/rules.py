"""Checks of rules evaluated a second on one core, beside a named peer in the same run.

`python -m tests.bench.rules [--results 20000]`; `make bench` runs it. Both judge the same results by the same four
limits; our answer also says rule, place and numbers, and form, unit and flags are looked at too. By processor time.
Exit status 1 below what is asked. `tests.bench.rule_speed` measures replay and proof.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

import rule_engine

from middleware.rules.book import compiled
from middleware.rules.criteria import Fate
from middleware.rules.evaluate import evaluate
from middleware.rules.facts import Facts
from tests.kit.rule_laboratory import rules_of

ASKED = 100_000  # check evaluations a second on one core
RULES = """\
[test.K]
unit = "mmol/L"
decimals = 1
[[rule]]
id = "k"
test = "K"
measuring = { low = 1.5, high = 10.0 }
absurd = { low = 1.0, high = 15.0 }
critical = { low = 2.5, high = 6.2 }
review = { low = 3.0, high = 5.8 }
"""
PEERS = "value >= 1.5 and value <= 10.0 and value >= 1.0 and value <= 15.0 and value >= 2.5 and value <= 6.2 "
PEERS += "and value >= 3.0 and value <= 5.8"


def results(count: int) -> list[Facts]:
    """One in six lies outside the limits for release."""
    return [
        Facts("K", "chem-1", value=Decimal(61 if number % 6 == 0 else 32 + number % 20) / 10,
              unit="mmol/L")
        for number in range(count)
    ]  # fmt: skip


def ours(facts: Sequence[Facts]) -> tuple[float, int, int]:
    """Seconds, checks that looked, and results that may go."""
    book = compiled(rules_of(RULES))
    start = time.process_time()
    judged = [evaluate(book, one) for one in facts]
    took = time.process_time() - start
    return took, sum(one.checked for one in judged), sum(one.fate is Fate.RELEASE for one in judged)


def peers(facts: Sequence[Facts]) -> tuple[float, int]:
    """The same by one expression of the peer."""
    rule = rule_engine.Rule(PEERS)
    told = [{"value": one.value} for one in facts]
    matches: Callable[[object], bool] = rule.matches
    start = time.process_time()
    good = sum(map(matches, told))
    return time.process_time() - start, good


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when too slow, or when both do not agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args(arguments)
    facts = results(a.results)
    mine = [ours(facts) for _ in range(a.rounds)]
    theirs = [peers(facts) for _ in range(a.rounds)]
    took = statistics.median(one[0] for one in mine)
    took_peer = statistics.median(one[0] for one in theirs)
    rate = mine[0][1] / took
    print("\nRules, one core. Peer: rule-engine, one expression with the same limits.\n")
    print("| checks/s | results/s | peer results/s | ratio |\n| ---: | ---: | ---: | ---: |")
    print(f"| {rate:,.0f} | {a.results / took:,.0f} | {a.results / took_peer:,.0f} "
          f"| {took_peer / took:.1f} |")  # fmt: skip
    agree = mine[0][2] == theirs[0][1]
    if not agree:
        print(f"The peer lets {theirs[0][1]} go, Labwire {mine[0][2]}.")
    return 0 if agree and rate >= ASKED else 1


if __name__ == "__main__":
    sys.exit(main())
