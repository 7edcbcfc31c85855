"""The gates of quality control inside one transaction: read once, changed as events come, and written back.

States, series and what was learned are JSON in the store; here they are the frozen models of `middleware.qc`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from middleware.model import Finding
from middleware.qc.gate import apply
from middleware.qc.gate_model import (
    Decision,
    Event,
    FreeWaiting,
    GateState,
    HoldWaiting,
    LookBack,
    Mark,
    Moved,
    Refused,
    ResultCounted,
    gate_from,
    gate_text,
)
from middleware.qc.gates import gates_of
from middleware.qc.materials import Place
from middleware.qc.westgard import Series
from middleware.review import quality
from middleware.review.quality import Known, SiteQc
from middleware.store import qc as stored
from middleware.store import qc_lists, results
from middleware.store.connection import Connection
from middleware.store.qc_lists import Since

SERIES = TypeAdapter(Series)
_Test = tuple[str, str]


def place_of(row: Mapping[str, Any]) -> Place:
    """Where a result was measured."""
    return Place(
        line=row["line"],
        analyzer=row["analyzer"],
        module=row["module"] or "",
        test=row["test_code"],
    )


def mark_of(row: Mapping[str, Any]) -> Mark:
    """Its number in the store, and when it was measured where that time is believed."""
    at = None if row.get("time_mark") else row["measured_at"]
    return Mark(order=row["id"], measured_at=None if at is None else utc(at))


def utc(at: float) -> datetime:
    """Seconds since 1970 as a time."""
    return datetime.fromtimestamp(at, UTC)


class Board:
    """I am responsible for the gates of these lines while one transaction asks and tells them."""

    def __init__(self, conn: Connection, qc: SiteQc, now: float, lines: Collection[str]) -> None:
        """`now` is seconds since 1970 UTC."""
        self.conn, self.qc, self.now = conn, qc, utc(now)
        self._stored: dict[_Test, list[stored.StoredGate]] = {}
        for one in stored.gates_of_lines(conn, lines):
            self._stored.setdefault((one.line, one.test_code), []).append(one)
        self._known: dict[_Test, list[Known]] = {}
        self.to_decide: set[_Test] = set()  # tests whose waiting results are decided anew

    def known(self, line: str, test: str) -> Sequence[Known]:
        """All gates of a test of a line, as they stand now."""
        return self._of_test((line, test))

    def _of_test(self, test: _Test) -> list[Known]:
        if test not in self._known:
            self._known[test] = [as_known(one) for one in self._stored.get(test, ())]
        return self._known[test]

    def ask(self, row: Mapping[str, Any]) -> Finding | None:
        """What quality control says against a patient's result; None: nothing, or its test is not gated."""
        if not self.qc.is_gated(row["line"], row["test_code"]):
            return None
        known = self._of_test((row["line"], row["test_code"]))
        return quality.finding(self.qc, place_of(row), known, mark_of(row), self.now)

    def count(self, row: Mapping[str, Any]) -> None:
        """A patient's result came; some schedules count them."""
        if not self.qc.is_gated(row["line"], row["test_code"]):
            return
        known = self._of_test((row["line"], row["test_code"]))
        counting = [
            one
            for one in known
            if self.qc.gate(one.place, self.now).settings.schedule.every_results is not None
        ]
        fitting = set(gates_of(place_of(row), [one.place for one in counting]))
        for one in counting:
            if one.place in fitting:
                self.tell(one, ResultCounted(self.now))

    def gate_at(self, place: Place) -> Known:
        """The gate of exactly that place; made when there is none."""
        known = self._of_test((place.line, place.test))
        for one in known:
            if one.place == place:
                return one
        state = GateState()
        where = (place.line, place.analyzer, place.module, place.test)
        made = stored.make_gate(self.conn, where, state.status.value, gate_text(state))
        known.append(as_known(made))
        return known[-1]

    def tell(self, gate: Known, event: Event) -> list[str]:
        """Tell a gate something; its state is stored, and what follows is done but for waiting results (`to_decide`).
        Answers what was refused, in words."""
        applied = apply(self.qc.gate(gate.place, self.now), gate.state, event)
        return self.take(gate, applied.state, applied.decisions)

    def take(self, gate: Known, state: GateState, decisions: Iterable[Decision]) -> list[str]:
        """A gate was told something: as `tell`."""
        test = (gate.place.line, gate.place.test)
        changed = Known(gate.id, gate.place, state)
        self._known[test] = [changed if one.id == gate.id else one for one in self._of_test(test)]
        if state != gate.state:
            stored.keep_state(self.conn, gate.id, state.status.value, gate_text(state))
        refused = []
        for decision in decisions:
            match decision:
                case LookBack():
                    self._look_back(gate, decision)
                case FreeWaiting() | HoldWaiting():
                    self.to_decide.add(test)
                case Refused():
                    refused.append(decision.reason)
                case Moved():
                    pass
        return refused

    def _look_back(self, gate: Known, decision: LookBack) -> None:
        """List what was released since the last accepted run."""
        since = self._since(gate, decision.since)
        place = gate.place
        found = qc_lists.released_since(self.conn, place.line, place.test, since)
        ids = [
            number
            for number, analyzer, module in found
            if gates_of(
                Place(line=place.line, analyzer=analyzer, module=module, test=place.test), [place]
            )
        ]
        qc_lists.list_for_look_back(self.conn, gate.id, ids, self.now.timestamp())

    def _since(self, gate: Known, mark: Mark | None) -> Since:
        if mark is None:
            return Since(0, (self.now - self.qc.look_back).timestamp(), None)
        row = results.get(self.conn, mark.order)
        at = mark.measured_at
        measured_at = None if at is None else at.timestamp()
        came_at = qc_lists.told_at(self.conn, gate.id, mark.order)
        if row is not None:
            came_at = float(row["received_at"])
        if came_at is None:
            came_at = (self.now - self.qc.look_back).timestamp()
        return Since(mark.order, came_at, measured_at)


def as_known(one: stored.StoredGate) -> Known:
    """A stored gate with its state as a model."""
    line, analyzer, module, test = one.place
    place = Place(line=line, analyzer=analyzer, module=module, test=test)
    return Known(one.id, place, gate_from(one.state))
