"""`labwire qc patients list|clear|simulate`: statistics over patients' own results between control runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from middleware.cli import show
from middleware.cli.options import (
    DEFAULT_SETTINGS,
    AuthorOption,
    ConfigOption,
    JsonOption,
    author_or_login,
)
from middleware.cli.site import Site, open_site
from middleware.errors import SettingsError
from middleware.pipeline.quality_patients import usable
from middleware.qc.codes import LimitKind, PatientMethod
from middleware.qc.patient_based import PatientQcSettings, baseline, patient_qc_from
from middleware.qc.simulator import Goal, Outcome, Plan, Shift, propose, simulate
from middleware.store import qc_patients as stored

app = typer.Typer(help="Statistics over patients' results.", no_args_is_help=True)

_LIST = (
    ("number", "id"),
    ("line", "line"),
    ("analyzer", "analyzer"),
    ("module", "module"),
    ("test", "test_code"),
    ("status", "status"),
    ("results", "count"),
    ("stands at", "statistic"),
    ("alarm at result", "alarm"),
    ("last", "last"),
)
_TRIED = (
    ("method", "method"),
    ("size", "size"),
    ("weight", "weight"),
    ("width (SE)", "width"),
    ("false alarms per 1000", "false_alarms_per_1000"),
    ("seen", "power"),
    ("results to half of them", "to_detection"),
)
HISTORY_MOST = 20_000
_WIDTHS = (Decimal(3), Decimal("3.5"), Decimal(4))
_SIZES = (10, 20, 50)
_WEIGHTS = (Decimal("0.05"), Decimal("0.1"), Decimal("0.2"))


@app.command("list")
def list_statistics(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """List every statistic and where it stands."""
    site = open_site(config)
    rows = [_row(one, site) for one in site.read(stored.everything)]
    if as_json:
        show.document("patient_statistics", rows)
    elif rows:
        show.table(_LIST, rows)
    else:
        show.say("No statistic has seen a result yet.")


@app.command("clear")
def clear(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", min=1)],
    cause: Annotated[str, typer.Option(help="What was wrong.")],
    action: Annotated[str, typer.Option(help="What was done about it.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    author: AuthorOption = None,
) -> None:
    """End an alarm: the statistic begins anew. What it held stays held for a person."""
    arguments = {"ids": numbers, "cause": cause, "action": action}
    answer = open_site(config).change("qc.patients_clear", arguments, author_or_login(author))
    if as_json:
        show.document("cleared", [{"id": one} for one in answer["cleared"]])
    else:
        show.say(f"Cleared: {', '.join(map(str, answer['cleared']))}.")


@app.command("simulate")
def try_settings(
    line: Annotated[str, typer.Argument(help="Line.")],
    test: Annotated[str, typer.Argument(help="The analyzer's code of the test.")],
    unit: Annotated[str, typer.Option(help="Only results in this unit.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
    shift: Annotated[float, typer.Option(help="Error to be seen, in percent.")] = 5.0,
    low: Annotated[float | None, typer.Option(help="Leave out results below.")] = None,
    high: Annotated[float | None, typer.Option(help="Leave out results above.")] = None,
) -> None:
    """Try settings on the site's own newest results, with a shift put in at 200 places, and propose one."""
    site = open_site(config)
    bounds = tuple(None if one is None else Decimal(str(one)) for one in (low, high))
    values = _history(site, (line, test, unit))
    plan = Plan(Shift(percent=Decimal(str(shift))))
    try:
        simulate(values, (), plan)  # enough of them?
        tried = simulate(values, _candidates(values, bounds), plan)
    except ValueError as error:
        raise SettingsError(
            f"{line} {test} in {unit}: {error}", what_to_do="Try again when more is stored."
        ) from error
    proposal = propose(tried, Goal())
    rows = [_tried(one) for one in tried]
    if as_json:
        best = None if proposal.outcome is None else proposal.outcome.settings.model_dump()
        show.document("tried_settings", rows, proposed=best, reason=proposal.reason)
        return
    show.table(_TRIED, rows)
    show.say(proposal.reason)
    if proposal.outcome is not None:
        show.say(_written(proposal.outcome.settings, (line, test, unit)))


def _history(site: Site, wanted: tuple[str, str, str]) -> list[Decimal]:
    """Plain numbers that a statistic would take, the oldest first."""
    line, test, unit = wanted
    rows = site.read(lambda conn: stored.history(conn, line, test, HISTORY_MOST))
    found = (usable(row, unit) for row in rows)
    return [value for value in found if value is not None]


def _candidates(
    values: list[Decimal], bounds: tuple[Decimal | None, ...]
) -> list[PatientQcSettings]:
    """Means and EWMAs with the history's own mean and SD. Raises ValueError for too few results."""
    low, high = bounds
    shared: dict[str, Any] = {
        "limits": LimitKind.STANDARD_ERRORS,
        "truncate_low": low,
        "truncate_high": high,
    }
    probe = PatientQcSettings(
        method=PatientMethod.MEAN,
        size=2,
        target=Decimal(0),
        limits=LimitKind.ABSOLUTE,
        low=Decimal(-1),
        high=Decimal(1),
        truncate_low=low,
        truncate_high=high,
    )
    mean, sd = baseline(values, probe)
    if sd <= 0:
        raise ValueError("all results are equal")
    shared |= {"target": round(mean, 6), "sd": round(sd, 6) or sd}
    kinds: list[dict[str, Any]] = [
        *({"method": PatientMethod.MEAN, "size": size} for size in _SIZES),
        *({"method": PatientMethod.EWMA, "weight": weight} for weight in _WEIGHTS),
    ]
    return [
        PatientQcSettings.model_validate({**shared, "width": width, **kind})
        for width in _WIDTHS
        for kind in kinds
    ]


def _row(one: stored.StoredStatistic, site: Site) -> dict[str, Any]:
    state = patient_qc_from(one.state)
    return {
        **one._asdict(),
        "state": None,
        "count": state.count,
        "statistic": None if state.statistic is None else f"{state.statistic:.6g}",
        "alarm": state.alarm_order,
        "last": show.moment(one.at, site.zone),
    }


def _tried(one: Outcome) -> dict[str, Any]:
    settings = one.settings
    return {
        "method": settings.method.value,
        "size": settings.size or None,
        "weight": settings.weight or None,
        "width": settings.width,
        "false_alarms_per_1000": f"{one.false_alarms_per_1000:.2f}",
        "power": f"{one.power:.2f}",
        "to_detection": one.to_detection,
    }


def _written(settings: PatientQcSettings, of: tuple[str, str, str]) -> str:
    """The table to write into the file of `[qc]`."""
    names = ("line", "test", "unit")
    lines = [
        "[[patients]]",
        *(f'{name} = "{value}"' for name, value in zip(names, of, strict=True)),
    ]
    for name, value in settings.model_dump(mode="json", exclude_defaults=True).items():
        is_number = name not in ("method", "limits", "truncation")
        lines.append(f"{name} = {value}" if is_number else f'{name} = "{value}"')
    return "\n".join(lines)
