"""Typed results beside measured ones: when an analyzer's result only repeats what a person typed before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

CHECK = "manual"
LINE = "manual"
"""The journal's name of the way by which typed results come; no line of the settings."""

_TEXTS = ("value_kind", "comparator", "value_text", "unit")
_HUNDRED = Decimal(100)


def repeats(
    typed: Mapping[str, Any], measured: Mapping[str, Any], tolerance_percent: Decimal
) -> bool:
    """The rows of the results table say the same; a number may differ by so many percent of the typed one."""
    if not typed["is_manual"] or typed["edit_of"] is not None:
        return False
    if any((typed[name] or "") != (measured[name] or "") for name in _TEXTS):
        return False
    one, other = typed["value_number"], measured["value_number"]
    if one is None or other is None:
        return bool(typed["value_raw"].strip() == measured["value_raw"].strip())
    allowed = abs(Decimal(one)) * tolerance_percent / _HUNDRED
    return abs(Decimal(one) - Decimal(other)) <= allowed
