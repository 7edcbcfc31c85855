"""The tables of one settings file as models, each read by itself, so that every mistake is found at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, SecretStr

from middleware.delivery.connector import ConnectorFactory
from middleware.line.settings import LineSettings
from middleware.review.people import ReviewSettings
from middleware.review.quality import SiteQc
from middleware.review.reflex import ReflexRule
from middleware.routing.codes import LineCodes
from middleware.routing.rules import Route
from middleware.settings.faults import Fault, Model, fields_of, read_model
from middleware.settings.load import Loaded
from middleware.settings.paths import with_absolute_paths
from middleware.settings.problems import Location, Problem, did_you_mean
from middleware.settings.schema import (
    ARRAYS,
    LATER,
    MOST_LINES,
    TABLES,
    CodesTable,
    ConnectorTable,
    MonitorTable,
    NodeTable,
    QcTable,
    RulesTable,
    own_settings,
    shell_keys,
)
from middleware.setup import SiteRules


@dataclass(frozen=True, slots=True)
class ConnectorPart:
    """One connector whose shell is good; `settings` is None when its own part is not."""

    location: Location
    table: ConnectorTable
    factory: ConnectorFactory | None
    settings: BaseModel | None


@dataclass(slots=True)
class Parts:
    """Whatever could be read. Lists hold only the good ones, each with its place."""

    loaded: Loaded
    node: NodeTable | None = None
    monitor: MonitorTable | None = None
    codes: CodesTable | None = None
    review: ReviewSettings | None = None
    rules_table: RulesTable | None = None
    qc_table: QcTable | None = None
    lines: list[tuple[Location, LineSettings]] = field(default_factory=list)
    connectors: list[ConnectorPart] = field(default_factory=list)
    routes: list[tuple[Location, Route]] = field(default_factory=list)
    reflexes: list[tuple[Location, ReflexRule]] = field(default_factory=list)
    line_codes: dict[str, LineCodes] = field(default_factory=dict)
    """The table of test codes of each line that has one."""
    rules: SiteRules | None = None
    candidate: SiteRules | None = None
    qc: SiteQc | None = None
    qc_text: tuple[str, str] | None = None
    """Name and text of the file of quality control."""
    problems: list[Problem] = field(default_factory=list)

    def ids_of(self, name: str) -> Iterator[tuple[Location, str]]:
        """Every id that stands in `[[name]]`, also of tables with mistakes."""
        for number, table in enumerate(_array_of(self.loaded.tables.get(name))):
            if isinstance(table, dict) and isinstance(table.get("id"), str):
                yield (name, number, "id"), table["id"]

    def named_drivers(self) -> Iterator[tuple[Location, str]]:
        """The place of every `[[line]]` with the driver that it names, also of lines with mistakes."""
        lines = self.loaded.tables.get("line")
        for number, table in enumerate(_array_of(lines)):
            if isinstance(table, dict) and isinstance(table.get("driver"), str):
                yield ("line", number) if isinstance(lines, list) else ("line",), table["driver"]


def read_parts(loaded: Loaded, connectors: Mapping[str, ConnectorFactory]) -> Parts:
    """Read every table of `loaded` with the model of its package; `connectors` are known types by name."""
    parts = Parts(loaded, problems=list(loaded.problems))
    if not loaded.tables and loaded.problems:
        return parts
    _report_unknown_tables(parts)
    parts.node = _read_single(parts, "node", NodeTable)
    parts.monitor = _read_single(parts, "monitor", MonitorTable)
    parts.codes = _read_single(parts, "codes", CodesTable)
    parts.review = _read_single(parts, "review", ReviewSettings)
    parts.rules_table = _read_single(parts, "rules", RulesTable)
    parts.qc_table = _read_single(parts, "qc", QcTable)
    parts.lines = list(_read_array(parts, "line", LineSettings))
    parts.routes = list(_read_array(parts, "route", Route))
    parts.reflexes = list(_read_array(parts, "reflex", ReflexRule))
    shells = dict(_read_array(parts, "connector", ConnectorTable))
    for location, shell in shells.items():
        parts.connectors.append(_read_connector(parts, location, shell, connectors))
    _report_own_settings_of_bad_shells(parts, shells, connectors)
    return parts


def _report_unknown_tables(parts: Parts) -> None:
    known = [*TABLES, *ARRAYS]
    for key in parts.loaded.tables:
        if key in LATER:
            suggestion = "remove it"
            parts.problems.append(parts.loaded.problem((key,), LATER[key], suggestion))
        elif key not in known:
            suggestion = did_you_mean(key, known)
            parts.problems.append(parts.loaded.problem((key,), "unknown key", suggestion))


def _read_single(parts: Parts, name: str, model: type[Model]) -> Model | None:
    data = parts.loaded.tables.get(name, {})
    if not isinstance(data, dict):
        message = f"[{name}] must be a table that stands once"
        parts.problems.append(parts.loaded.problem((name,), message, f"write [{name}]"))
        return None
    return _read(parts, (name,), model, data)


def _read_array(parts: Parts, name: str, model: type[Model]) -> Iterator[tuple[Location, Model]]:
    data = parts.loaded.tables.get(name, [])
    if not isinstance(data, list):
        message = f"[[{name}]] may stand several times"
        parts.problems.append(parts.loaded.problem((name,), message, f"write [[{name}]]"))
        data = _array_of(data)
    if len(data) > MOST_LINES:
        message = f"more than {MOST_LINES} of them"
        parts.problems.append(parts.loaded.problem((name,), message))
    for number, table in enumerate(data[:MOST_LINES]):
        location = (name, number) if isinstance(parts.loaded.tables[name], list) else (name,)
        found = _read(parts, location, model, table)
        if found is not None:
            yield location, found


def _array_of(data: Any) -> list[Any]:
    if isinstance(data, list):
        return data
    return [data] if isinstance(data, dict) else []


def _read(parts: Parts, location: Location, model: type[Model], data: Any) -> Model | None:
    if not isinstance(data, dict):
        message, cure = "must be a table", f"write [{location[0]}] and its keys below it"
        parts.problems.append(parts.loaded.problem(location, message, cure))
        return None
    found, faults = read_model(model, data)
    _report(parts, location, faults)
    _report_open_secrets(parts, location, model, data)
    if (
        found is None or location[0] == "node"
    ):  # its folder is made absolute where the node is set up
        return found
    return with_absolute_paths(found, parts.loaded.path.parent)


def _report(parts: Parts, location: Location, faults: list[Fault]) -> None:
    unresolved = {problem.key for problem in parts.loaded.problems}
    for fault in faults:
        place = (*location, *fault.place)
        problem = parts.loaded.problem(place, fault.message, fault.suggestion)
        if problem.key not in unresolved:  # its missing secret is reported already
            parts.problems.append(problem)


def _report_open_secrets(
    parts: Parts, location: Location, model: type[BaseModel], data: Mapping[str, Any]
) -> None:
    """Promise of DESIGN 8.3: a secret never stands in the settings text."""
    for name, info in model.model_fields.items():
        place = (*location, name)
        value = data.get(name)
        if isinstance(value, str) and place not in parts.loaded.secret_places:
            if _is_secret(info.annotation):
                cure = f'write {name} = {{ env = "NAME" }} or {{ file = "path" }}'
                message = "a secret does not stand in the settings text"
                parts.problems.append(parts.loaded.problem(place, message, cure))
        elif isinstance(value, dict):
            for below in fields_of(info.annotation):
                _report_open_secrets(parts, place, below, value)


def _is_secret(annotation: Any) -> bool:
    return SecretStr in (annotation, *getattr(annotation, "__args__", ()))


def _read_connector(
    parts: Parts,
    location: Location,
    table: ConnectorTable,
    connectors: Mapping[str, ConnectorFactory],
) -> ConnectorPart:
    factory = connectors.get(table.type)
    if factory is None:
        _report_unknown_connector_type(parts, location, table.type, sorted(connectors))
        return ConnectorPart(location, table, None, None)
    settings = _read_own_settings(parts, location, own_settings(table), factory)
    return ConnectorPart(location, table, factory, settings)


def _report_own_settings_of_bad_shells(
    parts: Parts,
    shells: Mapping[Location, ConnectorTable],
    connectors: Mapping[str, ConnectorFactory],
) -> None:
    """A mistake in a key that all connectors have does not hide those in the keys of its type."""
    tables = parts.loaded.tables.get("connector")
    for number, table in enumerate(_array_of(tables)):
        location = ("connector", number) if isinstance(tables, list) else ("connector",)
        if location in shells or not isinstance(table, dict):
            continue
        named = table.get("type")
        if not isinstance(named, str):
            continue
        if named in connectors:
            own = {key: value for key, value in table.items() if key not in shell_keys()}
            _read_own_settings(parts, location, own, connectors[named])
        else:
            _report_unknown_connector_type(parts, location, named, sorted(connectors))


def _read_own_settings(
    parts: Parts, location: Location, data: Mapping[str, Any], factory: ConnectorFactory
) -> BaseModel | None:
    settings, faults = read_model(factory.settings_model, data)
    known = sorted({*factory.settings_model.model_fields, *shell_keys()})
    faults = [
        Fault(fault.place, fault.message, did_you_mean(str(fault.place[-1]), known))
        if fault.message == "unknown key" and len(fault.place) == 1
        else fault
        for fault in faults
    ]
    _report(parts, location, faults)
    _report_open_secrets(parts, location, factory.settings_model, data)
    return with_absolute_paths(settings, parts.loaded.path.parent) if settings else None


def _report_unknown_connector_type(
    parts: Parts, location: Location, name: str, known: list[str]
) -> None:
    place = (*location, "type")
    message = f'unknown connector type "{name}"'
    cure = did_you_mean(name, known, "no connector type is installed")
    parts.problems.append(parts.loaded.problem(place, message, cure))
