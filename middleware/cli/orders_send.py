"""`labwire orders send`: work goes to an analyzer that did not ask for it, now."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    LineOption,
    ReasonOption,
    author_or_login,
)
from middleware.cli.site import open_site
from middleware.monitor.control_client import CommandFailed, NoNodeRuns, call

app = typer.Typer()

WAIT_S = 30.0
"""The node answers after 20 seconds at the latest."""


@app.command("send")
def send(
    samples: Annotated[
        list[str] | None, typer.Argument(metavar="[SAMPLE]...", help="Sample ids of tubes.")
    ] = None,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    rack: Annotated[str, typer.Option(help="The tubes that the LIS put on this rack.")] = "",
    line: LineOption = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Send the open work of tubes, of a rack, or (with --line alone) everything for one analyzer.

    The line's `download` must be `by_hand` or `on_order`, and its analyzer connected. What it took is sent; what it did
    not take stays open.
    """
    if samples and rack:
        raise typer.BadParameter("name tubes or a rack, not both")
    if not samples and not line:
        raise typer.BadParameter("name tubes, or the analyzer with --line")
    arguments = {"samples": samples or [], "rack": rack, "line": line or "", "reason": reason}
    site = open_site(config)
    try:
        answer = call(site.node.data_dir, "orders.send", arguments, author_or_login(author), WAIT_S)
    except NoNodeRuns as error:
        raise CommandFailed(
            "no node runs, and only a running node can send work to an analyzer",
            reason="no-node-runs",
            what_to_do="Start it with `labwire run`.",
        ) from error
    if as_json:
        show.document("lines", answer["lines"])
    else:
        for one in answer["lines"]:
            _tell(one)
    if any(one["trouble"] or one["not_taken"] or one["refused"] for one in answer["lines"]):
        raise typer.Exit(1)


def _tell(report: dict[str, Any]) -> None:
    line, sent = report["line"], report["sent"]
    show.say(f"{line}: {report['tests']} tests of {len(sent)} tubes were taken.")
    for what, why in report["refused"].items():
        show.say(f"{line}: {what} was refused: {why}.", "yellow")
    for sample, why in report["not_taken"].items():
        show.say(f"{line}: {sample} was not taken: {why}.", "yellow")
    if report["without_work"]:
        show.say(f"{line}: nothing is open for {', '.join(report['without_work'])}.")
    if report["trouble"]:
        show.say(f"{line}: {report['trouble']}.", "yellow")
    if not report["is_done"]:
        show.say(f"{line}: the rest is still being sent; see `labwire orders list`.")
