"""How long to wait before the next attempt. Pure: the chance in it is an argument."""

from __future__ import annotations

FIRST_S = 1.0
LONGEST_S = 60.0
JITTER = 0.2
"""Waits are shorter by up to this share, so that many lanes do not all call a returning LIS at once."""


def next_delay(failures: int, chance: float, longest_s: float = LONGEST_S) -> float:
    """Seconds to wait after `failures` failed attempts in a row (from 1): doubling from 1 s to `longest_s`.

    `chance` is from 0 to 1.
    """
    doublings = min(max(failures - 1, 0), 16)  # bounded: 2**16 s is beyond any longest wait
    wait = min(FIRST_S * float(2**doublings), longest_s)
    return wait * (1.0 - JITTER * chance)
