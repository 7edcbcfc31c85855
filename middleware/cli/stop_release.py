"""`labwire stop-release` and `labwire resume-release`: the switch that stops all release without a person."""

from __future__ import annotations

from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    author_or_login,
)
from middleware.cli.site import Site, open_site
from middleware.errors import StoreError
from middleware.store import suspensions

_COLUMNS = (
    ("stop", "id"),
    ("line", "line"),
    ("test", "test_code"),
    ("since", "since"),
    ("by", "author"),
    ("why", "reason"),
    ("ended", "ended"),
    ("ended by", "ended_by"),
)


app = typer.Typer()


@app.command("stop-release")
def stop_release(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    line: Annotated[str, typer.Option(help="Of this line only.")] = "",
    test: Annotated[
        str, typer.Option(help="Of this test only, by the analyzer's code or the LIS's.")
    ] = "",
    show_list: Annotated[
        bool, typer.Option("--list", help="Stop nothing; list what is and was stopped.")
    ] = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """From now on nothing is released without a person: of a line, of a test, or at all. Needs --reason."""
    site = open_site(config)
    if show_list:
        _list(site, as_json)
        return
    arguments = {"line": line, "test": test, "reason": reason}
    answer = site.change("release.stop", arguments, author_or_login(author))
    if as_json:
        show.document("stopped", [{"id": answer["stopped"]}])
        return
    show.say(
        f"Stopped: {test or 'every test'} of {line or 'every line'} (stop {answer['stopped']})."
    )
    show.say("What was queued for the LIS before still goes: `labwire outbox hold` stops that.")


@app.command("resume-release")
def resume_release(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[STOP]...", help="Stops; none: the only one.")
    ] = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Let automatic release go on. What was held meanwhile stays held for a person."""
    site = open_site(config)
    ids = numbers or [one.id for one in site.read(suspensions.in_force)]
    if not ids:
        show.say("Nothing is stopped.")
        return
    if not numbers and len(ids) > 1:
        raise StoreError(
            f"{len(ids)} stops are in force",
            what_to_do=f"Name those that end: labwire resume-release {' '.join(map(str, ids))}. "
            "`labwire stop-release --list` says what each is of.",
        )
    arguments = {"ids": ids, "reason": reason}
    answer = site.change("release.resume", arguments, author_or_login(author))
    if as_json:
        show.document("resumed", [{"id": one} for one in answer["resumed"]])
        return
    show.say(f"Released by themselves again: stops {', '.join(map(str, answer['resumed']))} ended.")
    show.say("Held meanwhile: `labwire results list --state held`.")


def _list(site: Site, as_json: bool) -> None:
    rows = site.read(suspensions.listing)
    if as_json:
        show.document("stops", [show.for_json(row) for row in rows])
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
        show.say("Nothing was ever stopped.")
