"""`labwire drivers new` and `labwire drivers check`: from a recording to a driver, and what it still lacks."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.conventions import Status
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.draft import Confidence, Draft, make_draft, read_recording
from middleware.draft.files import files_of
from middleware.driver.catalogue import Catalogue
from middleware.driver.conformance import Report, Weight, accept_cases, check_folder, folders_in
from middleware.driver.profile import read_profile
from middleware.settings.installed import SITE_DRIVERS, installed_for

app = typer.Typer()

_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_COLOURS = {Weight.WRONG: "red", Weight.MISSING: "yellow", Weight.GOOD: "green"}


@app.command("new")
def new_driver(
    driver_id: Annotated[
        str, typer.Argument(metavar="NAME", help="Id of the driver: vendor_model.")
    ],
    source: Annotated[
        Path, typer.Option("--from", help="A recording: bytes, a capture, a text log, a file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help=f"Where its folder goes; else {SITE_DRIVERS} beside the settings."
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Maker and model, for people.")] = "",
    keep_people: Annotated[
        bool, typer.Option("--keep-people", help="Leave names, ids and dates in the first case.")
    ] = False,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Draft a driver from a recording: every guess says how sure it is. Then run `labwire drivers check`."""
    if not _ID.fullmatch(driver_id):
        raise typer.BadParameter(
            f"{driver_id!r}: write it as vendor_model, in small letters and digits"
        )
    folder = (out or config.parent / SITE_DRIVERS) / driver_id
    if folder.exists():
        raise typer.BadParameter(f"{folder} is there already")
    catalogue = installed_for(config).catalogue
    draft = make_draft(
        read_recording(_bytes(source)), driver_id, title or _title(driver_id), catalogue.make
    )
    driver = catalogue.make(read_profile(draft.profile, driver_id))
    files = files_of(draft, driver, None if keep_people else secrets.token_bytes(32))
    _write(folder, files)
    if as_json:
        _tell_json(draft, folder)
    else:
        _tell(draft, folder, files)


@app.command("check")
def check_drivers(
    place: Annotated[
        str, typer.Argument(metavar="DIR|ID", help="A driver's folder, a folder of them, or an id.")
    ],
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="First write what the cases read now as expected. Read it before you do.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Say what a driver proves, and what is still missing. Exit status 1 when something is."""
    catalogue = installed_for(config).catalogue
    folders = _folders(place, catalogue)
    for folder in folders if accept else ():
        for written in accept_cases(folder, catalogue):
            show.say(f"written: {written}")
    reports = [check_folder(folder, catalogue) for folder in folders]
    if as_json:
        show.document("driver_checks", [_item(report) for report in reports])
    else:
        for report in reports:
            _tell_report(report)
    if not all(report.is_good for report in reports):
        raise typer.Exit(Status.WRONG)


def _folders(place: str, catalogue: Catalogue) -> list[Path]:
    path = Path(place)
    if path.is_dir():
        found = folders_in(path)
        if not found:
            raise typer.BadParameter(f"no driver.toml in {place} or below")
        return found
    folder = catalogue.driver(place).profile.folder
    if folder is None:
        raise typer.BadParameter(
            f"driver {place} has no folder of its own; give the folder of its package"
        )
    return [folder]


def _write(folder: Path, files: dict[str, str]) -> None:
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error


def _title(driver_id: str) -> str:
    return " ".join(word.capitalize() for word in driver_id.split("_"))


def _guesses(draft: Draft) -> list[dict[str, object]]:
    return [
        {"key": one.key, "value": one.value, "confidence": str(one.confidence), "why": one.why}
        for one in draft.findings.guesses.values()
    ]


def _tell_json(draft: Draft, folder: Path) -> None:
    more = {"folder": str(folder), "protocol": str(draft.kind), "missing": draft.findings.missing}
    show.document("draft", _guesses(draft), **more)


def _tell(draft: Draft, folder: Path, files: dict[str, str]) -> None:
    results = sum(len(envelope.results) for envelope in draft.played.envelopes)
    show.say(
        f"Protocol {draft.kind}: {len(draft.played.envelopes)} messages with {results} results are read by the draft."
    )
    columns = (("key", "key"), ("read from", "value"), ("how sure", "confidence"), ("why", "why"))
    show.table(columns, [{**one, "value": str(one["value"])} for one in _guesses(draft)])
    for sentence in draft.findings.missing:
        show.tell_warning(sentence)
    count = sum(one.confidence is Confidence.GUESS for one in draft.findings.guesses.values())
    show.say(f"Written to {folder}: {', '.join(sorted(files))}")
    show.say(f"{count} guesses wait for you. Next: labwire drivers check {folder}")


def _tell_report(report: Report) -> None:
    show.say(f"{report.driver_id or report.folder} (earns the tier {report.earned})")
    for one in report.shown:
        show.say(f"  {one.weight:8} {one.what}", _COLOURS.get(one.weight, ""))
    show.say(
        "  Nothing is missing."
        if report.is_good
        else "  Not ready: see what is wrong or missing above."
    )


def _item(report: Report) -> dict[str, object]:
    return {
        "driver": report.driver_id,
        "folder": str(report.folder),
        "good": report.is_good,
        "earned": str(report.earned),
        "shown": [{"weight": str(one.weight), "what": one.what} for one in report.shown],
    }
