"""`labwire check`: everything that is wrong with the settings, with file, line and cure."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption, Status
from middleware.cli.site import open_site
from middleware.errors import StoreError
from middleware.pipeline.rule_proofs import doubt_of
from middleware.settings.check import examine
from middleware.settings.installed import Installed, installed_for
from middleware.settings.load import load
from middleware.settings.parts import Parts
from middleware.settings.problems import Problem, Weight, errors_in

_STYLES = {Weight.ERROR: "red", Weight.WARNING: "yellow", Weight.NOTE: ""}


def check(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Say everything that is wrong with the settings, and what to write instead."""
    installed = installed_for(config)
    parts = examine(load(config), installed.catalogue, installed.connectors)
    problems = parts.problems + _broken_connectors(parts, installed)
    problems += _rules_without_proof(config, parts)
    if as_json:
        show.document("problems", [_item(problem) for problem in problems])
    else:
        _say(parts, problems)
    if any(problem.weight is Weight.ERROR for problem in problems):
        raise typer.Exit(Status.WRONG)


def _broken_connectors(parts: Parts, installed: Installed) -> list[Problem]:
    return [
        parts.loaded.problem(
            (), f"the connector type {name} could not be loaded: {reason}", "", Weight.WARNING
        )
        for name, reason in sorted(installed.broken_connectors.items())
    ]


def _rules_without_proof(config: Path, parts: Parts) -> list[Problem]:
    """The settings are good, and the node would not start with them: that is told here, not at the start."""
    if parts.rules is None or errors_in(parts.problems):
        return []
    digest = parts.rules.rule_set.digest
    try:
        why = open_site(config).read(lambda conn: doubt_of(conn, digest))
    except StoreError:  # no store yet, so no report
        why = "have no report"
    if not why:
        return []
    message = f"the rules {why}, and the node starts only with rules that have a passed one"
    cure = "`labwire rules report`, and read it"
    return [parts.loaded.problem(("rules", "file"), message, cure, Weight.WARNING)]


def _item(problem: Problem) -> dict[str, object]:
    return {**dataclasses.asdict(problem), "file": str(problem.file)}


def _say(parts: Parts, problems: list[Problem]) -> None:
    for problem in problems:
        show.say(f"{problem.weight.value}: {problem}", _STYLES[problem.weight])
    errors = sum(problem.weight is Weight.ERROR for problem in problems)
    if errors:
        show.say(f"{errors} {'error' if errors == 1 else 'errors'}: the node would not start.")
        return
    lines, connectors = len(parts.lines), len(parts.connectors)
    show.say(f"Good: {lines} line(s), {connectors} connector(s).", "green")
