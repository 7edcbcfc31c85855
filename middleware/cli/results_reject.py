"""`labwire results reject|comment`: how a rejection ends, and remarks."""

from __future__ import annotations

from collections.abc import Mapping
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
from middleware.model import RejectedAs
from middleware.pipeline.asked import CommandRefused

app = typer.Typer()

IdsArgument = Annotated[list[int], typer.Argument(metavar="ID...", min=1, help="Result ids.")]


@app.command("reject")
def reject(
    numbers: IdsArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    rerun: Annotated[bool, typer.Option("--rerun", help="Order the test again.")] = False,
    dilution: Annotated[
        str, typer.Option(metavar="FACTOR", help="With --rerun: diluted by this factor, as 10.")
    ] = "",
    cannot_obtain: Annotated[
        str, typer.Option(metavar="WHY", help="Tell the LIS that there is no result, and why.")
    ] = "",
    pending: Annotated[
        bool, typer.Option("--pending", help="Keep it on the list of results still to come.")
    ] = False,
    nothing_more: Annotated[
        bool, typer.Option("--nothing-more", help="Another result stands, or nobody needs one.")
    ] = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Reject held results: they are never sent. Say how it ends, for somebody waits for the test."""
    ends = {
        RejectedAs.RERUN.value: rerun,
        RejectedAs.CANNOT_OBTAIN.value: bool(cannot_obtain),
        RejectedAs.PENDING.value: pending,
        "": nothing_more,
    }
    arguments = {
        "ids": numbers,
        "ends": _the_one(ends),
        "words": cannot_obtain,
        "dilution": dilution,
        "reason": reason,
    }
    answer = open_site(config).change("results.reject", arguments, author_or_login(author))
    _say(answer, as_json)


def _say(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        more = {name: answer[name] for name in ("steps", "messages") if name in answer}
        show.document("rejected", [{"id": one} for one in answer["rejected"]], **more)
        return
    show.say(f"Rejected: {', '.join(map(str, answer['rejected']))}.")
    if answer.get("steps"):
        show.say(f"Ordered tests: {', '.join(map(str, answer['steps']))}.")
    if answer.get("messages"):
        show.say(f"Queued for the LIS: {', '.join(map(str, answer['messages']))}.")


def _the_one(ends: Mapping[str, bool]) -> str:
    chosen = [name for name, is_chosen in ends.items() if is_chosen]
    if len(chosen) != 1:
        raise CommandRefused(
            "say how the rejection ends" if not chosen else "a rejection ends in one way",
            what_to_do="Add one of --rerun, --cannot-obtain WHY, --pending and --nothing-more.",
        )
    return chosen[0]


@app.command("comment")
def comment(
    numbers: IdsArgument,
    text: Annotated[str, typer.Option(help="The remark, for the LIS.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """Add a remark. Of a released result a corrected report goes out with it."""
    answer: dict[str, Any] = open_site(config).change(
        "results.comment", {"ids": numbers, "text": text}, author_or_login(author)
    )
    if as_json:
        items = [{"id": one} for one in answer["commented"]]
        show.document("commented", items, messages=answer["messages"])
        return
    show.say(f"Commented: {', '.join(map(str, answer['commented']))}.")
    if answer["messages"]:
        show.say(f"Queued for the LIS: {', '.join(map(str, answer['messages']))}.")
