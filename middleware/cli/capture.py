"""`labwire capture start|stop|list|anonymise`: the bytes of a line in files, for those who must see what passed."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from middleware.anonymise.capture import anonymise
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
from middleware.monitor.control_client import NoNodeRuns, call
from middleware.transport.capture import FOLDER, SUFFIX

app = typer.Typer(
    help="Write what passes over a line into files. They hold patient data.", no_args_is_help=True
)

LineArgument = Annotated[str, typer.Argument(metavar="LINE", help="Id of the line.")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_COLUMNS = (
    ("line", "line"),
    ("file", "file"),
    ("size", "bytes"),
    ("last written", "written"),
    ("running until", "until"),
)


@app.command("start")
def start(
    line: LineArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    how_long: Annotated[str, typer.Option("--for", help="How long, as 30m, 2h or 1d.")] = "1h",
    max_mb: Annotated[int, typer.Option(min=1, max=1024, help="Size of all files, in MB.")] = 50,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Begin to capture a line. It ends by itself; the files are deleted after `capture_keep_days`."""
    site = open_site(config)
    arguments = {
        "line": line,
        "seconds": _seconds(how_long),
        "bytes": max_mb * 1024 * 1024,
        "reason": reason,
    }
    told = _ask(site, "capture.start", arguments, author_or_login(author))
    if as_json:
        show.document("capture", [_row(told, site)])
        return
    until = show.moment(told["until"], site.zone)
    show.say(f"Line {line} is captured until {until} into {told['file']}")
    show.tell_warning("The files hold patient data: delete them when they have served.")


@app.command("stop")
def stop(
    line: LineArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """End the capture of a line."""
    site = open_site(config)
    told = _ask(site, "capture.stop", {"line": line}, author_or_login(author))
    if as_json:
        show.document("capture", [_row(told, site)])
    else:
        show.say(f"The capture of line {line} has ended: {told['file']}")


@app.command("list")
def list_captures(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """List the captures that are there, and those that run."""
    site = open_site(config)
    try:
        running = _ask(site, "capture.list", {}, "labwire")["running"]
    except NoNodeRuns:
        running = []
    until = {one["file"]: one["until"] for one in running}
    rows = []
    for path in sorted((site.node.data_dir / FOLDER).glob(f"*/*{SUFFIX}")):
        seen = path.stat()
        told = {
            "line": path.parent.name,
            "file": str(path),
            "bytes": seen.st_size,
            "written_at": seen.st_mtime,
            "until": until.get(str(path)),
        }
        rows.append(_row(told, site))
    if as_json:
        show.document("captures", rows)
    elif rows:
        show.table(_COLUMNS, rows)
    else:
        show.say("There are no captures.")


@app.command("anonymise")
def anonymise_file(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A capture.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where the new one goes.")],
    key: Annotated[
        Path | None,
        typer.Option(help="File whose bytes are the key: the same key, the same replacements."),
    ] = None,
    keep_comments: Annotated[
        bool, typer.Option("--keep-comments", help="Keep free text; read it before you do.")
    ] = False,
) -> None:
    """Replace names, identifiers and dates in a capture; checksums are mended, times stay."""
    if target.exists():
        raise typer.BadParameter(f"{target} is there already")
    secret = key.read_bytes() if key is not None else secrets.token_bytes(32)
    done = anonymise(read_text(source), secret, keep_comments=keep_comments)
    target.write_text(done.text, encoding="utf-8")
    for what, count in sorted(done.counts.items()):
        show.say(f"{count:6} {what}")
    show.say(f"Written to {target}. Look at it before you give it away.")


def _ask(site: Site, verb: str, arguments: dict[str, Any], author: str) -> Any:
    return call(site.node.data_dir, verb, arguments, author)


def _row(told: dict[str, Any], site: Site) -> dict[str, Any]:
    written, until = told.get("written_at"), told.get("until")
    return {
        "line": told["line"],
        "file": told["file"],
        "bytes": told["bytes"],
        "written": show.moment(written, site.zone) if written is not None else "",
        "until": show.moment(until, site.zone) if until is not None else "",
    }


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time; write it as 30m, 2h or 1d")
    return float(int(found[1]) * _UNITS[found[2]])


def read_text(path: Path) -> list[str]:
    """The lines of a capture file, with their ends. Raises typer.BadParameter in words."""
    try:
        return path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error
