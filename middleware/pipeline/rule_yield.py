"""What each rule was worth: how often it held, what people then did, and how long results waited for them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from middleware.model import ReleaseState

_NAME = re.compile(r"rules\.(?P<criterion>[a-z_]+)(?:\[(?P<rule>.+)\])?")
_OUT = frozenset({ReleaseState.RELEASED.value, ReleaseState.WITHDRAWN.value})


@dataclass(slots=True)
class Worth:
    """One criterion of one rule. `alone` counts results that nothing else held; `waits_s` are seconds until a person
    decided. Caught: the value was edited, or the result was rejected."""

    rule: str
    criterion: str
    held: int = 0
    alone: int = 0
    released: int = 0
    edited: int = 0
    rejected: int = 0
    waiting: int = 0
    waits_s: list[float] = field(default_factory=list)

    @property
    def caught(self) -> int:
        """Results that were wrong, as far as people said so."""
        return self.edited + self.rejected

    @property
    def median_wait_s(self) -> float | None:
        """How long a result of it waits for a person; None: nobody has decided any."""
        return median(self.waits_s) if self.waits_s else None


def worth_of(rows: Iterable[Mapping[str, Any]]) -> list[Worth]:
    """Of results that a rule held: each rule's worth, those that held most first."""
    found: dict[tuple[str, str], Worth] = {}
    for row in rows:
        said = json.loads(row["findings"] or "[]")
        names = {one["check"] for one in said if one["verdict"] == "hold"}
        ours = {name for name in names if _NAME.fullmatch(name)}
        others = names - ours - {"route", "release_mode"}
        for name in ours:
            _count(_of(found, name), row, is_alone=len(ours) == 1 and not others)
    return sorted(found.values(), key=lambda one: (-one.held, one.rule, one.criterion))


def without_catch(found: Iterable[Worth], least: int) -> list[Worth]:
    """Rules that held at least so many decided results, and all of those were released as they were."""
    return [one for one in found if one.released >= least and not one.caught]


def _of(found: dict[tuple[str, str], Worth], name: str) -> Worth:
    match = _NAME.fullmatch(name)
    rule, criterion = (match["rule"] or "", match["criterion"]) if match else ("", name)
    return found.setdefault((rule, criterion), Worth(rule, criterion))


def _count(worth: Worth, row: Mapping[str, Any], *, is_alone: bool) -> None:
    state = row["release_state"]
    worth.held += 1
    worth.alone += is_alone
    if row["is_edited"]:
        worth.edited += 1
    elif state in _OUT:
        worth.released += 1
    elif state == ReleaseState.REJECTED:
        worth.rejected += 1
    else:
        worth.waiting += 1
        return
    if row["decided_at"] is not None:
        worth.waits_s.append(row["decided_at"] - row["received_at"])
