"""The options that several commands share, with their help; and the exit statuses of all."""

from __future__ import annotations

import getpass
import os
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SETTINGS = Path("labwire.toml")
MOST_ROWS = 10_000


class Status(IntEnum):
    """Exit statuses of every command (DESIGN 8.2)."""

    GOOD = 0
    WRONG = 1  # something is wrong with the laboratory's data or setup
    USAGE = 2  # the command was given wrongly


ConfigOption = Annotated[
    Path,
    typer.Option(
        "-c", "--config", metavar="FILE", envvar="LABWIRE_CONFIG", help="The settings file."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
AuthorOption = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who decides, for the audit; else the login name."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]
LineOption = Annotated[str | None, typer.Option("--line", help="Of this line only.")]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, max=MOST_ROWS, help="At most so many, the newest first.")
]


def author_or_login(author: str | None) -> str:
    """The name for the audit trail."""
    if author:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry in the password database
        return f"uid {os.getuid()}"
