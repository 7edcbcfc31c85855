"""What is installed here and may be named in a settings file: drivers and connector types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import ConnectorFactory
from middleware.driver.catalogue import Catalogue, load_catalogue

SITE_DRIVERS = "drivers.d"
"""Folder beside the settings file with the site's own data-only drivers: `drivers.d/<id>/driver.toml`."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Drivers and connector types, found by entry point. `broken_connectors`: entry point and reason."""

    catalogue: Catalogue
    connectors: Mapping[str, ConnectorFactory]
    broken_connectors: Mapping[str, str]


def installed_for(settings: Path) -> Installed:
    """Everything installed, and the drivers that stand beside this settings file."""
    folder = settings.parent / SITE_DRIVERS
    connectors = discover_connectors()
    return Installed(
        load_catalogue([folder] if folder.is_dir() else []),
        connectors.factories,
        connectors.broken,
    )
