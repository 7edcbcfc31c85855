"""`labwire orders list|show|cancel|free`: what the LIS ordered, and where each test of it stands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from middleware.cli import orders_relabel, orders_send, orders_waiting, show, tube_words
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
from middleware.cli.orders_unknown import unknown
from middleware.cli.site import open_site
from middleware.model import StepState
from middleware.store import order_views, tube_facts
from middleware.store.order_views import StepFilter

app = typer.Typer(help="Orders of the LIS, test by test.", no_args_is_help=True)
app.command("relabel")(orders_relabel.command)
app.add_typer(orders_send.app)

_COLUMNS = (
    ("id", "id"),
    ("sample", "sample_id"),
    ("test", "lis_code"),
    ("order", "placer_number"),
    ("priority", "priority"),
    ("state", "state"),
    ("line", "line"),
    ("ordered", "ordered"),
    ("result", "reportable_result_id"),
    ("why", "reason"),
)
_ONE_TUBE = (
    *_COLUMNS,
    ("kind", "kind"),
    ("of", "parent_step_id"),
    ("because of", "cause_result_id"),
    ("dilution", "dilution"),
    ("only", "only_line"),
    ("to tell", "to_tell"),
)
_HISTORY = (
    ("step", "step_id"),
    ("test", "test"),
    ("when", "when"),
    ("state", "state"),
    ("line", "line"),
    ("by", "author"),
    ("why", "reason"),
)


@app.command("list")
def list_orders(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    line: LineOption = None,
    state: Annotated[StepState | None, typer.Option(help="In this state only.")] = None,
    sample: Annotated[str | None, typer.Option(help="Of this sample id only.")] = None,
    older: Annotated[
        str, typer.Option(metavar="AGE", help="Ordered longer ago, as 30m, 2h or 3d.")
    ] = "",
    before: Annotated[int | None, typer.Option(help="Older than this id.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List ordered tests, the newest first."""
    site = open_site(config)
    since = orders_waiting.before_now(older) if older else None
    wanted = StepFilter(state, sample, line, before, limit, since)
    rows = site.read(lambda conn: order_views.listing(conn, wanted))
    if as_json:
        show.document("orders", [show.for_json(row) for row in rows])
    elif rows:
        has_many = len({row["order_source"] for row in rows}) > 1
        columns = (*_COLUMNS, ("source", "order_source")) if has_many else _COLUMNS
        show.table(columns, [_row(row, site.zone) for row in rows])
    else:
        show.say("No such orders.")


@app.command("show")
def show_orders(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="The sample id of the tube.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Show every test ordered on one tube, with its history."""
    site = open_site(config)
    rows = site.read(lambda conn: order_views.of_sample(conn, sample))
    if not rows:
        text = f"nothing is ordered for the sample id {sample}"
        raise unknown(site, sample, text, "See `labwire orders list`.")
    if as_json:
        items = [
            show.for_json(row) | {"history": [show.for_json(one) for one in row["history"]]}
            for row in rows
        ]
        show.document("orders", items)
        return
    for tube in site.read(lambda conn: tube_facts.of_sample(conn, sample)):
        show.say(tube_words.sentences(tube, site.zone))
    show.say("")
    show.table(_ONE_TUBE, [_row(row, site.zone) for row in rows])
    show.say("")
    past = [
        {**one, "test": row["lis_code"], "when": show.moment(one["at"], site.zone)}
        for row in rows
        for one in row["history"]
    ]
    show.table(_HISTORY, sorted(past, key=lambda one: int(one["id"])))


@app.command("cancel")
def cancel(
    numbers: Annotated[
        list[int], typer.Argument(metavar="ID...", min=1, help="Ids of `labwire orders list`.")
    ],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Cancel tests that have no result: no analyzer is given them any more. One that has them is told, if it can be."""
    arguments = {"ids": numbers, "reason": reason}
    answer = open_site(config).change("orders.cancel", arguments, author_or_login(author))
    if as_json:
        show.document("cancelled", [{"id": one} for one in answer["cancelled"]])
        return
    show.say(f"Cancelled: {', '.join(map(str, answer['cancelled']))}.")
    for one in answer["at_analyzers"]:
        cure = "it is told" if one["is_told"] else "cancel it there"
        show.say(f"The analyzer of {one['line']} has {one['id']} already: {cure}.", "yellow")


@app.command("free")
def free(
    numbers: Annotated[
        list[int], typer.Argument(metavar="ID...", min=1, help="Ids of `labwire orders list`.")
    ],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Offer tests to every analyzer again that one took or refused, or that expired."""
    arguments = {"ids": numbers, "reason": reason}
    answer = open_site(config).change("orders.free", arguments, author_or_login(author))
    if as_json:
        show.document("freed", [{"id": one} for one in answer["freed"]])
        return
    show.say(f"Open again: {', '.join(map(str, answer['freed']))}.")


app.command("why")(orders_waiting.why)
app.command("reload")(orders_waiting.reload)
app.command("age")(orders_waiting.age)


def _row(row: dict[str, Any], zone: Any) -> dict[str, Any]:
    return {**row, "ordered": show.moment(row["created_at"], zone)}
