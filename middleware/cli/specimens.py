"""`labwire specimens withdraw|restore|list|join`: specimens of which nothing may be reported; labels of a downtime."""

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
    author_or_login,
)
from middleware.cli.results_values import told
from middleware.cli.site import open_site
from middleware.store import withdrawals

app = typer.Typer(help="Specimens of which nothing may be reported.", no_args_is_help=True)

SampleArgument = Annotated[str, typer.Argument(metavar="SAMPLE", help="The sample id.")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why, for the audit and the LIS.")]

_COLUMNS = (
    ("sample", "sample_id"),
    ("since", "since"),
    ("by", "author"),
    ("why", "reason"),
    ("taken back", "ended"),
    ("by whom", "ended_by"),
)


@app.command("withdraw")
def withdraw(
    sample: SampleArgument,
    reason: WhyOption,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    order_source: Annotated[
        str, typer.Option(help="Whose sample id it is, where several systems order.")
    ] = "",
    author: AuthorOption = None,
) -> None:
    """Tell the LIS that every result of a specimen is wrong, and hold the rest, also what still comes."""
    arguments = {"sample": sample, "source": order_source, "reason": reason}
    answer = open_site(config).change("specimens.withdraw", arguments, author_or_login(author))
    if as_json:
        show.document("withdrawn", [{"sample_id": sample, **answer}])
        return
    show.say(f"{sample} is withdrawn: nothing of it is reported any more.")
    if answer["withdrawn"]:
        show.say(f"Withdrawn: {', '.join(map(str, answer['withdrawn']))}.")
        show.say(told(answer["messages"]))
    if answer["held"]:
        show.say(f"Held, to be rejected: {', '.join(map(str, answer['held']))}.")


@app.command("restore")
def restore(
    sample: SampleArgument,
    reason: WhyOption,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """Take a withdrawal back. What the LIS was told stays so: measure those tests again."""
    arguments = {"sample": sample, "reason": reason}
    answer = open_site(config).change("specimens.restore", arguments, author_or_login(author))
    if as_json:
        show.document("restored", [{"sample_id": one} for one in answer["restored"]])
    else:
        show.say(f"Results of {', '.join(answer['restored'])} may be released again.")
        show.say("What was withdrawn stays so: measure those tests again.")


@app.command("join")
def join(
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The label of the downtime.")],
    sample: SampleArgument,
    reason: WhyOption,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """Join a label of a downtime to the real sample id. Its results wait for a release."""
    arguments = {"label": label, "sample": sample, "reason": reason}
    answer = open_site(config).change("specimens.join", arguments, author_or_login(author))
    if as_json:
        show.document("joined", [{"label": label, "sample_id": sample, **answer}])
        return
    if answer["joined"]:
        show.say(
            f"{label} is {sample}: {', '.join(map(str, answer['joined']))} wait for a release."
        )
    if answer["repeated"]:
        show.say(f"Known of {sample} already: {', '.join(map(str, answer['repeated']))}.")


@app.command("list")
def list_withdrawn(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    limit: LimitOption = 50,
) -> None:
    """List withdrawn specimens, the newest first."""
    site = open_site(config)
    rows = site.read(lambda conn: withdrawals.listing(conn, limit))
    if as_json:
        show.document("withdrawals", [show.for_json(row) for row in rows])
    elif rows:
        moments = [
            {
                **row,
                "since": show.moment(row["at"], site.zone),
                "ended": show.moment(row["ended_at"], site.zone),
            }
            for row in rows
        ]
        show.table(_COLUMNS, moments)
    else:
        show.say("No specimen was ever withdrawn.")
