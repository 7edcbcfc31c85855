"""Setups with rules in force, for tests. Every number is invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from middleware.rules.book import compiled
from middleware.rules.criteria import Index
from middleware.setup import Setup, SiteRules
from tests.kit.rule_laboratory import rules_of

NO_INDICES: Mapping[str, Index] = {}
GLUCOSE = '[test.GLU]\nunit = "mmol/L"\ndecimals = 1\n'


def site_rules(text: str, indices: Mapping[str, Index] = NO_INDICES) -> SiteRules:
    """The rules of a text without mistakes, compiled."""
    rule_set = rules_of(text)
    return SiteRules(rule_set, compiled(rule_set), {"rules.toml": text}, indices)


def with_rules(setup: Setup, text: str, indices: Mapping[str, Index] = NO_INDICES) -> Setup:
    """The setup with these rules in force."""
    return replace(setup, rules=site_rules(text, indices))


def glucose(rule: str) -> str:
    """One rule for GLU; `rule` is what stands below its head."""
    return f'{GLUCOSE}[[rule]]\nid = "g"\ntest = "GLU"\n{rule}\n'
