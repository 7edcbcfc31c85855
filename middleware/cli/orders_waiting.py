"""`labwire orders why|reload|age`: what nobody has done yet, and why."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.cli.orders_unknown import unknown
from middleware.cli.site import open_site
from middleware.clock import SystemClock
from middleware.pipeline import order_reasons
from middleware.pipeline.claimers import claimers_of
from middleware.store import order_views

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_AGE = re.compile(r"([0-9]{1,6})([mhd])")
_WHY = (("id", "id"), ("test", "test"), ("state", "state"), ("why", "why"))
_RELOAD = (
    ("sample", "sample_id"),
    ("test", "lis_code"),
    ("priority", "priority"),
    ("line", "seen_line"),
    ("rack", "seen_carrier"),
    ("position", "seen_position"),
    ("seen", "seen"),
    ("ordered", "ordered"),
)
_AGES = ("1h", "4h", "12h", "1d", "older")


def why(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="The sample id of the tube.")],
    test: Annotated[
        str | None, typer.Argument(metavar="[TEST]", help="This test only, by the LIS's code.")
    ] = None,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Say of each test of a tube without a result why no analyzer was given it, or what is awaited."""
    site = open_site(config)
    claimers = claimers_of(site.setup())
    asking = order_reasons.Asking(claimers, lambda at: show.moment(at, site.zone))
    rows = order_reasons.said(site.read(lambda conn: order_reasons.why(conn, sample, asking, test)))
    if not rows:
        text = f"nothing without a result is ordered for the sample id {sample}"
        raise unknown(site, sample, text, "See `labwire orders show` for what is finished.")
    if as_json:
        show.document("reasons", rows)
    else:
        show.table(_WHY, rows)


def reload(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """List tests that were ordered after an analyzer saw their tube: load the tube again."""
    site = open_site(config)
    rows = site.read(order_views.reload)
    if as_json:
        show.document("reload", [show.for_json(row) for row in rows])
    elif rows:
        show.table(_RELOAD, [_seen(row, site.zone) for row in rows])
    else:
        show.say("No tube must be loaded again.")


def age(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Count open tests by state and by how long ago they were ordered."""
    site = open_site(config)
    now = SystemClock().utc_now().timestamp()
    found = site.read(lambda conn: order_views.by_age(conn, now))
    rows = [
        {"state": state.value, **dict(zip(_AGES, ages, strict=True))}
        for state, ages in sorted(found.items())
    ]
    if as_json:
        show.document("ages", rows)
    elif rows:
        show.table((("state", "state"), *((name, name) for name in _AGES)), rows)
    else:
        show.say("Nothing is open.")


def before_now(text: str) -> float:
    """The moment so long ago, in seconds since 1970 UTC: "2h". Raises typer.BadParameter."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no age; write it as 30m, 2h or 3d")
    seconds = int(found[1]) * _UNITS[found[2]]
    return SystemClock().utc_now().timestamp() - seconds


def _seen(row: dict[str, Any], zone: Any) -> dict[str, Any]:
    return {
        **row,
        "seen": show.moment(row["seen_at"], zone),
        "ordered": show.moment(row["created_at"], zone),
    }
