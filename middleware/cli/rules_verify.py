"""`labwire rules verify`: whether a report is the one that this store knows, and who signed it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, Status
from middleware.cli.rules_signing import is_signed_by
from middleware.cli.site import open_site
from middleware.errors import SettingsError
from middleware.store import rule_reports


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="The report for machines.")],
    config: ConfigOption = DEFAULT_SETTINGS,
) -> None:
    """Say whether a report is unchanged: its hash must be in the store, and its signature must fit."""
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}", what_to_do="Name the report's .json file."
        ) from error
    row = open_site(config).read(lambda conn: rule_reports.by_hash(conn, found))
    if row is None:
        show.say(
            f"Not known: no report with the hash {found[:16]} was made here, or the file was changed.",
            "red",
        )
        raise typer.Exit(Status.WRONG)
    if row["signature"] and not is_signed_by(found, row["signature"], row["public_key"]):
        show.say("The signature in the store does not fit: somebody changed it.", "red")
        raise typer.Exit(Status.WRONG)
    signed = f"signed with the key {row['public_key'][:16]}" if row["signature"] else "not signed"
    outcome = "passed" if row["is_passed"] else "NOT passed"
    show.say(f"Unchanged: made by {row['author']}, {outcome}, {signed}.", "green")
