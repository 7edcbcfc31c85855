"""The proof of many rules divided among processes: a large laboratory's takes a minute of one processor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from middleware.line.settings import LineSettings
from middleware.pipeline.rule_walk import LINE, walked
from middleware.rules.book import compiled
from middleware.rules.proof import CaseRow, Proof, merged, prove
from middleware.rules.rule_set import RuleSet
from middleware.setup import Environment, NodeSettings, Setup, SiteRules

RULES_OF_ONE_PROCESS = 100
_PROCESSES_MOST = 8


def proved(rule_set: RuleSet, keep_rows: bool = False) -> tuple[Proof, Sequence[CaseRow]]:
    """All generated cases judged, and some of them sent through the pipeline. The same whatever the processes."""
    if len(rule_set.rules) <= RULES_OF_ONE_PROCESS:
        return prove(rule_set, keep_rows=keep_rows), _walked(rule_set)
    tests = list(rule_set.tests)
    count = min(_PROCESSES_MOST, os.cpu_count() or 1)
    size = -(-len(tests) // (4 * count))
    with ProcessPoolExecutor(count) as pool:
        walk = pool.submit(_walked, rule_set)
        parts = [
            pool.submit(_part, rule_set, tests[start : start + size], keep_rows)
            for start in range(0, len(tests), size)
        ]
        return merged(part.result() for part in parts), walk.result()


def _part(rule_set: RuleSet, tests: Sequence[str], keep_rows: bool) -> Proof:
    return prove(rule_set, tests=tests, keep_rows=keep_rows)


def _walked(rule_set: RuleSet) -> list[CaseRow]:
    return walked(setup_of(rule_set))


def setup_of(rule_set: RuleSet) -> Setup:
    """A setup with these rules and nothing else, of which every line releases by itself."""
    transport = {"type": "tcp_listen", "port": 0}
    return Setup(
        generation=1,
        node=NodeSettings(LINE, Environment.TEST, Path()),
        lines={
            name: LineSettings.model_validate(
                {"id": name, "driver": LINE, "release": "auto", "transport": transport}
            )
            for name in (LINE, *sorted(rule_set.lines))
        },
        connectors={},
        routes=(),
        drivers={},
        monitor_listen=None,
        source_path=Path(),
        source_text="",
        source_sha256="",
        rules=SiteRules(rule_set, compiled(rule_set), {}, {}),
    )
