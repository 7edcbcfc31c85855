"""`labwire outbox list|resend|hold|release`: messages to the LIS and what it answered."""

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
from middleware.store import outbox
from middleware.store.outbox import OutboxFilter
from middleware.store.schema import OutboxState

app = typer.Typer(help="Messages to the LIS.", no_args_is_help=True)

NumbersArgument = Annotated[
    list[int], typer.Argument(metavar="NUMBER...", min=1, help="Outbox numbers.")
]

_COLUMNS = (
    ("number", "number"),
    ("to", "connector"),
    ("control id", "control_id"),
    ("sample", "sample_id"),
    ("state", "state"),
    ("attempts", "attempts"),
    ("received", "received"),
    ("settled", "settled"),
    ("answer", "answer"),
)


@app.command("list")
def list_outbox(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    connector: Annotated[str | None, typer.Option(help="To this connector only.")] = None,
    state: Annotated[OutboxState | None, typer.Option(help="In this state only.")] = None,
    sample: Annotated[str | None, typer.Option(help="Of this sample id only.")] = None,
    before: Annotated[int | None, typer.Option(help="Older than this number.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List messages, the newest first."""
    site = open_site(config)
    wanted = OutboxFilter(connector, state, sample, before, limit)
    rows = site.read(lambda conn: outbox.listing(conn, wanted))
    if as_json:
        show.document("outbox", [show.for_json(row) for row in rows])
        return
    if not rows:
        show.say("No such messages.")
        return
    shown = [
        {
            **row,
            "received": show.moment(row["received_at"], site.zone),
            "settled": show.moment(row["settled_at"], site.zone),
            "answer": " ".join(one for one in (row["outcome_code"], row["outcome_text"]) if one),
        }
        for row in rows
    ]
    show.table(_COLUMNS, shown)


@app.command("resend")
def resend(
    numbers: NumbersArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Send settled messages once more: the same bytes under the same control id."""
    arguments = {"numbers": numbers, "reason": reason}
    answer = open_site(config).change("outbox.resend", arguments, author_or_login(author))
    _tell("resent", "Queued again", answer["resent"], as_json=as_json)


@app.command("hold")
def hold(
    numbers: NumbersArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Keep waiting messages back until they are released."""
    arguments = {"numbers": numbers, "reason": reason}
    answer = open_site(config).change("outbox.hold", arguments, author_or_login(author))
    _tell("held", "Held", answer["held"], as_json=as_json)


@app.command("release")
def release(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="[NUMBER...]", min=1, help="Outbox numbers; none: lanes go on."),
    ] = None,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Let held messages go; without numbers, let a paused lane try again at once."""
    arguments = {"numbers": numbers or [], "reason": reason}
    answer = open_site(config).change("outbox.release", arguments, author_or_login(author))
    if not numbers and not as_json:
        show.say("Paused lanes try again.")
        return
    _tell("released", "Released", answer["released"], as_json=as_json)


def _tell(kind: str, word: str, numbers: list[int], *, as_json: bool) -> None:
    if as_json:
        show.document(kind, [{"number": one} for one in numbers])
    else:
        show.say(f"{word}: {', '.join(map(str, numbers))}.")
