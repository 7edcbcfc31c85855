"""`labwire codes list|check|import|unmapped|release`: the tables of test codes, and the results that wait for a row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    LineOption,
    ReasonOption,
    Status,
    author_or_login,
)
from middleware.cli.site import Site, open_site
from middleware.errors import SettingsError
from middleware.routing.code_row import CodeRow, CodeTable
from middleware.routing.code_units import in_words
from middleware.routing.codes import CHECK, LineCodes
from middleware.routing.livd import NotLivd, read_livd
from middleware.routing.livd_proposals import Proposal, ProposalKind, as_csv, proposals
from middleware.settings.code_files import TableNotRead, read_code_tables, read_text
from middleware.settings.parts import read_parts
from middleware.settings.problems import Problem, errors_in
from middleware.store import codes, results
from middleware.store.connection import Connection

app = typer.Typer(help="Tables of test codes: analyzer, LIS and LOINC.", no_args_is_help=True)

LARGEST_CATALOGUE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the settings say of codes: by line, by file, and what is wrong."""

    by_line: Mapping[str, LineCodes]
    files: Mapping[str, Path]
    problems: Sequence[Problem]


def _tables(site: Site) -> _Tables:
    parts = read_parts(site.loaded, {})
    problems = read_code_tables(parts)
    shared = parts.codes.table if parts.codes is not None else None
    files = {line.id: line.codes or shared for _, line in parts.lines}
    return _Tables(parts.line_codes, {line: file for line, file in files.items() if file}, problems)


def _tables_of(found: _Tables, line: str | None) -> dict[str, CodeTable]:
    """The tables of a line, or of every line, by file."""
    if line is not None and line not in found.by_line:
        raise SettingsError(
            f'the line "{line}" has no table of codes',
            what_to_do='Name one: codes = "codes/<name>.csv" in its [[line]], or table in [codes].',
        )
    wanted = found.by_line if line is None else {line: found.by_line[line]}
    return {str(found.files[name]): one.table for name, one in wanted.items()}


_ROW_COLUMNS = (
    ("row", "number"),
    ("test", "test_code"),
    ("detail", "test_detail"),
    ("of line", "line"),
    ("driver", "driver"),
    ("analyzer", "analyzer"),
    ("module", "module"),
    ("specimen", "specimen_type"),
    ("unit", "unit"),
    ("from", "valid_from"),
    ("until", "valid_until"),
    ("fate", "fate"),
    ("LIS code", "lis_code"),
    ("name", "lis_name"),
    ("LOINC", "loinc"),
    ("LIS unit", "lis_unit"),
    ("factor", "factor"),
    ("decimals", "decimals"),
    ("approved by", "approved_by"),
)


@app.command("list")
def list_rows(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    line: LineOption = None,
    test: Annotated[str | None, typer.Option(help="Of this test code only.")] = None,
) -> None:
    """Show the rows of the tables, with the factors that were derived from UCUM."""
    found = _tables_of(_tables(open_site(config)), line)
    items = [
        {"table": name} | _shown(row)
        for name, table in found.items()
        for row in table.rows
        if test is None or row.test_code == test
    ]
    if as_json:
        show.document("codes", items)
    elif not items:
        show.say("No rows. A table is named by codes in a [[line]], or by table in [codes].")
    for name in found if items and not as_json else ():
        show.table(_ROW_COLUMNS, [one for one in items if one["table"] == name], title=name)


def _shown(row: CodeRow) -> dict[str, Any]:
    item = {one.name: getattr(row, one.name) for one in fields(row)}
    factor: Fraction = row.factor
    days = {name: day.isoformat() if (day := item[name]) else "" for name in _DAYS}
    return item | days | {"factor": "" if factor == 1 else in_words(factor)}


_DAYS = ("valid_from", "valid_until")


@app.command("check")
def check(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Look for mistakes in the tables: targets, days, units, factors against UCUM, LOINC check digits."""
    found = _tables(open_site(config))
    errors = errors_in(found.problems)
    if as_json:
        items = [
            {one.name: getattr(problem, one.name) for one in fields(problem)}
            for problem in found.problems
        ]
        show.document("problems", items)
    else:
        for problem in found.problems:
            show.say(f"{problem.weight.value}: {problem}")
        tables = {str(found.files[line]): one.table for line, one in found.by_line.items()}
        for name, table in tables.items():
            lines = [line for line, file in found.files.items() if str(file) == name]
            show.say(f"{name}: {len(table.rows)} rows, for {', '.join(lines)}.")
        if not tables and not errors:
            show.say(
                "No line has a table of codes: codes go to the LIS as the analyzers send them."
            )
    if errors:
        raise typer.Exit(Status.WRONG)


@app.command("import")
def import_catalogue(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="LIVD catalogue: CSV or FHIR JSON.")],
    line: Annotated[str, typer.Option("--line", help="For the table of this line.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the proposals here.")
    ] = None,
) -> None:
    """Set a vendor's LIVD catalogue against the table and write proposals; the table itself is never changed."""
    tables = _tables(open_site(config))
    table = tables.by_line[line].table if line in tables.by_line else None
    try:
        catalogue = read_livd(read_text(file, LARGEST_CATALOGUE_BYTES))
    except (NotLivd, TableNotRead) as error:
        raise SettingsError(
            f"{file} is no LIVD catalogue: {error}",
            what_to_do="Ask the vendor for its LIVD file, as CSV or as FHIR JSON.",
        ) from error
    found = proposals(catalogue, table)
    beside = tables.files.get(line, Path(config).absolute().parent / f"{line}.csv")
    target = out or beside.with_name(f"{beside.stem}.proposed.csv")
    _write_new(target, as_csv(found))
    if as_json:
        show.document("proposals", [_proposed(one) for one in found], file=str(target))
        return
    _tell(found, target)


def _write_new(target: Path, text: str) -> None:
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SettingsError(
            f"{target} is there already",
            what_to_do="Somebody may be working on it: move it away, or name another file with --out.",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{target} cannot be written: {error.strerror}", what_to_do="Name another with --out."
        ) from error


def _proposed(one: Proposal) -> dict[str, Any]:
    return {
        "proposal": one.kind.value,
        "test_code": one.row.code,
        "name": one.row.name,
        "loinc": one.row.loinc,
        "loinc_name": one.row.loinc_name,
        "table_row": one.mine.number if one.mine else None,
        "table_loinc": one.mine.loinc if one.mine else "",
        "note": one.note,
    }


_PROPOSAL_COLUMNS = (
    ("", "proposal"),
    ("test", "test_code"),
    ("name", "name"),
    ("LOINC", "loinc"),
    ("LOINC name", "loinc_name"),
    ("note", "note"),
)


def _tell(found: Sequence[Proposal], target: Path) -> None:
    shown = [_proposed(one) for one in found if one.kind is not ProposalKind.SAME]
    if shown:
        show.table(_PROPOSAL_COLUMNS, shown)
    counts = Counter(one.kind.value for one in found)
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    show.say(f"{said}. Written to {target}; copy into the table what the laboratory approves.")
    for one in found:
        if one.row.doubt:
            show.tell_warning(f"{one.row.code}: {one.row.doubt}")


_UNMAPPED_COLUMNS = (
    ("line", "line"),
    ("test", "test_code"),
    ("name", "test_name"),
    ("detail", "test_detail"),
    ("analyzer", "analyzer"),
    ("module", "module"),
    ("specimen", "specimen_type"),
    ("unit", "unit"),
    ("results", "count"),
    ("first", "first"),
    ("last", "last"),
    ("why", "why"),
)


@app.command("unmapped")
def unmapped(
    config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False, line: LineOption = None
) -> None:
    """Show each code that no row of a table fits, once, with the number of results that wait for it."""
    site = open_site(config)
    tables = _tables(site).by_line

    def read(conn: Connection) -> list[dict[str, Any]]:
        found = codes.unmapped(conn, line)
        return [one | {"why": _why(one, tables, conn)} for one in found]

    items = site.read(read)
    if as_json:
        show.document("unmapped", [show.for_json(one) for one in items])
        return
    if not items:
        show.say("No result waits for a code.")
        return
    zone = site.zone
    for one in items:
        one["first"], one["last"] = (show.moment(one[at], zone) for at in ("first_at", "last_at"))
    show.table(_UNMAPPED_COLUMNS, items)


def _why(one: Mapping[str, Any], tables: Mapping[str, LineCodes], conn: Connection) -> str:
    """Why the newest of the results still waits, as the table on disk is now."""
    row = results.get(conn, one["newest"])
    codes_of_line = tables.get(one["line"])
    if row is not None and codes_of_line is not None:
        finding = codes_of_line.translate(row).finding
        if finding is None:
            return "has a row now: start the node anew, then `labwire codes release`"
        return finding.text
    stored = json.loads(one["findings"] or "[]")
    return " ".join(str(said["text"]) for said in stored if said["check"] == CHECK)


@app.command("release")
def release(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    line: LineOption = None,
    reason: ReasonOption = "",
    author: AuthorOption = None,
) -> None:
    """Decide anew over the results that waited for a row and have one now; the analyzer sends nothing again."""
    site, who = open_site(config), author_or_login(author)
    whole: dict[str, Any] = {"released": [], "held": [], "kept": [], "messages": [], "left": 0}
    after = 0
    while True:
        arguments = {"line": line or "", "after": after, "reason": reason}
        answer = site.change("codes.release", arguments, who)
        whole = {key: whole[key] + answer[key] for key in whole}
        after = answer["next"]
        if not after:
            break
    if as_json:
        show.document("released", [{"id": one} for one in whole.pop("released")], **whole)
        return
    show.say(
        f"Released: {len(whole['released'])}, in {len(whole['messages'])} messages to the LIS."
    )
    for key, words in (("held", "held for other reasons"), ("kept", "kept here by the table")):
        if whole[key]:
            show.say(f"{len(whole[key])} {words}: {', '.join(map(str, whole[key]))}.")
    if whole["left"]:
        show.say(f"{whole['left']} still wait for a row: see `labwire codes unmapped`.")
