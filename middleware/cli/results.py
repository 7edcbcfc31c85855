"""`labwire results list|show|release`: results; what else a person decides about them is beside this."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from middleware.cli import result_words, results_again, results_reject, results_values, show
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
from middleware.store import order_views, outbox, results
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
    pending: Annotated[
        bool, typer.Option("--pending", help="Rejected, with a result of the test still to come.")
    ] = False,
    limit: LimitOption = 50,
) -> None:
    """List results, the newest first."""
    wanted = ResultFilter(state, line, sample, message, before, limit, pending)
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

    def read(conn: Any) -> tuple[dict[str, Any] | None, list[int], dict[str, Any] | None]:
        row = results.get(conn, number)
        step = row["work_order_step_id"] if row is not None else None
        steps = order_views.by_ids(conn, [step]) if step is not None else []
        sent = [message for message, _ in outbox.for_results(conn, [number])]
        return row, sent, steps[0] if steps else None

    row, sent, step = site.read(read)
    if row is None:
        raise StoreError(f"there is no result {number}", what_to_do="See `labwire results list`.")
    said = result_words.sentence(row, step)
    item = show.for_json(row) | {"outbox_numbers": sent, "in_words": said}
    if as_json:
        show.document("result", [item])
        return
    filled = [
        {"field": key, "value": value if isinstance(value, str | int | float) else _text(value)}
        for key, value in item.items()
        if key != "in_words" and value not in (None, "", [])
    ]
    if said:
        show.say(said)
    show.table((("field", "field"), ("value", "value")), filled)


@app.command("release")
def release(
    numbers: IdsArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    yes_all: Annotated[
        int | None, typer.Option(metavar="COUNT", help="How many they are, where they are many.")
    ] = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Release held results to the LIS, in your name."""
    arguments: dict[str, Any] = {"ids": numbers, "reason": reason}
    if yes_all is not None:
        arguments["count"] = yes_all
    answer = open_site(config).change("results.release", arguments, author_or_login(author))
    if as_json:
        items = [{"id": one} for one in answer["released"]]
        show.document("released", items, messages=answer["messages"])
        return
    show.say(f"Released: {', '.join(map(str, answer['released']))}.")
    if answer["messages"]:
        show.say(f"Queued for the LIS: {', '.join(map(str, answer['messages']))}.")


app.add_typer(results_reject.app)
app.add_typer(results_values.app)
app.add_typer(results_again.app)  # its commands are these, without a name of their own


def _why(item: dict[str, Any]) -> str:
    return "; ".join(str(finding["code"]) for finding in item["findings"] or ())


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
