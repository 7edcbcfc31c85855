"""The documents that are made from tables say what the tables say."""

from __future__ import annotations

import pytest

from middleware.wire.lis1 import diagram
from middleware.wire.lis1.quirks import QUIRKS
from middleware.wire.lis1.tables import TRANSITIONS, Action
from tests.kit.places import ROOT
from tests.kit.regenerate import GENERATED, with_sections


@pytest.mark.parametrize("place", GENERATED)
def test_generated_parts_are_fresh(place: str) -> None:
    """Who reads the diagram reads the machine; otherwise: `make regenerate`."""
    text = (ROOT / place).read_text(encoding="utf-8")
    assert with_sections(text, GENERATED[place]()) == text


def test_the_generated_text_shows_every_cell_and_every_quirk() -> None:
    """Nothing of the table is left out of its description."""
    shown = diagram.sections()
    possible = [row for row in TRANSITIONS.values() if row.action is not Action.IMPOSSIBLE]
    assert shown["table"].count("\n") == len(possible) + 1
    assert shown["quirks"].count("\n") == len(QUIRKS) + 1
    assert shown["receiving"].startswith("```mermaid\nstateDiagram-v2")


def test_a_part_without_a_place_is_noticed() -> None:
    """A heading that was deleted by mistake does not pass in silence."""
    with pytest.raises(KeyError):
        with_sections("nothing here", {"table": "x"})


def test_a_stale_part_is_replaced() -> None:
    """Only what stands between the marks changes."""
    old = "before <!-- generated: x -->old<!-- end of x --> after"
    assert with_sections(old, {"x": r"new \1"}) == (
        "before <!-- generated: x -->\n\nnew \\1\n\n<!-- end of x --> after"
    )
