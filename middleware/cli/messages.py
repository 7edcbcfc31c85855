"""`labwire messages list|show|replay`: every message that was ever accepted, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.message_view import read_message, say_message
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    LimitOption,
    LineOption,
    ReasonOption,
    author_or_login,
)
from middleware.cli.site import open_site
from middleware.model import MessageKind
from middleware.store import journal
from middleware.store.journal import JournalFilter
from middleware.store.schema import JournalState

app = typer.Typer(help="Messages that analyzers sent.", no_args_is_help=True)

_COLUMNS = (
    ("id", "id"),
    ("received", "received"),
    ("line", "line"),
    ("kind", "kind"),
    ("state", "state"),
    ("results", "result_count"),
    ("quirks", "quirks"),
    ("reason", "reason"),
)


@app.command("list")
def list_messages(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    line: LineOption = None,
    state: Annotated[JournalState | None, typer.Option(help="In this state only.")] = None,
    kind: Annotated[MessageKind | None, typer.Option(help="Of this kind only.")] = None,
    before: Annotated[int | None, typer.Option(help="Older than this id.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List messages, the newest first."""
    site = open_site(config)
    wanted = JournalFilter(line, state, kind, before, limit)
    rows = [
        show.for_json(row) | {"_at": row["received_at"]}
        for row in site.read(lambda conn: journal.listing(conn, wanted))
    ]
    times = [row.pop("_at") for row in rows]
    if as_json:
        show.document("messages", rows)
    elif rows:
        shown = [
            row | {"received": show.moment(at, site.zone)}
            for row, at in zip(rows, times, strict=True)
        ]
        show.table(_COLUMNS, shown)
    else:
        show.say("No such messages.")


@app.command("show")
def show_message(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="The message's id.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    with_wire: Annotated[
        bool, typer.Option("--wire/--no-wire", help="With the bytes as they came.")
    ] = True,
) -> None:
    """Show one message: its bytes, its records, and its whole life up to the LIS's answer."""
    site = open_site(config)
    view = site.read(lambda conn: read_message(conn, number))
    encoding = site.encoding_of(str(view.entry["line"]))
    if as_json:
        show.document("message", [view.as_item(encoding)])
    else:
        say_message(view, encoding, site.zone, with_wire=with_wire)


@app.command("replay")
def replay(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Message ids.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Process messages once more, after the mapping or the settings were mended."""
    answer = open_site(config).change(
        "messages.replay", {"ids": numbers, "reason": reason}, author_or_login(author)
    )
    if as_json:
        show.document("replayed", [{"id": one} for one in answer["replayed"]])
    else:
        show.say(f"Queued for processing: {', '.join(map(str, answer['replayed']))}.")
