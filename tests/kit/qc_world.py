"""A small laboratory around one gate: an analyzer that goes wrong at a random time, controls, people, restarts.

What is true stands here apart from what the gate believes: an item is *bad* when it was measured while the analyzer was
wrong. The gate only sees control values, clearings and messages that may come late and out of order.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from middleware.qc.codes import Admission, GateStatus, PointVerdict
from middleware.qc.gate import Answer, admit, apply
from middleware.qc.gate_model import (
    Cleared,
    ControlJudged,
    Event,
    FreeWaiting,
    Gate,
    GateSettings,
    GateState,
    HoldWaiting,
    LookBack,
    Mark,
    ResultCounted,
    gate_from,
    gate_text,
)
from middleware.qc.schedule import Schedule

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTES = 48
LEVELS = 2
NO_MARK = Mark(order=0)
Admit = Callable[[Gate, GateState, Mark, datetime], Answer]


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@dataclass
class Item:
    """Something measured: a patient's result (no level), or a control value of a run."""

    measured: int
    episode: int  # 0: the analyzer was right; else which time it was wrong
    level: str = ""
    run: int = 0
    mark: Mark = NO_MARK
    is_waiting: bool = False
    is_released: bool = False
    released_order: int = 0
    is_listed: bool = False

    @property
    def is_bad(self) -> bool:
        return self.episode > 0


@dataclass
class World:
    """One run with one seed. `play` it, then ask for `faults`."""

    seed: int
    bracketing: bool
    ask: Admit = admit
    items: list[Item] = field(default_factory=list)
    failures_seen: int = 0
    released_after_failure: int = 0
    freed: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        schedule = self.chance.choice(
            [Schedule(), Schedule(every_h=0.5), Schedule(every_results=7)]
        )
        self.gate = Gate(
            GateSettings(bracketing=self.bracketing, levels=("L1", "L2"), schedule=schedule), UTC
        )
        self.state = GateState()
        self.order = 0
        self.knows_times = self.chance.random() < 0.7
        self.wrong_from = self.chance.randrange(3, MINUTES)
        self.is_wrong = False
        self.episodes = 0
        self.is_failed = False
        self.is_documented = False
        self.good_levels: dict[int, set[str]] = defaultdict(set)
        self.arrivals: dict[int, list[Item]] = defaultdict(list)
        self.run = 0
        self.level = "L2"
        self.run_from = 0
        self.mend_at: int | None = None
        self.mended_at: int | None = None
        self.document_at = 0

    def play(self) -> World:
        for minute in range(MINUTES):
            self._measure(minute)
            for item in self.arrivals.pop(minute, ()):
                self._arrive(item, minute)
            self._people(minute)
            if self.chance.random() < 0.15:
                self.state = gate_from(gate_text(self.state))
        for minute in sorted(self.arrivals):
            for item in self.arrivals[minute]:
                self._arrive(item, minute)
        return self

    def _measure(self, minute: int) -> None:
        if minute == self.wrong_from:
            self.is_wrong = True
            self.episodes += 1
        item = Item(minute, self.episodes if self.is_wrong else 0)
        if self.level == "L1" or minute >= self.run_from:
            self._as_control(item, minute)
        late = self.chance.choice((0, 0, 0, 0, 2, 5)) if self.knows_times else 0
        self.arrivals[minute + late].append(item)
        self.items.append(item)

    def _as_control(self, item: Item, minute: int) -> None:
        """A run is two levels in two minutes; a result may lie between them."""
        if self.level == "L2":
            self.run += 1
            self.level = "L1"
            self.run_from = minute + self.chance.randrange(4, 14)
        elif self.chance.random() < 0.3:
            return
        else:
            self.level = "L2"
        item.level, item.run = self.level, self.run

    def _arrive(self, item: Item, minute: int) -> None:
        self.order += 1
        measured_at = at(item.measured) if self.knows_times else None
        item.mark = Mark(order=self.order, measured_at=measured_at)
        if not item.level:
            self._arrive_result(item, minute)
            return
        self._note_truth(item)
        verdict = PointVerdict.REJECTED if item.is_bad else PointVerdict.ACCEPTED
        self._tell(ControlJudged(item.level, item.run, verdict, item.mark, at(minute)), minute)

    def _arrive_result(self, item: Item, minute: int) -> None:
        admission = self.ask(self.gate, self.state, item.mark, at(minute)).admission
        item.is_waiting = admission is Admission.WAIT
        if admission is Admission.PASS:
            self._release(item)
        self._tell(ResultCounted(at(minute)), minute)

    def _release(self, item: Item) -> None:
        item.is_released, item.released_order, item.is_waiting = True, self.order, False
        self.released_after_failure += self.is_failed

    def _tell(self, event: Event, minute: int) -> None:
        applied = apply(self.gate, self.state, event)
        self.state = applied.state
        for decision in applied.decisions:
            if isinstance(decision, FreeWaiting):
                self._free(decision)
            elif isinstance(decision, HoldWaiting):
                for item in self.items:
                    item.is_waiting = False
            elif isinstance(decision, LookBack):
                self._failed(decision, minute)

    def _free(self, decision: FreeWaiting) -> None:
        for item in self.items:
            if item.is_waiting and decision.covers(item.mark):
                self.freed += 1
                self._release(item)

    def _failed(self, decision: LookBack, minute: int) -> None:
        self.failures_seen += 1
        for item in self.items:
            if item.is_released and decision.lists(item.mark, item.released_order):
                item.is_listed = True
        if self.mend_at is None and self.mended_at is None:
            self.mend_at = minute + self.chance.randrange(1, 9)

    def _people(self, minute: int) -> None:
        """Somebody mends the analyzer, measures controls, and documents it some time after: before or after them."""
        if self.mend_at == minute:
            self._mend(minute)
        if self.mended_at is not None and self.document_at == minute:
            taken_at, self.mended_at = at(self.mended_at), None
            self._tell(Cleared("m.rossi", "calibrated", at(minute), taken_at), minute)
            self._document()
            # A failure that came between the action and its document is somebody's next work.
            if self.state.status is GateStatus.CLEARED and self.is_wrong:
                self.mend_at = minute + self.chance.randrange(1, 9)

    def _document(self) -> None:
        self.is_documented = True
        is_shown_good = any(len(levels) == LEVELS for levels in self.good_levels.values())
        self.is_failed = self.is_failed and not is_shown_good

    def _mend(self, minute: int) -> None:
        """Nobody mends by chance what no control has shown yet: no bracket could see that."""
        self.mend_at, self.mended_at = None, minute
        self.document_at = minute + self.chance.randrange(0, 9)
        self.run_from, self.level = minute + self.chance.randrange(1, 4), "L2"
        if any(item.level and item.episode == self.episodes for item in self.items):
            self.is_wrong = False
            self.wrong_from = minute + self.chance.randrange(1, MINUTES)

    def _note_truth(self, item: Item) -> None:
        """What a person at the analyzer knows: after a bad control nothing may be decided until a good run of after
        the mending came, and the action is documented."""
        if item.is_bad:
            self.is_failed, self.is_documented = True, False
            self.good_levels.clear()
        elif self.is_failed:
            self.good_levels[item.run].add(item.level)
        if self.is_documented:
            self._document()

    def faults(self) -> list[str]:
        """What must never happen, in words."""
        found = []
        spans = self._good_spans()
        for item in self.items:
            if item.is_released and item.is_bad and self.bracketing:
                found.append(f"minute {item.measured}: a wrong result was released")
            if item.is_released and item.is_bad and not self._is_told(item):
                found.append(f"minute {item.measured}: a wrong result was released, and not listed")
            if self.bracketing and item.is_released and not self._is_bracketed(item, spans):
                found.append(f"minute {item.measured}: released without a good run on both sides")
        if self.released_after_failure:
            found.append(f"{self.released_after_failure} released after a failed run")
        return found

    def _is_told(self, item: Item) -> bool:
        """Only a time of being wrong that a control showed can be listed; some end before anybody measures one."""
        shown = any(one.level and one.episode == item.episode for one in self.items)
        return item.is_listed or not shown

    def _good_spans(self) -> list[tuple[int, int]]:
        """First and last minute of each complete good run, read from what is true."""
        good_runs: dict[int, list[int]] = defaultdict(list)
        for one in self.items:
            if one.level and not one.is_bad:
                good_runs[one.run].append(one.measured)
        return [(min(run), max(run)) for run in good_runs.values() if len(run) == LEVELS]

    def _is_bracketed(self, item: Item, spans: list[tuple[int, int]]) -> bool:
        """Before it and after it stand complete good runs, and nothing bad was measured between these."""
        before = [last for _, last in spans if last < item.measured]
        between = [first for first, last in spans if first < item.measured < last]
        after = [first for first, _ in spans if first > item.measured]
        if not after or not (before or between):
            return False
        start, end = min(between) if between else max(before), min(after)
        return not any(one.is_bad for one in self.items[start : end + 1])
