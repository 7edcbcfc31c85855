"""`labwire qc clear|changed|exclude|status` and `qc lookback --seen`: what people decide about quality control."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    ConfigOption,
    JsonOption,
    author_or_login,
)
from middleware.cli.options import AuthorOption as AuthorOption
from middleware.cli.options import ReasonOption as ReasonOption
from middleware.cli.site import Site, open_site

app = typer.Typer()

GatesArgument = Annotated[list[int], typer.Argument(metavar="GATE...", min=1, help="Gates.")]


@app.command("clear")
def clear(
    gates: GatesArgument,
    cause: Annotated[str, typer.Option(help="What was wrong.")],
    action: Annotated[str, typer.Option(help="What was done about it.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    taken_at: Annotated[
        datetime | None, typer.Option(help="When it was done, local time; else now.")
    ] = None,
    author: AuthorOption = None,
) -> None:
    """Document the action after a failed run. Results go again after an accepted run that was measured later."""
    site = open_site(config)
    at = None if taken_at is None else taken_at.replace(tzinfo=site.zone).timestamp()
    arguments = {"ids": gates, "cause": cause, "action": action, "taken_at": at}
    answer = site.change("qc.clear", arguments, author_or_login(author))
    _say(answer, "cleared", as_json)


@app.command("changed")
def changed(
    gates: GatesArgument,
    what: Annotated[str, typer.Option(help="For example: reagent lot 4711.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Say that the test was calibrated, its reagent changed or its module maintained: a new run is needed."""
    arguments = {"ids": gates, "what": what, "reason": reason}
    answer = open_site(config).change("qc.changed", arguments, author_or_login(author))
    _say(answer, "changed", as_json)


@app.command("exclude")
def exclude(
    values: Annotated[list[int], typer.Argument(metavar="VALUE...", min=1, help="Values.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """Leave control values out of means and rules, as of a wrong bottle. No gate opens by that."""
    arguments = {"ids": values, "reason": reason}
    answer = open_site(config).change("qc.exclude", arguments, author_or_login(author))
    _say(answer, "excluded", as_json)


@app.command("status")
def status(
    line: Annotated[str, typer.Argument(help="Line.")],
    test: Annotated[str, typer.Argument(help="The analyzer's code of the test.")],
    word: Annotated[str, typer.Argument(metavar="good|warning|bad", help="How it stands.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    analyzer: Annotated[str, typer.Option(help="Of this analyzer only.")] = "",
    module: Annotated[str, typer.Option(help="Of this module only.")] = "",
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Tell an external gate how quality control stands in another system."""
    arguments = {
        "line": line,
        "test": test,
        "analyzer": analyzer,
        "module": module,
        "status": word,
        "reason": reason,
    }
    answer = open_site(config).change("qc.status", arguments, author_or_login(author))
    _say({**answer, "told": [answer["gate"]]}, "told", as_json)


def seen(site: Site, ids: list[int], said: tuple[str, str | None], as_json: bool) -> None:
    """Released results were looked at; `said`: why, and by whom."""
    reason, author = said
    answer = site.change("qc.seen", {"ids": ids, "reason": reason}, author_or_login(author))
    _say(answer, "seen", as_json)


def _say(answer: dict[str, Any], word: str, as_json: bool) -> None:
    numbers, messages = answer[word], answer.get("messages") or []
    if as_json:
        show.document(word, [{"id": one} for one in numbers], messages=messages)
        return
    show.say(f"{word.capitalize()}: {', '.join(map(str, numbers))}.")
    if messages:
        show.say(f"Released, queued for the LIS: {', '.join(map(str, messages))}.")
