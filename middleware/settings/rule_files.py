"""Reads the files of rules that `[rules]` names, and says everything that is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from middleware.rules import problems as rule_problems
from middleware.rules.book import compiled
from middleware.rules.check import House, check
from middleware.rules.criteria import Index
from middleware.rules.problems import RuleProblem
from middleware.rules.read import TEXT_MOST, RuleText, read
from middleware.rules.rule_set import RuleSet
from middleware.settings.locate import Locator
from middleware.settings.parts import Parts
from middleware.settings.problems import Problem, Weight
from middleware.setup import SiteRules

_MOST_BYTES = 4 * TEXT_MOST  # UTF-8 has at most four bytes a character
_WEIGHTS = {
    rule_problems.Weight.ERROR: Weight.ERROR,
    rule_problems.Weight.WARNING: Weight.WARNING,
    rule_problems.Weight.NOTE: Weight.NOTE,
}


class RulesNotRead(Exception):
    """A file of rules that cannot be read at all: what is wrong."""


@dataclass(frozen=True, slots=True)
class RulesRead:
    """The rules of a file, the texts that they were read from by name, and everything that is wrong with them."""

    rule_set: RuleSet
    texts: Mapping[str, str]
    problems: tuple[RuleProblem, ...]

    @property
    def is_good(self) -> bool:
        """The rules may be used."""
        return all(one.weight is not rule_problems.Weight.ERROR for one in self.problems)


def read_rule_file(path: Path, house: House | None = None) -> RulesRead:
    """Read and check a file of rules with those that it includes; their names are relative to its folder.

    Raises RulesNotRead.
    """
    texts: dict[str, str] = {}

    def included(_includer: str, name: str) -> RuleText | None:
        try:
            return _rule_text(path.parent / name, name, texts)
        except RulesNotRead:
            return None

    rule_set, problems = read(_rule_text(path, path.name, texts), included)
    return RulesRead(rule_set, texts, (*problems, *check(rule_set, house)))


def rule_text(path: Path) -> RuleText:
    """One file of rules or cases. Raises RulesNotRead."""
    return _rule_text(path, path.name, {})


def read_rules(parts: Parts) -> list[Problem]:
    """Compile the rules in force and the candidate; answers what is wrong with them."""
    table = parts.rules_table
    if table is None:
        return []
    problems: list[Problem] = []
    indices = {code: index for index, codes in table.indices.items() for code in codes}
    parts.rules = _compiled(parts, "file", table.file, indices, problems)
    parts.candidate = _compiled(parts, "candidate", table.candidate, indices, problems)
    if table.file is None:
        for key in ("candidate", "cases", "indices", "signing_key"):
            if getattr(table, key):
                message = "no rules are in force: `file` is not written"
                cure = "name the rules in force in `file`, or remove this"
                problems.append(parts.loaded.problem(("rules", key), message, cure))
    return problems


def with_rules(settings: tuple[str, str], parts: Parts) -> tuple[str, str]:
    """The text of a setup with the files of rules after it, as remarks, and its sha256: other rules, another setup."""
    named = [("rules", parts.rules), ("candidate rules", parts.candidate)]
    blocks = [
        f"\n# {word} {name}\n" + "\n".join(f"#| {line}" for line in text.splitlines())
        for word, rules in named
        if rules is not None
        for name, text in rules.texts.items()
    ]
    if not blocks:
        return settings
    whole = "\n".join([settings[0].rstrip("\n"), *blocks]) + "\n"
    return whole, hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _compiled(
    parts: Parts,
    key: str,
    path: Path | None,
    indices: Mapping[str, Index],
    problems: list[Problem],
) -> SiteRules | None:
    if path is None:
        return None
    try:
        found = read_rule_file(path, House(frozenset(name for _, name in parts.ids_of("line"))))
    except RulesNotRead as error:
        cure = "correct the path, or repair the file"
        problems.append(parts.loaded.problem(("rules", key), str(error), cure))
        return None
    problems += [_problem(path.parent, one) for one in found.problems]
    if not found.is_good:
        return None
    return SiteRules(found.rule_set, compiled(found.rule_set), found.texts, indices)


def _problem(folder: Path, problem: RuleProblem) -> Problem:
    name, _, line = problem.place.rpartition(":")
    if not line.isdigit():
        name, line = problem.place, "0"
    about = problem.code.value
    weight = _WEIGHTS[problem.weight]
    return Problem(folder / name, int(line), about, problem.message, problem.cure, weight)


def _rule_text(path: Path, name: str, texts: dict[str, str]) -> RuleText:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or "this is no name of a file"
        raise RulesNotRead(f"{path} cannot be read: {words}") from error
    if len(content) > _MOST_BYTES:
        raise RulesNotRead(f"{path} is larger than {_MOST_BYTES // 1_000_000} MB")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise RulesNotRead(f"{path} is not UTF-8 text (byte {error.start})") from error
    texts[name] = text
    return RuleText(name, text, lambda written: Locator(written).line_of)
