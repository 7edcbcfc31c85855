"""`labwire rules replay`: what a candidate's rules would have done with stored results; nothing is changed."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.cli.rules_site import good_rules, rules_of
from middleware.cli.site import open_site
from middleware.clock import SystemClock
from middleware.errors import SettingsError
from middleware.pipeline.rule_replay import Passing
from middleware.rules.criteria import Fate
from middleware.rules.replay import Changed, Replay
from middleware.rules.replay import replay as judged
from middleware.setup import Setup, SiteRules
from middleware.store.connection import Connection

LISTED_MOST = 200_000
_SHOWN = 20
_DAYS = re.compile(r"(?P<days>\d{1,4}) ?d")
_COLUMNS = ("result", "test", "before", "after", "why_before", "why_after")


def replay(
    candidate: Annotated[
        Path | None,
        typer.Option("--candidate", metavar="FILE", help="Rules to try; none: [rules] candidate."),
    ] = None,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    since: Annotated[str, typer.Option(help='How far back, as "90d".')] = "90d",
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write each changed result there.")
    ] = None,
) -> None:
    """Judge stored results by the rules in force and by a candidate: what would be different."""
    setup, site = open_site(config).setup(), open_site(config)
    if setup.rules is None:
        raise SettingsError("no rules are in force", what_to_do="Write [rules] with file first.")
    tried = good_rules(rules_of(config, candidate)) if candidate is not None else setup.candidate
    if tried is None:
        raise SettingsError("no candidate is named", what_to_do="Name one with --candidate FILE.")
    start = SystemClock().utc_now().timestamp() - seconds_of(since)
    both = (setup.rules, tried)
    found = site.read(lambda conn: _judged(conn, setup, both, start))
    if csv_file is not None:
        _write(csv_file, found)
    if as_json:
        show.document("rule_changes", [_row(one) for one in found.changed], **_totals(found))
    else:
        _say(found)


def _judged(
    conn: Connection, setup: Setup, both: tuple[SiteRules, SiteRules], start: float
) -> Replay:
    active, candidate = both
    passing = Passing(setup, both)
    return judged(passing.facts(conn, start), active.book, candidate.book, LISTED_MOST)


def seconds_of(text: str) -> float:
    """The seconds of "90d". Raises SettingsError."""
    found = _DAYS.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is no number of days", what_to_do='Write it as "90d".')
    return int(found["days"]) * 86400.0


def _totals(found: Replay) -> dict[str, Any]:
    return {
        "total": found.total,
        "held_before": found.held_before,
        "held_after": found.held_after,
        "changed": found.changed_count,
        "unlisted": found.unlisted,
        "by_test": [
            {"test": test, "before": before.value, "after": after.value, "count": count}
            for (test, before, after), count in sorted(found.by_test.items())
        ],
    }


def _row(one: Changed) -> dict[str, Any]:
    return {
        "result": one.key,
        "test": one.test,
        "before": one.before.value,
        "after": one.after.value,
        "why_before": " ".join(one.why_before),
        "why_after": " ".join(one.why_after),
    }


def _write(file: Path, found: Replay) -> None:
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, _COLUMNS)
            writer.writeheader()
            writer.writerows(_row(one) for one in found.changed)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror}", what_to_do="Name another place."
        ) from error


def _say(found: Replay) -> None:
    if not found.total:
        show.say("There is no result of a test that the rules know in that time.")
        return
    show.table(
        [("result", "result"), ("test", "test"), ("before", "before"), ("after", "after")],
        [_row(one) for one in found.changed[:_SHOWN]],
    )
    if found.changed_count > _SHOWN:
        show.say(
            f"… and {found.changed_count - _SHOWN} more: write them with --csv, or see --json."
        )
    before, after = (100 * one / found.total for one in (found.held_before, found.held_after))
    show.say(
        f"{found.total} results: {found.held_before} ({before:.1f} %) held by the rules in force, "
        f"{found.held_after} ({after:.1f} %) by the candidate; {found.changed_count} change their fate."
    )
    freed = sum(
        count
        for (before_, after_), count in found.moves.items()
        if after_ is Fate.RELEASE and before_ is not Fate.RELEASE
    )
    show.say(
        f"{freed} would go without a person that wait for one now: look at each before you approve."
    )
