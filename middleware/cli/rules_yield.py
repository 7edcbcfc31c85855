"""`labwire rules yield` and `labwire rules shadow`: what each rule was worth, and what a candidate would have done."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption, LimitOption
from middleware.cli.rules_replay import seconds_of
from middleware.cli.site import open_site
from middleware.clock import SystemClock
from middleware.pipeline.rule_yield import Worth, without_catch, worth_of
from middleware.store import rule_history

_COLUMNS = (
    ("rule", "rule"),
    ("criterion", "criterion"),
    ("held", "held"),
    ("alone", "alone"),
    ("released", "released"),
    ("edited", "edited"),
    ("rejected", "rejected"),
    ("waiting", "waiting"),
    ("median wait", "wait"),
)
_SHADOW = (
    ("result", "id"),
    ("received", "received"),
    ("line", "line"),
    ("sample", "sample_id"),
    ("test", "test_code"),
    ("candidate says", "candidate_says"),
)
_HOUR_S, _MINUTE_S = 3600, 60


def rule_yield(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    since: Annotated[str, typer.Option(help='How far back, as "90d".')] = "90d",
    least: Annotated[
        int, typer.Option(min=1, help="Name rules that held so many, and caught nothing.")
    ] = 20,
) -> None:
    """For each rule: how often it held, what people did then, and how long results waited."""
    site = open_site(config)
    start = SystemClock().utc_now().timestamp() - seconds_of(since)
    found = site.read(lambda conn: worth_of(rule_history.held_by_rules(conn, start)))
    idle = without_catch(found, least)
    if as_json:
        show.document("rule_yield", [_row(one) for one in found], idle=[one.rule for one in idle])
        return
    if not found:
        show.say("No rule held a result in that time.")
        return
    show.table(_COLUMNS, [_row(one) for one in found])
    for one in idle:
        show.say(
            f"{one.rule or 'no rule'} ({one.criterion}) held {one.released} results, and every one was released as it "
            "was: it costs time and has caught nothing."
        )


def shadow(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    since: Annotated[str, typer.Option(help='How far back, as "30d".')] = "30d",
    limit: LimitOption = 50,
) -> None:
    """Results that the candidate's rules would have treated otherwise than those in force, as they came."""
    site = open_site(config)
    start = SystemClock().utc_now().timestamp() - seconds_of(since)
    rows = site.read(lambda conn: rule_history.judged_otherwise(conn, start, limit))
    counts = site.read(lambda conn: rule_history.otherwise_counts(conn, start))
    if as_json:
        show.document("shadow", [show.for_json(row) for row in rows], counts=counts)
        return
    if not rows:
        show.say("Nothing: the candidate agreed, or none was tried in that time.")
        return
    said = [{**row, "received": show.moment(row["received_at"], site.zone)} for row in rows]
    show.table(_SHADOW, said)
    for change, count in sorted(counts.items()):
        show.say(f"{change}: {count} results.")


def _row(one: Worth) -> dict[str, Any]:
    wait = one.median_wait_s
    return {
        "rule": one.rule,
        "criterion": one.criterion,
        "held": one.held,
        "alone": one.alone,
        "released": one.released,
        "edited": one.edited,
        "rejected": one.rejected,
        "waiting": one.waiting,
        "median_wait_s": wait,
        "wait": "" if wait is None else _spoken(wait),
    }


def _spoken(seconds: float) -> str:
    if seconds >= _HOUR_S:
        return f"{seconds / _HOUR_S:.1f} h"
    return f"{seconds / _MINUTE_S:.0f} min" if seconds >= _MINUTE_S else f"{seconds:.0f} s"
