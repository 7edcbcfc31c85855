"""`labwire prior load`: earlier results from a file, to compare new ones with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    Status,
    author_or_login,
)
from middleware.cli.site import Site, open_site
from middleware.errors import SettingsError
from middleware.model import EarlierResult
from middleware.payload.csv_prior import BadLine, read_csv
from middleware.settings.code_files import TableNotRead, read_text

app = typer.Typer(help="Earlier results of other systems.", no_args_is_help=True)

LARGEST_FILE_BYTES = 256 * 1024 * 1024
AT_ONCE = 500
"""Results in one transaction: a running node goes on receiving in between."""

SHOWN_BAD_LINES = 50


@app.callback()
def prior() -> None:
    """Earlier results of other systems."""


@app.command("load")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV in UTF-8, with a first line.")],
    source: Annotated[
        str, typer.Option("--source", metavar="NAME", help="Where they are from, for the record.")
    ],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    order_source: Annotated[
        str, typer.Option(help="Whose patient ids these are, as `order_source` of the connector.")
    ] = "",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Load the good lines although others are bad.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look at the file.")] = False,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Load earlier results. With a bad line nothing is loaded, unless told so; what is known is not loaded twice.

    Columns: patient_id, lis_code, value, measured_at; also authority, lis_system, specimen_type, unit, placer_number.
    """
    site = open_site(config)
    good, bad = _read(file, site.node.time_zone)
    counts = {"new": 0, "known": 0}
    is_refused = bool(bad) and not skip_bad
    if good and not is_refused and not dry_run:
        who = {"source": f"{source}: {file.name}", "order_source": order_source, "reason": reason}
        counts = _send(site, good, who, author_or_login(author))
    if as_json:
        items = [{"line": one.line, "reason": one.reason} for one in bad]
        show.document("bad_lines", items, good=len(good), **counts)
    else:
        _tell(good, bad, counts, is_loaded=not is_refused and not dry_run)
    if is_refused:
        raise typer.Exit(Status.WRONG)


def _read(file: Path, zone: str) -> tuple[list[EarlierResult], list[BadLine]]:
    try:
        text = read_text(file, LARGEST_FILE_BYTES)
    except TableNotRead as error:
        raise SettingsError(
            f"{file} cannot be read: {error}", what_to_do="Save it as CSV UTF-8."
        ) from error
    good: list[EarlierResult] = []
    bad: list[BadLine] = []
    for one in read_csv(text, zone):
        if isinstance(one, BadLine):
            bad.append(one)
        else:
            good.append(one)
    return good, bad


def _send(
    site: Site, good: list[EarlierResult], who: dict[str, str], author: str
) -> dict[str, int]:
    counts = {"new": 0, "known": 0}
    for start in range(0, len(good), AT_ONCE):
        part = good[start : start + AT_ONCE]
        rows = [one.model_dump(mode="json") for one in part]
        answer = site.change("prior.load", {**who, "results": rows}, author)
        counts = {name: count + int(answer[name]) for name, count in counts.items()}
    return counts


def _tell(
    good: list[EarlierResult], bad: list[BadLine], counts: dict[str, int], *, is_loaded: bool
) -> None:
    for one in bad[:SHOWN_BAD_LINES]:
        show.say(f"line {one.line}: {one.reason}", "yellow")
    if len(bad) > SHOWN_BAD_LINES:
        show.say(f"and {len(bad) - SHOWN_BAD_LINES} more bad lines", "yellow")
    if is_loaded:
        left = f" {len(bad)} bad lines were left out." if bad else ""
        show.say(f"Loaded {counts['new']} results; {counts['known']} were known already.{left}")
    else:
        show.say(f"{len(good)} good lines, {len(bad)} bad ones. Nothing was loaded.")
