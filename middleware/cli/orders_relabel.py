"""`labwire orders relabel`: a tube got another label."""

from __future__ import annotations

from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    author_or_login,
)
from middleware.cli.site import open_site


def command(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The sample id that it had.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The sample id of its new label.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    order_source: Annotated[
        str, typer.Option(help="Whose sample id OLD is, where several systems order.")
    ] = "",
    author: AuthorOption = None,
) -> None:
    """Give a tube another sample id. Its orders go with it; its results are held again if they were not delivered."""
    arguments = {"old": old, "new": new, "source": order_source, "reason": reason}
    answer = open_site(config).change("orders.relabel", arguments, author_or_login(author))
    if as_json:
        show.document("relabelled", [{"old": old, "new": new, **answer}])
        return
    show.say(f"{old} is {new} now.")
    for line in answer["lines"]:
        show.say(f"The analyzer of {line} has work under {old}: take it back there.", "yellow")
    if answer["held"]:
        show.say(f"Held again: results {', '.join(map(str, answer['held']))}.", "yellow")
    if answer["delivered"]:
        there = ", ".join(map(str, answer["delivered"]))
        show.say(f"The LIS has results {there} under {old}: correct them there.", "yellow")
