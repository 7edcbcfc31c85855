"""Judges a closed loop: what the LIS ordered, what the analyzers were given and measured, and what came back.

Two sources: the book of an emulated laboratory (JSON lines in the order in which things happened), and the messages
that the LIS accepted, as bytes. Of the standard library alone; nothing here knows how Labwire works.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class Did(StrEnum):
    """What a line of the book says that happened."""

    ORDERING = "ordering"  # the LIS sends an order; it may be done before the answer is here
    ORDERED = "ordered"  # the node answered OK
    CANCELLED = "cancelled"  # the node answered CR
    TOO_LATE = "too_late"  # the node answered UC: the order stands
    ORDER_REFUSED = "order_refused"
    ASKED = "asked"  # an analyzer asked for the tube
    NO_WORK = "no_work"  # and was told that there is none
    NO_ANSWER = "no_answer"  # and was told nothing
    GIVEN = "given"  # an analyzer was told to measure
    TOLD = "told"  # an analyzer took back what it was given
    REFUSED = "refused"  # an analyzer does not do it
    MEASURED = "measured"  # the node acknowledged the value
    RELEASED = "released"  # a person let this value go to the LIS
    SEARCHED = "searched"  # a person put the tube on once more, for work was missing
    KILLED = "killed"  # the node died: what was on its way may be given once more, also elsewhere
    STRANGE = "strange"  # an analyzer was told what it did not ask about


class OrderedTest(NamedTuple):
    """A test of a tube."""

    sample_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the book. `run` counts the measurements of a test on a tube, from 1."""

    who: str
    did: Did
    test: OrderedTest
    placer: str = ""
    value: str = ""
    run: int = 0

    def row(self) -> dict[str, Any]:
        """As it stands in the book."""
        sample_id, code = self.test
        row = {"who": self.who, "did": self.did.value, "sample_id": sample_id, "test": code}
        more = {"placer": self.placer, "value": self.value, "run": self.run}
        return row | {key: value for key, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Came:
    """A value that the LIS accepted, under the placer number that stood beside it. `is_correction`: OBX-11 C."""

    control_id: str
    test: OrderedTest
    placer: str
    value: str
    is_correction: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A status of an order that the LIS accepted: ORC-5 (table 0038)."""

    placer: str
    status: str


@dataclass(slots=True)
class OrderVerdict:
    """What the oracle found; each list must be empty. Sample ids are invented ones, so they may be shown."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)  # ordered, measured, never at the LIS
    not_measured: list[str] = field(default_factory=list)  # ordered, and no analyzer measured it
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # another value than was measured
    misplaced: list[str] = field(default_factory=list)  # another placer number than the order's
    unordered: list[str] = field(default_factory=list)  # nobody ordered it, or it was cancelled
    given_after_cancel: list[str] = field(default_factory=list)
    given_elsewhere: list[str] = field(default_factory=list)  # two analyzers were given the same
    by_itself: list[str] = field(default_factory=list)  # a further run that no person released
    untold: list[str] = field(
        default_factory=list
    )  # an analyzer refused it, and the LIS was not told
    strange: list[str] = field(default_factory=list)  # work that an analyzer could not place

    @property
    def is_good(self) -> bool:
        """Something was ordered, and every promise was kept."""
        return self.counts[Did.ORDERED] > 0 and not self.broken()

    def broken(self) -> dict[str, list[str]]:
        """The promises that were not kept, by name."""
        names = [name for name in self.__slots__ if name != "counts"]
        found = {name: getattr(self, name) for name in names}
        return {name: list(which) for name, which in found.items() if which}

    def lines(self) -> list[str]:
        """The verdict for people."""
        told = [", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))]
        for name, found in self.broken().items():
            told.append(f"{name.replace('_', ' ')}: {len(found)} ({', '.join(found[:_SHOWN])})")
        kept = "good" if self.is_good else "nothing was ordered"
        return [*told, f"verdict: {'BROKEN PROMISE' if self.broken() else kept}"]


_SHOWN = 8


def judge_orders(
    deeds: Iterable[Deed], came: Iterable[Came], told: Iterable[Told] = ()
) -> OrderVerdict:
    """Compare the book, in its order, with what the LIS accepted. Messages under one control id count once."""
    book = _Book()
    for deed in deeds:
        book.read(deed)
    verdict = book.verdict
    arrived: dict[OrderedTest, dict[tuple[str, str], Came]] = {}
    for one in came:
        arrived.setdefault(one.test, {})[one.control_id, one.value] = one
    for test, placer in book.open.items():
        _judge_test(test, placer, list(arrived.pop(test, {}).values()), book)
    for test, values in arrived.items():
        # Asked for and measured before the LIS changed its mind: it stays in the laboratory all the same.
        verdict.unordered += [_name(test)] * len(values)
    reported = {one.placer for one in told if one.status in _NOT_DONE}
    verdict.untold += [
        _name(test) for test, placer in book.refused.items() if placer not in reported
    ]
    verdict.counts["arrived"] = sum(map(len, arrived.values())) + verdict.counts["good"]
    return verdict


_NOT_DONE = frozenset(("ER", "CA", "DC"))


class _Book:
    """What stands in the book, test by test."""

    def __init__(self) -> None:
        self.verdict = OrderVerdict()
        self.open: dict[OrderedTest, str] = {}  # and its placer number
        self.refused: dict[OrderedTest, str] = {}
        self.values: dict[OrderedTest, set[str]] = {}
        self.first: dict[OrderedTest, set[str]] = {}  # of each analyzer, mostly one
        self.released: dict[OrderedTest, str] = {}
        self._ever: set[OrderedTest] = set()
        self._cancelled: set[OrderedTest] = set()
        self._has_it: dict[OrderedTest, str] = {}

    def read(self, deed: Deed) -> None:
        """The next line."""
        test = deed.test
        self.verdict.counts[deed.did] += 1
        match deed.did:
            case Did.ORDERING:
                self._ever.add(test)
                self._cancelled.discard(test)
            case Did.ORDERED:
                self.open[test] = deed.placer
            case Did.CANCELLED:
                self.open.pop(test, None)
                self._cancelled.add(test)
                self._has_it.pop(test, None)
            case Did.RELEASED:
                self.released[test] = deed.value
            case Did.KILLED:
                self._has_it.clear()
            case _:
                self._at_an_analyzer(deed)

    def _at_an_analyzer(self, deed: Deed) -> None:
        test = deed.test
        match deed.did:
            case Did.GIVEN:
                self._given(deed)
            case Did.MEASURED:
                self.values.setdefault(test, set()).add(deed.value)
                if deed.run <= 1:
                    self.first.setdefault(test, set()).add(deed.value)
            case Did.REFUSED | Did.TOLD if test in self.open:
                self.refused[test] = self.open[test]
            case Did.STRANGE:
                self.verdict.strange.append(f"{deed.who}: {_name(test)}")

    def _given(self, deed: Deed) -> None:
        if deed.test in self._cancelled:
            self.verdict.given_after_cancel.append(_name(deed.test))
        elif deed.test not in self._ever:
            self.verdict.unordered.append(_name(deed.test))
        if self._has_it.setdefault(deed.test, deed.who) != deed.who:
            self.verdict.given_elsewhere.append(_name(deed.test))


def _judge_test(test: OrderedTest, placer: str, came: list[Came], book: _Book) -> None:
    """An order that stands: exactly one final value, the first one or the one that a person chose."""
    verdict, name = book.verdict, _name(test)
    measured = book.values.get(test, set())
    sendable = {book.released[test]} if test in book.released else book.first.get(test, set())
    if test in book.refused:
        verdict.unordered += [name] * len(came)
    elif not measured:
        verdict.not_measured.append(name)
    elif not came:
        verdict.lost.append(name)
    elif len(came) > 1:
        verdict.doubled.append(name)
    elif came[0].placer != placer:
        verdict.misplaced.append(f"{name} under {came[0].placer or 'no number'}")
    elif came[0].value not in measured:
        verdict.changed.append(name)
    elif came[0].value not in sendable:
        verdict.by_itself.append(name)
    else:
        verdict.counts["good"] += 1


def _name(test: OrderedTest) -> str:
    return f"{test.sample_id}/{test.code}"


def read_book(path: Path) -> list[Deed]:
    """The book of a laboratory; an unfinished last line (a killed writer) is left out."""
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1] if line]
    return [_deed(row) for row in rows]


def _deed(row: Mapping[str, Any]) -> Deed:
    test = OrderedTest(row["sample_id"], row["test"])
    more = {key: row[key] for key in ("placer", "value", "run") if key in row}
    return Deed(row["who"], Did(row["did"]), test, **more)


def read_message(payload: bytes) -> tuple[list[Came], list[Told]]:
    """The values of an ORU^R01, or the statuses of an ORM^O01; read plainly, by position."""
    segments = [line.split("|") for line in payload.decode().split("\r") if line]
    control_id = segments[0][9]
    sample_id = next((_first(one[2]) for one in segments if one[0] == "SPM"), "")
    if segments[0][8].startswith("ORM"):
        return [], [Told(one[2], one[5]) for one in segments if one[0] == "ORC"]
    came: list[Came] = []
    placer = ""
    for one in segments:
        if one[0] == "OBR":
            placer = _first(one[2])
        elif one[0] == "OBX":
            test = OrderedTest(sample_id, _first(one[3]))
            came.append(Came(control_id, test, placer, one[5], one[11] == "C"))
    return came, []


def _first(text: str) -> str:
    return text.split("^", maxsplit=1)[0].split("&", maxsplit=1)[0]
