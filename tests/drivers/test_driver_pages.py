"""The generated parts of the drivers' documentation are current."""

from __future__ import annotations

import pytest

import drivers
from middleware.driver.quirks import HARMLESS_QUIRKS
from tests.kit.driver_pages import pages


@pytest.mark.slow
def test_catalogue_and_reference_are_what_the_code_says() -> None:
    """Nobody reads about a driver or a key that is not there. `make regenerate` writes them anew."""
    stale = [
        str(path) for path, text in pages().items() if path.read_text(encoding="utf-8") != text
    ]
    assert not stale, "run `make regenerate`"


def test_the_generic_driver_tolerates_only_what_cannot_change_a_value() -> None:
    """An unknown analyzer is read strictly where it matters."""
    (generic,) = [one for one in drivers.CATALOGUE.profiles() if one.id == "generic_astm"]
    assert set(generic.link.quirks) <= HARMLESS_QUIRKS
