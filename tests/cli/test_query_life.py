"""What `labwire messages show` says of a host query, and of orders."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.cli.message_life import life_of


def entry(state: str, reason: str, processed_at: float | None) -> dict[str, Any]:
    return {
        "id": 7,
        "line": "law-1",
        "state": state,
        "reason": reason,
        "received_at": 100.0,
        "processed_at": processed_at,
        "replays": 0,
        "ack_confirmed": False,
        "setup_generation": None,
    }


@pytest.mark.parametrize(
    ("state", "reason", "at", "words"),
    [
        ("answered", "answered that there is no work", 101.0, "answered that there is no work"),
        ("not_answered", "the analyzer answered AR: not loaded", 101.0, "not answered: the analyzer answered AR"),
        ("not_answered", "", None, "not answered: its driver answers none yet"),
    ],
)  # fmt: skip
def test_what_became_of_a_query_is_told_in_words(
    state: str, reason: str, at: float | None, words: str
) -> None:
    """Nobody is told that a query waits to be processed."""
    steps = life_of(entry(state, reason, at), [], [], [])
    assert words in steps[1].what
    assert steps[1].at is not None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "its orders are in `labwire orders list`"),
        ("a tube of another patient", "a tube of another patient"),
    ],
)
def test_a_message_of_orders_is_not_told_as_one_without_results(reason: str, words: str) -> None:
    steps = life_of(entry("processed", reason, 101.0) | {"kind": "order"}, [], [], [])
    assert words in steps[1].what
    assert "no results" not in steps[1].what
