"""How quality control stands now, for people, for warnings and for the laboratory's rules. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from middleware.pipeline.quality_board import as_known, place_of, utc
from middleware.qc.codes import GateMode, GateStatus, PatientQcStatus
from middleware.qc.gates import gates_of
from middleware.qc.materials import Place
from middleware.qc.tables import IS_GOOD
from middleware.review.quality import Known, SiteQc, status_now
from middleware.rules.facts import Source, Status
from middleware.store import qc as stored
from middleware.store import qc_lists, qc_patients
from middleware.store.connection import Connection

UNKNOWN_FOR = timedelta(days=1)
"""Controls that nobody declared are warned of for so long after the last one came."""

_AS_RULES_SAY = {
    GateStatus.UNKNOWN: Status.UNKNOWN,
    GateStatus.IN_CONTROL: Status.GOOD,
    GateStatus.WARNING: Status.WARNING,
}
_OF_PATIENTS = {
    PatientQcStatus.STARTING: Status.UNKNOWN,
    PatientQcStatus.IN_CONTROL: Status.GOOD,
    PatientQcStatus.ALARM: Status.BAD,
}
_ORDER = (Status.GOOD, Status.WARNING, Status.UNKNOWN, Status.BAD)


@dataclass(frozen=True, slots=True)
class Standing:
    """One gate now. `id` is 0 for a test that was declared and had no run yet."""

    id: int
    place: Place
    mode: GateMode
    status: GateStatus
    known: Known | None = None

    @property
    def holds(self) -> bool:
        """It holds every result that comes now."""
        return self.mode is not GateMode.OBSERVE and not IS_GOOD[self.status]

    def columns(self) -> dict[str, Any]:
        """As a row of a list."""
        state = self.known.state if self.known is not None else None
        return {
            "gate": self.id or None,
            **self.place.model_dump(),
            "mode": self.mode.value,
            "status": self.status.value,
            "rules": list(state.rules) if state is not None else [],
            "due_at": state.due_at.timestamp() if state and state.due_at else None,
            "results_since": state.results_since if state is not None else None,
            "last_good": state.last_good.order if state and state.last_good else None,
        }


@dataclass(frozen=True, slots=True)
class Troubles:
    """What a person should know: gates that hold, those of them that are overdue, controls that nobody declared of
    late, released results to look at again, and alarms of statistics over patients' results."""

    holding: Sequence[Standing] = ()
    overdue: Sequence[Standing] = ()
    unknown: int = 0
    look_back: int = 0
    alarms: Sequence[str] = ()


def standing(conn: Connection, qc: SiteQc, now: float) -> list[Standing]:
    """All gates of declared tests, and declared tests without any, by line and test."""
    at = utc(now)
    found = []
    seen: set[tuple[str, str]] = set()
    for one in stored.all_gates(conn):
        if qc.is_gated(one.line, one.test_code):
            known = as_known(one)
            mode = qc.mode(one.line, one.test_code)
            found.append(Standing(one.id, known.place, mode, status_now(qc, known, at), known))
            seen.add((one.line, one.test_code))
    for line, test in sorted(set(qc.gated) - seen):
        place = Place(line=line, test=test)
        found.append(Standing(0, place, qc.mode(line, test), GateStatus.UNKNOWN))
    return sorted(found, key=lambda one: (one.place.line, one.place.test, one.id))


def troubles(conn: Connection, qc: SiteQc | None, now: float) -> Troubles:
    """What is wrong now; nothing without quality control in the settings."""
    if qc is None:
        return Troubles()
    gates = standing(conn, qc, now)
    return Troubles(
        [one for one in gates if one.holds],
        [one for one in gates if one.status is GateStatus.OVERDUE],
        qc_lists.unknown_since(conn, now - UNKNOWN_FOR.total_seconds()),
        qc_lists.look_back_count(conn),
        [
            " ".join(filter(None, (one.line, one.module, one.test_code)))
            for one in qc_patients.everything(conn)
            if one.status == PatientQcStatus.ALARM and qc.patients(one.line, one.test_code)
        ],
    )


def statuses(
    conn: Connection, qc: SiteQc, rows: Iterable[Mapping[str, Any]], now: float
) -> dict[tuple[str, str, str, str], Mapping[Source, Status]]:
    """What rules may ask of quality control, by line, analyzer, module and test of these results."""
    wanted = {one: place_of(row) for row in rows if (one := _key(row))[0]}
    gates = stored.gates_of_lines(conn, {line for line, *_ in wanted})
    by_test: dict[tuple[str, str], list[Known]] = {}
    for gate in gates:
        by_test.setdefault((gate.line, gate.test_code), []).append(as_known(gate))
    found: dict[tuple[str, str, str, str], Mapping[Source, Status]] = {}
    alarms = _moving(conn, qc, {line for line, *_ in wanted})
    for key, place in wanted.items():
        if qc.is_gated(place.line, place.test):
            status = _worst(qc, place, by_test.get((place.line, place.test), ()), now)
            found[key] = {Source.QC: status}
        if qc.patients(place.line, place.test) is not None:
            moving = alarms.get(key, Status.UNKNOWN)
            found[key] = {**found.get(key, {}), Source.MOVING_AVERAGE: moving}
    return found


def _moving(
    conn: Connection, qc: SiteQc, lines: Collection[str]
) -> dict[tuple[str, str, str, str], Status]:
    if not qc.has_patients:
        return {}
    return {
        one.place: _OF_PATIENTS[PatientQcStatus(one.status)]
        for one in qc_patients.of_lines(conn, lines)
    }


def _key(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return (row["line"], row["analyzer"], row["module"], row["test_code"])


def _worst(qc: SiteQc, place: Place, known: Collection[Known], now: float) -> Status:
    fitting = set(gates_of(place, [one.place for one in known]))
    said = [
        _AS_RULES_SAY.get(status_now(qc, one, utc(now)), Status.BAD)
        for one in known
        if one.place in fitting
    ]
    return max(said, key=_ORDER.index, default=Status.UNKNOWN)
