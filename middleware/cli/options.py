"""The options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from middleware.cli.conventions import DEFAULT_SETTINGS as DEFAULT_SETTINGS
from middleware.cli.conventions import SETTINGS_VARIABLE
from middleware.cli.conventions import Status as Status
from middleware.cli.conventions import author_or_login as author_or_login

MOST_ROWS = 10_000

ConfigOption = Annotated[
    Path,
    typer.Option(
        "-c", "--config", metavar="FILE", envvar=SETTINGS_VARIABLE, help="The settings file."
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
