"""Tables on a narrow terminal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from middleware.cli import show
from middleware.cli.status import trouble_of, ways_of_orders

COLUMNS = (
    ("number", "number"),
    ("control id", "control_id"),
    ("answer", "answer"),
    ("text", "text"),
)
ROW = {"number": 7, "control_id": "AAB940-0000000001", "answer": None, "text": "unknown specimen"}


Draw = Callable[[int], list[str]]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Draw:
    """Draws the row on a terminal so many columns wide."""

    def drawn(width: int) -> list[str]:
        monkeypatch.setattr(show, "_WIDTH_OF_A_PIPE", width)
        show.table(COLUMNS, [ROW])
        return capsys.readouterr().out.splitlines()

    return drawn


def test_a_table_that_fits_has_every_column(draw: Draw) -> None:
    """Also those without a value: their emptiness is told."""
    heading, row = draw(80)
    assert heading.split() == ["number", "control", "id", "answer", "text"]
    assert row == "7       AAB940-0000000001  -       unknown specimen"


def test_on_a_narrow_terminal_columns_without_a_value_are_left_out(draw: Draw) -> None:
    """Before anything is folded."""
    heading, row = draw(43)
    assert "answer" not in heading
    assert row == "7       AAB940-0000000001  unknown specimen"


def test_on_a_very_narrow_terminal_each_row_is_a_list(draw: Draw) -> None:
    """No identifier is ever broken: it is read out over the telephone."""
    rows = draw(30)
    assert rows == [
        "number      7",
        "control id  AAB940-0000000001",
        "text        unknown specimen",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"state": "waiting", "detail": "10.1.2.3:4010 does not answer"}, "does not answer"),
        ({"state": "fault", "detail": "cannot listen", "last_error": "before"}, "cannot listen"),
        ({"state": "open", "detail": "connected", "last_error": "bad checksum"}, "bad checksum"),
        ({"state": "listening", "last_error": "Connection was closed cleanly."}, ""),
        ({"state": "listening", "last_error": "the conversation has ended"}, ""),
    ],
)
def test_the_trouble_of_a_line_is_what_keeps_it_away_now(line: dict[str, str], told: str) -> None:
    """Whoever connects an analyzer looks before the warning has its minute; an end in good order is no trouble."""
    said = trouble_of(line)
    assert told in said
    assert bool(said) == bool(told)


def test_the_ways_of_orders_are_said_where_there_are_any() -> None:
    """A port that is taken, or a LIS that cannot be asked, must not stay hidden behind good results."""
    lis = {"connector": "lis", "orders": "orders on :2577: listening", "asked": "asked at lis:2578"}
    plain = {"connector": "files", "orders": "", "asked": ""}
    said = ["lis: orders on :2577: listening.", "lis: asked at lis:2578."]
    assert ways_of_orders([lis, plain]) == said
