"""`labwire drivers list|show|schema|new|check`: which analyzers are understood, and on what evidence."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from middleware.cli import drivers_new, show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.driver.schema import profile_schema
from middleware.settings.installed import installed_for

app = typer.Typer(help="Drivers of analyzers.", no_args_is_help=True)

app.add_typer(drivers_new.app)

_COLUMNS = (
    ("id", "id"),
    ("analyzer", "name"),
    ("protocol", "protocol"),
    ("roles", "roles"),
    ("tier", "tier"),
)


@app.command("list")
def list_drivers(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """List every driver that a line may name, and those that could not be loaded."""
    catalogue = installed_for(config).catalogue
    items = [one.driver.model_dump(mode="json") for one in catalogue.profiles()]
    broken = [{"source": one.source, "problem": one.problem} for one in catalogue.broken]
    if as_json:
        show.document("drivers", items, broken=broken)
        return
    show.table(_COLUMNS, [one | {"tier": _evidence(one)} for one in items])
    for one in broken:
        show.say(f"could not be loaded: {one['source']}: {one['problem']}", "red")


@app.command("show")
def show_driver(
    driver_id: Annotated[str, typer.Argument(metavar="ID", help="The driver's id.")],
    config: ConfigOption = DEFAULT_SETTINGS,
    as_json: JsonOption = False,
) -> None:
    """Show one driver's profile."""
    profile = installed_for(config).catalogue.driver(driver_id).profile
    item = profile.model_dump(mode="json", exclude_defaults=True)
    if as_json:
        show.document("driver", [item])
        return
    show.table((("key", "key"), ("value", "value")), _rows(item))


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of driver.toml, for editors that help while one writes."""
    show.json_document(profile_schema())


def _evidence(item: dict[str, Any]) -> str:
    """The tier, and that every result is held where the profile says so."""
    return str(item["tier"]) + ("" if item["reporting"] else ", not for reporting")


def _rows(value: dict[str, Any], above: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for key, one in value.items():
        name = f"{above}.{key}" if above else key
        if isinstance(one, dict):
            rows += _rows(one, name)
        else:
            rows.append({"key": name, "value": one})
    return rows
