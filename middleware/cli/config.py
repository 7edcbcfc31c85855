"""`labwire config show`: the settings in force with every default filled in, secrets left out."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import BaseModel

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.settings.check import examine
from middleware.settings.installed import installed_for
from middleware.settings.load import Loaded, load
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, errors_in

app = typer.Typer(help="The settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The settings."""


@app.command("show")
def show_settings(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Every setting with its value, whether written or by default."""
    installed = installed_for(config)
    parts = examine(load(config), installed.catalogue, installed.connectors)
    items = [item for part in _parts(parts) for item in part]
    if as_json:
        show.document("settings", items, file=str(config), sha256=parts.loaded.sha256)
    else:
        columns = (("setting", "setting"), ("value", "value"), ("from", "from"))
        show.table(columns, items)
        errors = errors_in(parts.problems)
        if errors:
            show.say(f"{len(errors)} part(s) with errors are left out; see `labwire check`.", "red")


def _parts(parts: Parts) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []
    for name, model in (("node", parts.node), ("monitor", parts.monitor), ("codes", parts.codes)):
        if model is not None:
            found.append(_items(parts.loaded, (name,), name, model))
    for location, line in parts.lines:
        found.append(_items(parts.loaded, location, f"line {line.id}", line))
    for part in parts.connectors:
        title = f"connector {part.table.id}"
        found.append(_items(parts.loaded, part.location, title, part.table))
        if part.settings is not None:
            found.append(_items(parts.loaded, part.location, title, part.settings))
    for location, route in parts.routes:
        found.append(_items(parts.loaded, location, f"route {location[-1]}", route))
    return found


def _items(
    loaded: Loaded, location: Location, title: str, model: BaseModel
) -> list[dict[str, Any]]:
    items = []
    for name in type(model).model_fields:
        place, value = (*location, name), getattr(model, name)
        if isinstance(value, BaseModel):
            items += _items(loaded, place, f"{title} {name}", value)
            continue
        line = loaded.locator.line_of(place) if loaded.locator.has(place) else 0
        shown = "(secret)" if place in loaded.secret_places else _plain(value)
        origin = f"line {line}" if line else "default"
        items.append({"setting": f"{title} {name}", "value": shown, "from": origin})
    return items


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | tuple) else str(value or "")
