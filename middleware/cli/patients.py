"""`labwire patients changes|seen`: tubes whose patient or label changed after results of them came."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    ReasonOption,
    author_or_login,
)
from middleware.cli.site import open_site
from middleware.store import patient_changes

app = typer.Typer(help="What the LIS changed of patients.", no_args_is_help=True)

_COLUMNS = (
    ("id", "id"),
    ("when", "when"),
    ("sample", "sample_id"),
    ("what", "kind"),
    ("held", "held"),
    ("with the LIS", "delivered"),
    ("by", "author"),
    ("why", "reason"),
    ("message", "journal_id"),
    ("seen by", "seen_by"),
)


@app.command("changes")
def changes(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    with_seen: Annotated[
        bool, typer.Option("--all", help="Also those that somebody has seen.")
    ] = False,
    before: Annotated[int | None, typer.Option(help="Older than this id.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List tubes with results that met a change: which were held again, and which the LIS has already."""
    site = open_site(config)
    rows = site.read(
        lambda conn: patient_changes.listing(
            conn, with_seen=with_seen, before_id=before, limit=limit
        )
    )
    if as_json:
        show.document("changes", [show.for_json(row) for row in rows])
        return
    if not rows:
        show.say("No such changes.")
        return
    show.table(_COLUMNS, [_row(row, site.zone) for row in rows])
    show.say("Held: `labwire results show ID`, then release or reject. With the LIS: look there.")


@app.command("seen")
def seen(
    numbers: Annotated[
        list[int], typer.Argument(metavar="ID...", min=1, help="Ids of `labwire patients changes`.")
    ],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Say that somebody has looked at these, and done at the LIS what was to be done."""
    arguments = {"ids": numbers, "reason": reason}
    answer = open_site(config).change("patients.seen", arguments, author_or_login(author))
    if as_json:
        show.document("seen", [{"id": one} for one in answer["seen"]])
        return
    show.say(f"Seen: {', '.join(map(str, answer['seen']))}.")


def _row(row: dict[str, Any], zone: Any) -> dict[str, Any]:
    ids = {name: ", ".join(map(str, row[name])) for name in ("held", "delivered")}
    return {**row, **ids, "when": show.moment(row["at"], zone)}
