"""The generated parts of the drivers' documentation are current."""

from __future__ import annotations

import pytest

import drivers
from middleware.driver.quirks import HARMLESS_QUIRKS
from tests.kit.places import ROOT
from tests.kit.regenerate import GENERATED, with_sections


@pytest.mark.slow
@pytest.mark.parametrize("place", ["drivers/README.md", "middleware/driver/README.md"])
def test_catalogue_and_reference_are_what_the_code_says(place: str) -> None:
    """Nobody reads about a driver or a key that is not there. `make regenerate` writes them."""
    text = (ROOT / place).read_text(encoding="utf-8")
    assert with_sections(text, GENERATED[place]()) == text


def test_the_generic_driver_tolerates_only_what_cannot_change_a_value() -> None:
    """An unknown analyzer is read strictly where it matters."""
    (generic,) = [one for one in drivers.CATALOGUE.profiles() if one.id == "generic_astm"]
    assert set(generic.link.quirks) <= HARMLESS_QUIRKS
