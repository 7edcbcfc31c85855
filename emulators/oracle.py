"""Remembers what was acknowledged, and judges what arrived: nothing lost, doubled, changed or late in line.

Two files of JSON lines join the processes of a test bench. An analyzer writes an obligation for each
message that the host acknowledged; the LIS writes an arrival for each message that it accepted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self


class Expectation(StrEnum):
    """What must become of an acknowledged message."""

    DELIVER = "deliver"  # every value reaches the LIS exactly once
    KEEP = "keep"  # stays in Labwire: controls, further runs that a person must release
    NOTHING = "nothing"  # no results in it: host queries


@dataclass(frozen=True, slots=True)
class Obligation:
    """One message that the host acknowledged. `values` is test code to value, as sent."""

    line: str
    sample_id: str
    values: Mapping[str, str]
    expect: Expectation = Expectation.DELIVER


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that the LIS accepted."""

    control_id: str
    sample_id: str
    values: Mapping[str, str]


@dataclass(slots=True)
class Verdict:
    """What the oracle found. Sample ids are invented ones, so they may be shown."""

    obligations: int = 0
    results: int = 0
    arrivals: int = 0
    resent: int = 0  # the same control id again: allowed, the LIS knows it
    unclaimed: int = 0  # arrived, but its acknowledgement never reached the analyzer: allowed
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)  # must not reach the LIS, and did
    out_of_order: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """There were obligations, and each was met, exactly once and in order."""
        return self.obligations > 0 and not self._is_broken

    @property
    def _is_broken(self) -> bool:
        return bool(self.lost or self.doubled or self.changed or self.strayed or self.out_of_order)

    def lines(self) -> list[str]:
        """The verdict for people."""
        summary = (
            f"acknowledged messages {self.obligations}, results to deliver {self.results}, "
            f"accepted by the LIS {self.arrivals}, resent {self.resent}, "
            f"unclaimed {self.unclaimed}"
        )
        told = [summary]
        for name in ("lost", "doubled", "changed", "strayed", "out_of_order"):
            found: list[str] = getattr(self, name)
            if found:
                more = " …" if len(found) > _SHOWN else ""
                told.append(
                    f"{name.replace('_', ' ')}: {len(found)} ({', '.join(found[:_SHOWN])}{more})"
                )
        if self._is_broken:
            told.append("verdict: BROKEN PROMISE")
        else:
            told.append("verdict: good" if self.is_good else "verdict: nothing was acknowledged")
        return told


_SHOWN = 5


def judge(obligations: Iterable[Obligation], arrivals: Iterable[Arrival]) -> Verdict:
    """Compare what was acknowledged with what the LIS accepted, both in the order they happened."""
    verdict = Verdict()
    first_at, found = _collect(arrivals, verdict)
    owed: set[str] = set()
    last_of_line: dict[str, int] = {}
    for obligation in obligations:
        verdict.obligations += 1
        if obligation.expect is Expectation.DELIVER:
            owed.add(obligation.sample_id)
            _judge_values(obligation, found, verdict)
            _judge_order(obligation, first_at, last_of_line, verdict)
        elif obligation.expect is Expectation.KEEP:
            _judge_kept(obligation, found, verdict)
            owed.add(obligation.sample_id)
    verdict.unclaimed = len(first_at.keys() - owed)
    return verdict


_Found = dict[tuple[str, str], dict[str, str]]


def _collect(arrivals: Iterable[Arrival], verdict: Verdict) -> tuple[dict[str, int], _Found]:
    """When each sample first arrived, and its values by control id: (sample, test) -> id -> value."""
    first_at: dict[str, int] = {}
    found: _Found = {}
    seen: set[str] = set()
    for at, arrival in enumerate(arrivals):
        if arrival.control_id in seen:
            verdict.resent += 1
        else:
            seen.add(arrival.control_id)
            verdict.arrivals += 1
        first_at.setdefault(arrival.sample_id, at)
        for test, value in arrival.values.items():
            found.setdefault((arrival.sample_id, test), {})[arrival.control_id] = value
    return first_at, found


def _judge_values(obligation: Obligation, found: _Found, verdict: Verdict) -> None:
    for test, value in obligation.values.items():
        verdict.results += 1
        name = f"{obligation.sample_id}/{test}"
        came = found.get((obligation.sample_id, test), {})
        if not came:
            verdict.lost.append(name)
        elif len(came) > 1:
            verdict.doubled.append(name)
        elif value not in came.values():
            verdict.changed.append(name)


def _judge_order(
    obligation: Obligation,
    first_at: Mapping[str, int],
    last_of_line: dict[str, int],
    verdict: Verdict,
) -> None:
    at = first_at.get(obligation.sample_id)
    if at is None:
        return
    if at < last_of_line.get(obligation.line, -1):
        verdict.out_of_order.append(obligation.sample_id)
    else:
        last_of_line[obligation.line] = at


def _judge_kept(obligation: Obligation, found: _Found, verdict: Verdict) -> None:
    """A control has its own sample id and may not arrive; a further run may not arrive as a value."""
    for test, value in obligation.values.items():
        came = found.get((obligation.sample_id, test), {})
        is_control = obligation.sample_id.startswith("QC-")
        if came and (is_control or (len(came) > 1 and value in came.values())):
            verdict.strayed.append(f"{obligation.sample_id}/{test}")


class Book:
    """Writes JSON lines, each at once, so that a killed process leaves what it knew."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Add one line."""
        if self._file is not None:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def obligation_line(obligation: Obligation) -> dict[str, Any]:
    """An obligation as it is written to its file."""
    return {
        "line": obligation.line,
        "sample_id": obligation.sample_id,
        "values": dict(obligation.values),
        "expect": obligation.expect.value,
    }


def read_obligations(path: Path) -> list[Obligation]:
    """Obligations from a file; an unfinished last line (a killed writer) is left out."""
    return [
        Obligation(row["line"], row["sample_id"], row["values"], Expectation(row["expect"]))
        for row in _rows(path)
    ]


def read_arrivals(path: Path) -> list[Arrival]:
    """Accepted arrivals from a file of the emulated LIS; those that it refused are left out."""
    return [
        Arrival(row["control_id"], row["sample_id"], row["values"])
        for row in _rows(path)
        if row["answer"] in ("AA", "CA")
    ]


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]
