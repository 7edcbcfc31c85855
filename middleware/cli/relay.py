"""`labwire relay compare`: what a relaying line heard, beside what the LIS filed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.conventions import Status
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.cli.site import Site, open_site
from middleware.model import ReleaseState
from middleware.pipeline.compare import Compared, Filed, Likeness, compare, read_extract
from middleware.store import results
from middleware.store.connection import Connection
from middleware.store.results import ResultFilter

app = typer.Typer(help="Lines that relay between an analyzer and its host.", no_args_is_help=True)

_PAGE = 1000
# What the line heard and may be at the LIS; repetitions, controls and what review rejected are not.
_HEARD = (ReleaseState.SHADOW, ReleaseState.RELEASED, ReleaseState.HELD)
_COLUMNS = (
    ("sample", "sample_id"),
    ("test", "test_code"),
    ("is", "likeness"),
    ("in", "differs_in"),
    ("heard here", "ours"),
    ("filed at the LIS", "theirs"),
)


@app.command("compare")
def compare_with_extract(
    line: Annotated[str, typer.Argument(metavar="LINE", help="Id of the line.")],
    extract: Annotated[
        Path, typer.Option(help="CSV of the LIS: sample_id,test_code,value[,unit,flag].")
    ],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    since: Annotated[
        str, typer.Option(help="Only what was received since then, as 2031-03-04.")
    ] = "",
    codes: Annotated[
        Path | None, typer.Option(help="CSV lis_code,test_code when the LIS has codes of its own.")
    ] = None,
) -> None:
    """Compare, test by test. Exit status 1 when a value differs or the LIS has one that was not heard here."""
    site = open_site(config)
    filed = read_extract(_text(extract), _codes(codes))
    begin = _moment(since, site)
    as_sent = codes is not None  # else as the line's own table of codes makes them
    heard = site.read(lambda conn: list(_heard(conn, line, begin, as_sent)))
    found = list(compare(heard, filed))
    counts = Counter(one.likeness for one in found)
    if as_json:
        show.document("comparison", [_item(one) for one in found], counts=dict(counts))
    else:
        others = [_row(one) for one in found if one.likeness is not Likeness.SAME]
        if others:
            show.table(_COLUMNS, others)
        told = ", ".join(f"{counts[one]} {one.value.replace('_', ' ')}" for one in Likeness)
        show.say(
            f"{len(found)} tests on {len({one.sample_id for one in found})} specimens: {told}."
        )
    if counts[Likeness.DIFFERENT] or counts[Likeness.ONLY_AT_LIS]:
        raise typer.Exit(Status.WRONG)


def _heard(conn: Connection, line: str, begin: float, as_sent: bool) -> Iterator[Filed]:
    """What the line heard, oldest first, so that the last run is the last."""
    rows: list[dict[str, Any]] = []
    before: int | None = None
    while page := results.listing(conn, ResultFilter(line=line, before_id=before, limit=_PAGE)):
        rows += [row for row in page if row["received_at"] >= begin]
        before = page[-1]["id"]
        if page[-1]["received_at"] < begin:
            break
    for row in reversed(rows):
        if row["release_state"] in _HEARD:
            flag = row["abnormal_flags_raw"] or ""
            code = row["test_code"] if as_sent else row["lis_code"] or row["test_code"]
            unit = row["unit"] if as_sent else row["reported_unit"] or row["unit"]
            yield Filed(row["sample_id"], code, _value(row, as_sent), unit, flag)


def _value(row: dict[str, Any], as_sent: bool) -> str:
    if row["value_number"] is not None and row["value_kind"] == "number":
        converted = None if as_sent else row["reported_value"]
        return f"{row['comparator'] or ''}{converted or row['value_number']}"
    return str(row["value_text"] or row["value_raw"]).strip()


def _codes(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    rows = [line.split(",") for line in _text(path).splitlines()[1:] if line.strip()]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error


def _moment(text: str, site: Site) -> float:
    if not text:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2031-03-04") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=site.zone)).timestamp()


def _item(one: Compared) -> dict[str, Any]:
    return {
        "sample_id": one.sample_id,
        "test_code": one.test_code,
        "likeness": one.likeness.value,
        "differs_in": one.differs_in,
        "ours": list(one.ours),
        "theirs": list(one.theirs),
    }


def _row(one: Compared) -> dict[str, Any]:
    joined = {"ours": " · ".join(one.ours), "theirs": " · ".join(one.theirs)}
    return {**_item(one), "likeness": one.likeness.value.replace("_", " "), **joined}
