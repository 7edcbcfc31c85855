"""`labwire results edit|enter|withdraw`: values that a person types, and those that are wrong."""

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

app = typer.Typer()

WhyOption = Annotated[str, typer.Option("--reason", help="Why, for the audit and the LIS.")]


@app.command("edit")
def edit(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="The result's id.")],
    value: Annotated[str, typer.Option(help="The value that is right, as 5.4, <0.5 or positive.")],
    reason: WhyOption,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    unit: Annotated[str | None, typer.Option(help="Its unit; else that of the result.")] = None,
    author: AuthorOption = None,
) -> None:
    """Correct a value. The measured one stays; the new version waits until a person releases it."""
    arguments = {"id": number, "value": value, "unit": unit, "reason": reason}
    answer = open_site(config).change("results.edit", arguments, author_or_login(author))
    if as_json:
        show.document("edited", [{"id": answer["edited"], "of": number}])
        return
    show.say(f"Corrected: result {answer['edited']} waits beside result {number}.")
    show.say(f"Release it with `labwire results release {answer['edited']}`.")


@app.command("withdraw")
def withdraw(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Result ids.")],
    reason: WhyOption,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """Tell the LIS that released results are wrong (OBX-11 W)."""
    arguments = {"ids": numbers, "reason": reason}
    answer = open_site(config).change("results.withdraw", arguments, author_or_login(author))
    if as_json:
        items = [{"id": one} for one in answer["withdrawn"]]
        show.document("withdrawn", items, messages=answer["messages"])
        return
    show.say(f"Withdrawn: {', '.join(map(str, answer['withdrawn']))}.")
    show.say(told(answer["messages"]))


def told(messages: list[int]) -> str:
    """How the LIS hears of a withdrawal, as a sentence."""
    if not messages:
        return "The LIS never took them, so there is nothing to tell it."
    return f"Queued for the LIS: {', '.join(map(str, messages))}."


@app.command("enter")
def enter(
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="The sample id.")],
    test: Annotated[str, typer.Argument(metavar="TEST", help="The analyzer's code, or the LIS's.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="As 5.4, <0.5 or positive.")],
    reason: WhyOption,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    unit: Annotated[str, typer.Option(help="Its unit.")] = "",
    line: Annotated[str, typer.Option(help="The line whose place it takes.")] = "",
    method: Annotated[str, typer.Option(help="How it was measured, in words.")] = "",
    author: AuthorOption = None,
) -> None:
    """Type a result that no analyzer can send. Another person releases it, or types the same."""
    arguments = {
        "sample": sample,
        "test": test,
        "value": value,
        "unit": unit,
        "line": line,
        "method": method,
        "reason": reason,
    }
    answer = open_site(config).change("results.enter", arguments, author_or_login(author))
    if as_json:
        number = answer.get("entered") or answer["confirmed"]
        items = [{"id": number, "is_confirmed": "confirmed" in answer}]
        show.document("entered", items, messages=answer.get("messages", []))
    elif "entered" in answer:
        show.say(f"Entered: result {answer['entered']} waits for another person.")
    else:
        show.say(f"Confirmed: result {answer['confirmed']} is released.")
        show.say(told(answer["messages"]))
