"""`labwire results rerun|reflex`: more work because of a result."""

from __future__ import annotations

from typing import Annotated, Any

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
from middleware.cli.site import open_site

app = typer.Typer()


@app.command("rerun")
def rerun(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Result ids.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    dilution: Annotated[
        str, typer.Option(metavar="FACTOR", help="Measure it diluted by this factor, as 10.")
    ] = "",
    line: Annotated[
        str, typer.Option(help="By the analyzer of this line; else by the same one.")
    ] = "",
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Order the tests of these results again, on the same tubes. The results stay as they are."""
    arguments = {"ids": numbers, "dilution": dilution, "line": line, "reason": reason}
    answer = open_site(config).change("results.rerun", arguments, author_or_login(author))
    _say(answer, as_json)


@app.command("reflex")
def reflex(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="The result's id.")],
    tests: Annotated[list[str], typer.Argument(metavar="TEST...", help="The LIS's codes.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Order other tests on the tube of a result."""
    arguments = {"ids": [number], "tests": tests, "reason": reason}
    answer = open_site(config).change("results.reflex", arguments, author_or_login(author))
    _say(answer, as_json)


def _say(answer: dict[str, Any], as_json: bool) -> None:
    there = answer.get("there", [])
    if as_json:
        show.document("ordered", [{"id": one} for one in answer["steps"]], there=there)
        return
    if answer["steps"]:
        show.say(f"Ordered tests: {', '.join(map(str, answer['steps']))}.")
        show.say(
            "The analyzer gets them when it asks next, or is sent them: `labwire orders show`."
        )
    if there:
        show.say(f"On the tube already: {', '.join(there)}.")
