"""`labwire qc list|show|chart|export|overdue|lookback`: how quality control stands. Changes: `qc_changes.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import typer

from middleware.cli import qc_changes, qc_patients, show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption, LimitOption
from middleware.cli.site import Site, open_site
from middleware.clock import SystemClock
from middleware.errors import SettingsError
from middleware.pipeline.quality_view import Standing, standing
from middleware.qc.chart import Chart, ChartEvent, ChartPoint, EventKind, levey_jennings
from middleware.qc.codes import GateStatus, PointVerdict, TargetKind
from middleware.qc.statistics import PeerRow, peer_csv, summary
from middleware.qc.targets import Target
from middleware.review.quality import SiteQc
from middleware.store import qc as stored
from middleware.store import qc_lists
from middleware.store.qc_lists import ActionKind

app = typer.Typer(help="Quality control that gates release.", no_args_is_help=True)
app.add_typer(qc_changes.app)
app.add_typer(qc_patients.app, name="patients")

GateArgument = Annotated[int, typer.Argument(metavar="GATE", min=1, help="Number of a gate.")]
LevelOption = Annotated[str, typer.Option(help="Of this level only.")]
LotOption = Annotated[str, typer.Option(help="Of this lot only.")]

POINTS_MOST = 100_000
_GATES = (
    ("gate", "gate"),
    ("line", "line"),
    ("analyzer", "analyzer"),
    ("module", "module"),
    ("test", "test"),
    ("mode", "mode"),
    ("status", "status"),
    ("broken", "rules"),
    ("due", "due"),
    ("results since", "results_since"),
)
_POINTS = (
    ("value no.", "id"),
    ("when", "when"),
    ("lot", "lot"),
    ("level", "level"),
    ("run", "run"),
    ("value", "value"),
    ("unit", "unit"),
    ("mean", "mean"),
    ("sd", "sd"),
    ("z", "z"),
    ("verdict", "verdict"),
    ("why", "why"),
    ("left out", "excluded_because"),
)
_UNKNOWN = (
    ("when", "when"),
    ("line", "line"),
    ("module", "module"),
    ("test", "test_code"),
    ("lot", "lot"),
    ("level", "level"),
    ("value", "value"),
    ("why", "why"),
)
_LOOK_BACK = (
    ("result", "result_id"),
    ("sample", "sample_id"),
    ("line", "line"),
    ("module", "module"),
    ("test", "test_code"),
    ("value", "value_raw"),
    ("state", "release_state"),
    ("gate", "gate_id"),
    ("listed", "when"),
    ("seen by", "ended_by"),
    ("why", "ended_reason"),
)
_EVENTS = {
    ActionKind.CLEAR.value: EventKind.CLEARING,
    ActionKind.CHANGE.value: EventKind.MAINTENANCE,
}


@app.command("list")
def list_gates(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Control values that no [[control]] is for instead.")
    ] = False,
    limit: LimitOption = 50,
) -> None:
    """List every gate and how it stands now."""
    site = open_site(config)
    if unknown:
        rows = [_with_words(one, site) for one in site.read(lambda c: qc_lists.unknown(c, limit))]
        _print("unknown_controls", (_UNKNOWN, rows), as_json, "Every control value is declared.")
        return
    _print_gates(_standing(site), site, as_json, "No test is gated: [qc] names no control.")


@app.command("overdue")
def overdue(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """List gates whose run is overdue."""
    site = open_site(config)
    late = [one for one in _standing(site) if one.status is GateStatus.OVERDUE]
    _print_gates(late, site, as_json, "No run is overdue.")


@app.command("show")
def show_gate(
    gate: GateArgument,
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    level: LevelOption = "",
    limit: LimitOption = 20,
) -> None:
    """Show the newest control values of a gate and what people did."""
    site = open_site(config)
    points = site.read(lambda conn: stored.points(conn, gate, level=level, limit=limit))
    actions = site.read(lambda conn: qc_lists.actions(conn, gate, limit))
    if as_json:
        rows = [_with_words(one, site) for one in points]
        more = {"actions": [show.for_json(one) for one in actions]}
        show.document("control_values", [show.for_json(row) for row in rows], **more)
        return
    said = [one for one in _standing(site) if one.id == gate]
    for one in said:
        show.say(f"{one.place.line} {one.place.test}: {one.status.value} ({one.mode.value}).")
    rows = [_with_words(one, site) for one in points]
    _print("control_values", (_POINTS, rows), as_json, f"Gate {gate} has no control value.")
    for action in actions:
        when = show.moment(action["at"], site.zone)
        cause = f"{action['cause']}: " if action["cause"] else ""
        show.say(f"{when} {action['author']} ({action['kind']}): {cause}{action['action']}")


@app.command("chart")
def chart(
    gate: GateArgument,
    level: Annotated[str, typer.Option(help="Which level.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    lot: LotOption = "",
    limit: LimitOption = 200,
) -> None:
    """Levey-Jennings data of one level: points with z and broken rules, segments, events."""
    site = open_site(config)
    points = site.read(lambda conn: stored.points(conn, gate, level=level, lot=lot, limit=limit))
    actions = site.read(lambda conn: qc_lists.actions(conn, gate))
    made = levey_jennings(
        [_chart_point(one) for one in points if one["value"] is not None],
        [
            ChartEvent(
                _EVENTS[one["kind"]],
                one["after_result"],
                datetime.fromtimestamp(one["at"], UTC),
                one["action"],
            )
            for one in actions
            if one["kind"] in _EVENTS
        ],
    )
    if as_json:
        events = [{"kind": one.kind, "at": one.at, "text": one.text} for one in made.events]
        show.document("levey_jennings", _segments(made), gate=gate, level=level, events=events)
    elif not made.segments:
        show.say(f"Gate {gate} has no control value of level {level}.")
    else:
        _draw(made, site)


@app.command("export")
def export(
    config: ConfigOption = DEFAULT_SETTINGS,
    gate: Annotated[int | None, typer.Option(min=1, help="Of this gate only.")] = None,
    lot: LotOption = "",
) -> None:
    """Print number, mean, SD and CV of accepted values by lot, level and test as CSV, for comparison with peers."""
    site = open_site(config)
    gates = [one.id for one in site.read(stored.all_gates) if gate in (None, one.id)]
    rows: list[PeerRow] = []
    for number in gates:
        read = partial(stored.points, gate_id=number, lot=lot, limit=POINTS_MOST)
        rows += _peer_rows(site.read(read))
    typer.echo(peer_csv(rows), nl=False)


@app.command("lookback")
def lookback(
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    seen: Annotated[
        list[int] | None, typer.Option(help="These results were looked at; needs --reason.")
    ] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Also those that were seen.")] = False,
    limit: LimitOption = 1000,
    reason: qc_changes.ReasonOption = "",
    author: qc_changes.AuthorOption = None,
) -> None:
    """List results that were released since the last good run before a failure, or say that they were looked at."""
    site = open_site(config)
    if seen:
        qc_changes.seen(site, seen, (reason, author), as_json)
        return
    rows = site.read(lambda conn: qc_lists.look_back(conn, limit, with_ended=all_of_them))
    said = [row | {"when": show.moment(row["at"], site.zone)} for row in rows]
    _print("look_back", (_LOOK_BACK, said), as_json, "No released result has to be looked at.")


def _quality(site: Site) -> SiteQc:
    found = site.setup().qc
    if found is None:
        raise SettingsError(
            "the settings have no quality control", what_to_do="Name its file in [qc]."
        )
    return found


def _standing(site: Site) -> list[Standing]:
    qc = _quality(site)
    now = SystemClock().utc_now().timestamp()
    return site.read(lambda conn: standing(conn, qc, now))


def _print_gates(gates: Sequence[Standing], site: Site, as_json: bool, nothing: str) -> None:
    rows = [one.columns() for one in gates]
    said = [row | {"due": show.moment(row["due_at"], site.zone)} for row in rows]
    _print("gates", (_GATES, rows if as_json else said), as_json, nothing)


def _print(
    kind: str, table: tuple[show.Columns, Sequence[dict[str, Any]]], as_json: bool, nothing: str
) -> None:
    columns, rows = table
    if as_json:
        show.document(kind, [show.for_json(row) for row in rows])
    elif rows:
        show.table(columns, rows)
    else:
        show.say(nothing)


def _with_words(point: dict[str, Any], site: Site) -> dict[str, Any]:
    rules = json.loads(point["rules"])
    why = " ".join([*rules, point["reason"]]).strip()
    z = None if point["z"] is None else f"{Decimal(point['z']):+.2f}"
    when = show.moment(point["measured_at"], site.zone)
    return point | {"rules": rules, "why": why, "z": z, "when": when}


def _chart_point(row: dict[str, Any]) -> ChartPoint:
    target = None
    if row["mean"] is not None:
        target = Target(Decimal(row["mean"]), Decimal(row["sd"]), TargetKind(row["target_kind"]))
    return ChartPoint(
        order=row["result_id"],
        at=datetime.fromtimestamp(row["measured_at"], UTC),
        lot=row["lot"],
        value=Decimal(row["value"]),
        target=target,
        verdict=PointVerdict(row["verdict"]),
        rules=tuple(json.loads(row["rules"])),
        excluded_because=row["excluded_because"] or "",
    )


def _segments(made: Chart) -> list[dict[str, Any]]:
    return [
        {
            "lot": one.lot,
            "lines": one.lines,
            "n": one.numbers.count if one.numbers else 0,
            "mean": one.numbers.mean if one.numbers else None,
            "sd": one.numbers.sd if one.numbers else None,
            "cv_percent": one.numbers.cv_percent if one.numbers else None,
            "points": [
                {
                    "result": point.order,
                    "at": point.at,
                    "value": point.value,
                    "z": point.z,
                    "verdict": point.verdict,
                    "rules": point.rules,
                    "excluded_because": point.excluded_because,
                }
                for point in one.points
            ],
        }
        for one in made.segments
    ]


_HALF = 4  # SD on each side of the middle
_STEP = 5  # columns for one SD


def _draw(made: Chart, site: Site) -> None:
    """A line for each point: a mark between -4 and +4 SD, the mean in the middle."""
    for segment in made.segments:
        target = segment.target
        about = "no target" if target is None else f"mean {target.mean}, SD {target.sd}"
        show.say(f"Lot {segment.lot}: {about}", "bold")
        for point in segment.points:
            when = show.moment(point.at.timestamp(), site.zone)
            rules = " ".join(point.rules)
            show.say(
                f"{when} {_scale(point.z)} {point.value} {point.verdict.value} {rules}".rstrip()
            )
    for event in made.events:
        show.say(f"{show.moment(event.at.timestamp(), site.zone)} {event.kind.value}: {event.text}")


def _scale(z: Decimal | None) -> str:
    marks = ["."] * (2 * _HALF * _STEP + 1)
    for sd in range(-_HALF, _HALF + 1):
        marks[(sd + _HALF) * _STEP] = "|"
    if z is not None:
        at = round(float(min(max(z, Decimal(-_HALF)), Decimal(_HALF))) * _STEP) + _HALF * _STEP
        marks[at] = "*"
    return "".join(marks)


def _peer_rows(points: Sequence[dict[str, Any]]) -> list[PeerRow]:
    groups: dict[tuple[str, ...], list[Decimal]] = {}
    for one in points:
        if one["verdict"] in ("accepted", "warning") and one["excluded_at"] is None:
            names = ("material", "lot", "level", "test_code", "unit")
            key = tuple(str(one[name]) for name in names)
            groups.setdefault(key, []).append(Decimal(one["value"]))
    rows = []
    for key, values in groups.items():
        numbers = summary(values)
        if numbers is not None:
            material, lot, level, test, unit = key
            rows.append(PeerRow(material, lot, level, test, unit, numbers))
    return rows
