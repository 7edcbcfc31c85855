"""Finds connectors through the entry-point group `labwire.connectors`: ours have no privilege over a third party's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from middleware.delivery.connector import ConnectorFactory

GROUP = "labwire.connectors"


@dataclass(frozen=True, slots=True)
class ConnectorCatalogue:
    """The connectors found, by `type`, and in `broken` why others could not be loaded (by entry point)."""

    factories: Mapping[str, ConnectorFactory]
    broken: Mapping[str, str]


def discover_connectors(points: Iterable[EntryPoint] | None = None) -> ConnectorCatalogue:
    """Load every connector. One that fails is reported by name and stops nothing."""
    factories: dict[str, ConnectorFactory] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=GROUP) if points is None else points:
        try:
            factory: ConnectorFactory = point.load()
            name = factory.name
        except Exception as error:  # noqa: BLE001 - a third party's package may fail in any way
            broken[point.name] = f"{type(error).__name__}: {error}"
            continue
        if name in factories:
            broken[point.name] = f"another connector is called {name!r}"
            continue
        factories[name] = factory
    return ConnectorCatalogue(factories, broken)
