"""`labwire results list|show|release|reject`: results, and what a person decides about those that are held."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from middleware.cli import show
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
from middleware.errors import StoreError
from middleware.model import ReleaseState
from middleware.store import outbox, results
from middleware.store.results import ResultFilter

app = typer.Typer(help="Results and decisions about them.", no_args_is_help=True)

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Result ids.")]

_COLUMNS = (
    ("id", "id"),
    ("line", "line"),
    ("sample", "sample_id"),
    ("test", "test_code"),
    ("value", "value_raw"),
    ("unit", "unit"),
    ("flags", "abnormal_flags"),
    ("state", "release_state"),
    ("message", "journal_id"),
    ("why", "why"),
)


@app.command("list")
def list_results(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    line: LineOption = None,
    state: Annotated[ReleaseState | None, typer.Option(help="In this state only.")] = None,
    sample: Annotated[str | None, typer.Option(help="Of this sample id only.")] = None,
    message: Annotated[int | None, typer.Option(help="Of this message only.")] = None,
    before: Annotated[int | None, typer.Option(help="Older than this id.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List results, the newest first."""
    wanted = ResultFilter(state, line, sample, message, before, limit)
    rows = open_site(config).read(lambda conn: results.listing(conn, wanted))
    items = [show.for_json(row) for row in rows]
    if as_json:
        show.document("results", items)
    elif items:
        show.table(_COLUMNS, [item | {"why": _why(item)} for item in items])
    else:
        show.say("No such results.")


@app.command("show")
def show_result(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="The result's id.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Show one result with everything that is known of it, and the messages that carried it."""
    site = open_site(config)

    def read(conn: Any) -> tuple[dict[str, Any] | None, list[int]]:
        row = results.get(conn, number)
        return row, [sent for sent, _ in outbox.for_results(conn, [number])]

    row, sent = site.read(read)
    if row is None:
        raise StoreError(f"there is no result {number}", what_to_do="See `labwire results list`.")
    item = show.for_json(row) | {"outbox_numbers": sent}
    if as_json:
        show.document("result", [item])
        return
    filled = [
        {"field": key, "value": value if isinstance(value, str | int | float) else _text(value)}
        for key, value in item.items()
        if value not in (None, "", [])
    ]
    show.table((("field", "field"), ("value", "value")), filled)


@app.command("release")
def release(
    numbers: IdsArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Release held results to the LIS, in your name."""
    answer = open_site(config).change(
        "results.release", {"ids": numbers, "reason": reason}, author_or_login(author)
    )
    if as_json:
        items = [{"id": one} for one in answer["released"]]
        show.document("released", items, messages=answer["messages"])
        return
    show.say(f"Released: {', '.join(map(str, answer['released']))}.")
    if answer["messages"]:
        show.say(f"Queued for the LIS: {', '.join(map(str, answer['messages']))}.")


@app.command("reject")
def reject(
    numbers: IdsArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Reject held results: they stay here and are never sent."""
    answer = open_site(config).change(
        "results.reject", {"ids": numbers, "reason": reason}, author_or_login(author)
    )
    if as_json:
        show.document("rejected", [{"id": one} for one in answer["rejected"]])
    else:
        show.say(f"Rejected: {', '.join(map(str, answer['rejected']))}.")


def _why(item: dict[str, Any]) -> str:
    return "; ".join(str(finding["code"]) for finding in item["findings"] or ())


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
