"""What the commands on rules need of a site: its rules read and checked, its own cases, and the proof of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from middleware.cli.rules_effort import proved
from middleware.errors import SettingsError
from middleware.rules.book import compiled
from middleware.rules.check import House
from middleware.rules.evaluate import evaluate
from middleware.rules.own_cases import read_cases, run_cases
from middleware.rules.problems import RuleProblem
from middleware.rules.proof import CaseRow, Proof
from middleware.rules.report import About, Report, report_of
from middleware.rules.rule_set import RuleSet
from middleware.settings.check import examine
from middleware.settings.installed import installed_for
from middleware.settings.load import load
from middleware.settings.parts import Parts
from middleware.settings.problems import errors_in
from middleware.settings.rule_files import RulesNotRead, RulesRead, read_rule_file, rule_text
from middleware.settings.schema import RulesTable
from middleware.setup import SiteRules


@dataclass(frozen=True)
class RuleSite:
    """The rules of a site as its files have them now."""

    parts: Parts
    table: RulesTable
    read: RulesRead

    @property
    def rule_set(self) -> RuleSet:
        return self.read.rule_set


def rules_of(config: Path, file: Path | None = None) -> RuleSite:
    """The rules that the settings name, or those of `file`. Raises SettingsError."""
    installed = installed_for(config)
    parts = examine(load(config), installed.catalogue, installed.connectors)
    table = parts.rules_table
    if table is None:
        wrong = [str(one) for one in errors_in(parts.problems) if one.key.startswith("rules")]
        raise SettingsError(
            "\n".join(wrong or [str(one) for one in errors_in(parts.problems)]),
            what_to_do="`labwire check` shows everything that is wrong with the file.",
        )
    path = file or table.file
    if path is None:
        raise SettingsError(
            "the settings name no rules",
            what_to_do='Write [rules] with file = "rules.toml", or name a file.',
        )
    try:
        read = read_rule_file(path, House(frozenset(name for _, name in parts.ids_of("line"))))
    except RulesNotRead as error:
        raise SettingsError(str(error), what_to_do="Correct the path, or repair it.") from error
    return RuleSite(parts, table, read)


def good_rules(site: RuleSite) -> SiteRules:
    """The rules compiled. Raises SettingsError while they have mistakes."""
    if not site.read.is_good:
        raise SettingsError(
            "the rules have mistakes", what_to_do="`labwire rules check` names each with its line."
        )
    codes = {code: index for index, ones in site.table.indices.items() for code in ones}
    return SiteRules(site.rule_set, compiled(site.rule_set), site.read.texts, codes)


@dataclass(frozen=True)
class Tried:
    """What came out: the generated cases, the laboratory's own, and those that went through the pipeline."""

    proof: Proof
    own: Sequence[CaseRow]
    walked: Sequence[CaseRow]
    problems: Sequence[RuleProblem]

    def report(self, rule_set: RuleSet, about: About) -> Report:
        """All of it as the document."""
        return report_of(rule_set, self.proof, [*self.own, *self.walked], self.problems, about)


def tried(site: RuleSite, keep_rows: bool = False) -> Tried:
    """Generate and judge all cases. Raises SettingsError while the rules have mistakes."""
    rules = good_rules(site)
    own, problems = _own(site, rules)
    proof, through = proved(rules.rule_set, keep_rows)
    return Tried(proof, own, through, [*site.read.problems, *problems])


def _own(site: RuleSite, rules: SiteRules) -> tuple[list[CaseRow], list[RuleProblem]]:
    if site.table.cases is None:
        return [], []
    try:
        cases, problems = read_cases(rule_text(site.table.cases))
    except RulesNotRead as error:
        raise SettingsError(str(error), what_to_do="Correct [rules] cases.") from error

    def unit_of(test: str) -> str:
        declared = rules.rule_set.tests.get(test)
        return "" if declared is None else declared.what.unit

    return run_cases(cases, lambda facts: evaluate(rules.book, facts), unit_of), problems
