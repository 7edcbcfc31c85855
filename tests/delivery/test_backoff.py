"""Waits between attempts."""

from __future__ import annotations

from middleware.delivery.backoff import LONGEST_S, next_delay


def test_waits_double_up_to_the_longest() -> None:
    """1, 2, 4 … 60 seconds, whatever the count."""
    waits = [next_delay(failures, 0.0) for failures in (1, 2, 3, 6, 7, 100_000)]
    assert waits == [1.0, 2.0, 4.0, 32.0, LONGEST_S, LONGEST_S]


def test_chance_makes_them_shorter_by_at_most_a_fifth() -> None:
    """So that many lanes do not call at once."""
    assert next_delay(7, 1.0) == LONGEST_S * 0.8
    assert next_delay(0, 0.5) == 0.9
