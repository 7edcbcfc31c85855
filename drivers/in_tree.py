"""The catalogue of the drivers in this tree."""

from __future__ import annotations

from pathlib import Path

from middleware.driver.catalogue import ProfileFolder

CATALOGUE = ProfileFolder(Path(__file__).parent / "analyzers")
