"""The drivers that come with Labwire: one catalogue for the entry point, no privilege over anybody else's."""

from pathlib import Path

from middleware.driver.catalogue import ProfileFolder

CATALOGUE = ProfileFolder(Path(__file__).parent / "analyzers")
