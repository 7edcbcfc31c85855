"""`labwire rules`: the laboratory's rules checked, shown, tried, reported on, and brought into force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from middleware import __version__
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
from middleware.cli.rules_replay import replay
from middleware.cli.rules_signing import Signed, signed
from middleware.cli.rules_site import RuleSite, Tried, good_rules, rules_of, tried
from middleware.cli.rules_verify import verify
from middleware.cli.rules_yield import rule_yield, shadow
from middleware.cli.site import Site, open_site
from middleware.clock import SystemClock
from middleware.errors import SettingsError
from middleware.rules.effective import effective
from middleware.rules.problems import RuleProblem, Weight
from middleware.rules.report import About, Report, as_json, hash_of
from middleware.rules.report_html import html_of
from middleware.rules.scope import Population, Sex, days_of
from middleware.store import rule_reports

app = typer.Typer(no_args_is_help=True, help="Rules: when a result may go without a person.")
app.command("replay")(replay)
app.command("yield")(rule_yield)
app.command("shadow")(shadow)
app.command("verify")(verify)
_SHOWN = 20
FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="A file of rules; none: that of the settings."),
]


@app.command("check")
def check(
    file: FileArgument = None, config: ConfigOption = DEFAULT_SETTINGS, as_json_: JsonOption = False
) -> None:
    """Everything that is wrong or suspicious in the rules, with file, line and cure."""
    site = rules_of(config, file)
    problems = site.read.problems
    if as_json_:
        show.document("rule_problems", [_problem(one) for one in problems])
    else:
        for one in problems:
            show.say(f"{one.weight.value}: {one}")
        rule_set = site.rule_set
        counts = (len(rule_set.rules), len(rule_set.tests))
        show.say(f"Rules: {counts[0]}; tests that they name: {counts[1]}.")
    if not site.read.is_good:
        raise typer.Exit(Status.WRONG)


@app.command("show")
def show_rule(
    test: Annotated[str, typer.Argument(help="The LIS's code of a test.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json_: JsonOption = False,
    line: Annotated[str, typer.Option(help="Measured on this line.")] = "",
    age: Annotated[str, typer.Option(help='Age at collection, as "3d", "6 wk" or "40 a".')] = "",
    sex: Annotated[str, typer.Option(help="female, male or other; or f, m, o.")] = "",
    location: Annotated[str | None, typer.Option(help="Where the patient is.")] = None,
    specimen: Annotated[
        str | None, typer.Option(help="Specimen type, as the LIS writes it.")
    ] = None,
) -> None:
    """What counts for a test and a patient: each setting with the file and line that it comes from."""
    rules = good_rules(rules_of(config))
    who = Population(line, _age(age), _sex(sex), location, specimen)
    rows = [
        {
            "criterion": one.criterion.value,
            "rule": one.rule,
            "setting": setting.key if setting is not None else "",
            "value": _state(one.is_off, one.lacking) if setting is None else setting.value,
            "place": setting.place if setting is not None else one.place,
            "instead_of": ", ".join(one.overridden),
        }
        for one in effective(rules.rule_set, test, who)
        for setting in (one.settings if one.settings and not one.lacking else (None,))
    ]
    if as_json_:
        show.document("rule_settings", rows)
    elif rows:
        show.table(
            [
                (name, name)
                for name in ("criterion", "setting", "value", "rule", "place", "instead_of")
            ],
            rows,
        )
    else:
        show.say(f"No rule counts for {test} here: every result waits for a person.")


@app.command("test")
def test(
    file: FileArgument = None, config: ConfigOption = DEFAULT_SETTINGS, as_json_: JsonOption = False
) -> None:
    """Try the rules: generated cases on both sides of every limit, the laboratory's own, and changed rules."""
    site = rules_of(config, file)
    found = tried(site)
    report = found.report(site.rule_set, _about(site, (), ""))
    if as_json_:
        show.json_document({"labwire": 1, "kind": "rule_test", **_totals(report, found)})
    else:
        _say(report, found)
    if not report.is_passed:
        raise typer.Exit(Status.WRONG)


@app.command("report")
def report(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json_: JsonOption = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE.html", help="Where to write it.")
    ] = None,
    all_cases: Annotated[bool, typer.Option("--all-cases", help="With every case.")] = False,
    author: AuthorOption = None,
) -> None:
    """Try the rules and write the report: signed, linked to the one before, and kept in the store."""
    rule_site, site = rules_of(config), open_site(config)
    found = tried(rule_site, keep_rows=all_cases)
    document = _document(rule_site, site, found)
    seal = signed(hash_of(document), rule_site.table.signing_key)
    file = (out or _place(site, document)).absolute()
    _write(file, document, seal)
    arguments = {
        "digest": document.digest,
        "name": document.name,
        "version": document.version,
        "is_passed": document.is_passed,
        "hash": seal.hash,
        "previous": document.about.previous,
        "signature": seal.signature,
        "public_key": seal.public_key,
        "file": str(file),
    }
    site.change("rules.report", arguments, author_or_login(author))
    if as_json_:
        show.json_document(
            {"labwire": 1, "kind": "rule_report", **arguments, **_totals(document, found)}
        )
    else:
        _say(document, found)
        show.say(f"Written: {file} (hash {seal.hash[:16]}).")
        if not seal.signature:
            show.tell_warning("It is not signed: write [rules] signing_key to sign reports.")
    if not document.is_passed:
        raise typer.Exit(Status.WRONG)


@app.command("approve")
def approve(
    config: ConfigOption = DEFAULT_SETTINGS, reason: ReasonOption = "", author: AuthorOption = None
) -> None:
    """Approve the newest passed report on the rules of the settings. Needs --reason."""
    rule_site, site = rules_of(config), open_site(config)
    arguments = {"digest": rule_site.rule_set.digest, "reason": reason}
    answer = site.change("rules.approve", arguments, author_or_login(author))
    show.say(f"Approved: the report {answer['approved'][:16]}. The next report names it.")


@app.command("override")
def override(
    config: ConfigOption = DEFAULT_SETTINGS, reason: ReasonOption = "", author: AuthorOption = None
) -> None:
    """Let the rules of the settings come into force without a passed report. Audited; needs --reason."""
    rule_site, site = rules_of(config), open_site(config)
    rule_set = good_rules(rule_site).rule_set
    arguments = {
        "digest": rule_set.digest,
        "name": rule_set.name,
        "version": rule_set.version,
        "reason": reason,
    }
    site.change("rules.override", arguments, author_or_login(author))
    show.tell_warning(
        "These rules may come into force now, though nobody has proved that they do what is written. "
        "`labwire status` warns of it until they have a passed report."
    )


# -- words -----------------------------------------------------------------------------------------


def _problem(one: RuleProblem) -> dict[str, Any]:
    return {
        "weight": one.weight.value,
        "code": one.code.value,
        "place": one.place,
        "message": one.message,
        "cure": one.cure,
        "rule": one.rule,
        "test": one.test,
    }


def _state(is_off: bool, lacking: str) -> str:
    if lacking:
        return f"held: the {lacking} is not known"
    return "off" if is_off else "in force"


def _age(text: str) -> int | None:
    if not text:
        return None
    try:
        return days_of(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no age", what_to_do=str(error)) from error


def _sex(text: str) -> Sex | None:
    named = {one.value[0]: one for one in Sex} | {one.value: one for one in Sex}
    if text and text.lower() not in named:
        raise SettingsError(f"{text!r} is no sex", what_to_do="Write female, male or other.")
    return named.get(text.lower())


def _about(site: RuleSite, approvals: tuple[str, ...], previous: str) -> About:
    node = site.parts.node
    made_at = SystemClock().utc_now().strftime("%Y-%m-%d %H:%M:%S UTC")
    name = node.name if node is not None else ""
    return About(name, made_at, f"labwire {__version__}", approvals, previous)


def _document(rule_site: RuleSite, site: Site, found: Tried) -> Report:
    """The report, with who approved the ones before, and the hash of the newest."""
    said = site.read(lambda conn: rule_reports.of_rules(conn, rule_site.rule_set.digest))
    approvals = tuple(_approval(row, site) for row in said if row["kind"] == "approval")
    previous = site.read(rule_reports.head)
    return found.report(rule_site.rule_set, _about(rule_site, approvals, previous))


def _approval(row: dict[str, Any], site: Site) -> str:
    return f"{row['author']}, {show.moment(row['at'], site.zone)}: {row['reason']}"


def _place(site: Site, document: Report) -> Path:
    moment = document.about.made_at.replace(" ", "-").replace(":", "").removesuffix("-UTC")
    return site.node.data_dir / "rule-reports" / f"{moment}-{document.digest[:12]}.html"


def _write(file: Path, document: Report, seal: Signed) -> None:
    """The document for people, the same for machines (what the hash is of), and hash with signature."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(html_of(document), encoding="utf-8")
        file.with_suffix(".json").write_text(as_json(document), encoding="utf-8")
        file.with_suffix(".sig").write_text(seal.text(), encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror}",
            what_to_do="Name another place with --out.",
        ) from error


def _totals(document: Report, found: Tried) -> dict[str, Any]:
    return {
        "is_passed": document.is_passed,
        "digest": document.digest,
        "generated": document.generated,
        "failed": [one.name for one in document.failures],
        "own": len(found.own),
        "own_failed": [one.name for one in found.own if not one.is_good],
        "pipeline": len(found.walked),
        "pipeline_failed": [one.name for one in found.walked if not one.is_good],
        "unreached": list(document.unreached),
        "mutants": document.mutants,
        "noticed_percent": document.noticed_percent,
        "survivors": list(document.survivors),
        "errors": [str(one) for one in found.problems if one.weight is Weight.ERROR],
    }


def _say(document: Report, found: Tried) -> None:
    for title, rows in (
        ("Generated cases that came out otherwise", document.failures),
        ("Own cases that came out otherwise", [one for one in found.own if not one.is_good]),
        (
            "Cases that the pipeline judged otherwise",
            [one for one in found.walked if not one.is_good],
        ),
    ):
        if rows:
            show.say(f"{title}:", "red")
        for one in rows[:_SHOWN]:
            show.say(f"  {one.name}\n    expected {one.expected}\n    got      {one.got}")
    for name in document.unreached[:_SHOWN]:
        show.say(f"Counts for nobody: {name}", "red")
    for problem in found.problems:
        if problem.weight is Weight.ERROR:
            show.say(f"error: {problem}", "red")
    for name in document.survivors[:_SHOWN]:
        show.say(f"No case notices: {name}")
    show.say(
        f"{document.generated} generated cases, {len(document.failures)} otherwise than written; "
        f"{len(found.walked)} of them through the pipeline; {len(found.own)} own cases."
    )
    show.say(f"{document.mutants} changed rules, {document.noticed_percent} % noticed.")
    show.say(
        "Passed." if document.is_passed else "NOT passed.", "green" if document.is_passed else "red"
    )
