"""`labwire calls list|done|drop`: critical results that somebody must be told of."""

from __future__ import annotations

from typing import Annotated

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
from middleware.store import calls

app = typer.Typer(help="Critical results that somebody must be told of.", no_args_is_help=True)

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Calls.")]

_COLUMNS = (
    ("call", "id"),
    ("result", "result_id"),
    ("sample", "sample_id"),
    ("test", "test_code"),
    ("why", "why"),
    ("since", "since"),
    ("told", "told"),
    ("by", "caller"),
    ("read back", "is_read_back"),
    ("when", "ended"),
)


@app.command("list")
def list_calls(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    all_of_them: Annotated[bool, typer.Option("--all", help="Also those that ended.")] = False,
    limit: LimitOption = 50,
) -> None:
    """List calls that are open, the oldest first."""
    site = open_site(config)
    rows = site.read(lambda conn: calls.listing(conn, limit, with_ended=all_of_them))
    if as_json:
        show.document("calls", [show.for_json(row) for row in rows])
    elif rows:
        moments = [
            {
                **row,
                "since": show.moment(row["opened_at"], site.zone),
                "ended": show.moment(row["ended_at"], site.zone),
            }
            for row in rows
        ]
        show.table(_COLUMNS, moments)
    else:
        show.say("No call is open.")


@app.command("done")
def done(
    numbers: IdsArgument,
    told: Annotated[str, typer.Option(metavar="WHO", help="Who was told.")],
    by: Annotated[str, typer.Option(metavar="WHOM", help="Who called.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    read_back: Annotated[bool, typer.Option("--read-back", help="They read it back.")] = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Write down that somebody was told."""
    arguments = {"ids": numbers, "told": told, "by": by, "read_back": read_back, "reason": reason}
    answer = open_site(config).change("calls.done", arguments, author_or_login(author))
    _say("done", answer["done"], as_json)


@app.command("drop")
def drop(
    numbers: IdsArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """End calls of which nobody has to be told, as of a result that was rejected."""
    arguments = {"ids": numbers, "reason": reason}
    answer = open_site(config).change("calls.drop", arguments, author_or_login(author))
    _say("dropped", answer["dropped"], as_json)


def _say(word: str, ids: list[int], as_json: bool) -> None:
    if as_json:
        show.document(word, [{"id": one} for one in ids])
    else:
        show.say(f"{word.capitalize()}: {', '.join(map(str, ids))}.")
