"""A laboratory's quality control made ready once per setup, and what a gate's answer is as a finding of a result.

The gate itself is `middleware.qc.gate`; this joins it to the controls of `[qc]` and to the words of review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from middleware.model import Finding, VerdictKind
from middleware.qc.codes import Admission, GateMode, GateStatus
from middleware.qc.gate import WHY_HELD, Answer, admit, apply
from middleware.qc.gate_model import (
    FreeWaiting,
    Gate,
    GateSettings,
    GateState,
    Mark,
    TimeCame,
)
from middleware.qc.gates import NO_GATE, gates_of, strictest
from middleware.qc.judge import TestQc
from middleware.qc.materials import Controls, Found, Place
from middleware.qc.patient_based import PatientQc, prepare
from middleware.qc.rules import RuleSet, rule_set
from middleware.review.quality_file import GateTable, QcFile

CHECK = "qc"
WAITS = "waits"
"""Code of the finding of a result that waits for the run that closes its bracket."""

_PASS = Answer(Admission.PASS)


@dataclass(frozen=True, slots=True)
class Known:
    """A gate as it stands: its number in the store, where it judges, and its state."""

    id: int
    place: Place
    state: GateState


@dataclass(frozen=True, slots=True)
class PatientStatistic:
    """A statistic over patients' results made ready; `unit` empty: any."""

    qc: PatientQc
    unit: str
    holds: bool


class SiteQc:
    """I am responsible for what the laboratory declared: which tests are gated, by what, with which rules."""

    def __init__(self, file: QcFile, zones: Mapping[str, tzinfo]) -> None:
        """`zones`: the time zone of each line. Raises ValueError for a control without its lot, or one that stands
        twice."""
        lots = {(one.lot, one.level): one for one in file.lot}
        self.file = file
        self._zones = zones
        self.controls = Controls(one.control(lots[one.lot, one.level]) for one in file.control)
        self._declared = frozenset((one.line, one.test) for one in file.control) | frozenset(
            (line, test)
            for gate in file.gate
            if gate.mode is GateMode.EXTERNAL
            for line in gate.lines
            for test in gate.tests
        )
        self._patients = {
            (one.line, one.test): PatientStatistic(prepare(one), one.unit, one.holds)
            for one in file.patients
        }
        self._rules = lru_cache(maxsize=4096)(self._make_rules)
        self._gates = lru_cache(maxsize=4096)(self._make_gate)

    def is_gated(self, line: str, test: str) -> bool:
        """A control, or an external gate, is declared for that test of the analyzer."""
        return (line, test) in self._declared

    @property
    def gated(self) -> Iterable[tuple[str, str]]:
        """Lines and tests that are gated."""
        return self._declared

    @property
    def has_patients(self) -> bool:
        """Some statistic over patients' results is declared."""
        return bool(self._patients)

    def patients(self, line: str, test: str) -> PatientStatistic | None:
        """The statistic over patients' results of a test; None: there is none."""
        return self._patients.get((line, test))

    def mode(self, line: str, test: str) -> GateMode:
        """What its gate may do."""
        table = self._table(line, test)
        return self.file.mode if table is None or table.mode is None else table.mode

    def gate(self, place: Place, now: datetime) -> Gate:
        """The settings of the gate at a place; the levels of a run are those in use now."""
        return self._gates(place, now.astimezone(self.zone(place.line)).date())

    def test(self, place: Place, now: datetime) -> TestQc:
        """All that judges control values at a place."""
        return TestQc(self.controls, self.rules(place.line, place.test), self.gate(place, now))

    def rules(self, line: str, test: str) -> RuleSet:
        """The Westgard rules of a test."""
        return self._rules(line, test)

    def find(self, place: Place, lot: str, level: str, day: date) -> Found:
        """The control that a value belongs to: by identifier only."""
        return self.controls.find(place, lot, level, day)

    def zone(self, line: str) -> tzinfo:
        """The time zone of a line."""
        return self._zones.get(line, UTC)

    @property
    def look_back(self) -> timedelta:
        """How far a look-back goes where no accepted run is known."""
        return timedelta(days=self.file.look_back_days)

    def _table(self, line: str, test: str) -> GateTable | None:
        return next((one for one in self.file.gate if one.fits(line, test)), None)

    def _make_gate(self, place: Place, day: date) -> Gate:
        table = self._table(place.line, place.test) or GateTable()
        file = self.file
        settings = GateSettings(
            mode=self.mode(place.line, place.test),
            bracketing=file.bracketing if table.bracketing is None else table.bracketing,
            levels=self.controls.levels_of(place, day),
            schedule=file.schedule if table.schedule is None else table.schedule,
        )
        return Gate(settings, self.zone(place.line))

    def _make_rules(self, line: str, test: str) -> RuleSet:
        table = self._table(line, test)
        return rule_set(self.file.rules if table is None or table.rules is None else table.rules)


def finding(
    qc: SiteQc, place: Place, known: Sequence[Known], mark: Mark, now: datetime
) -> Finding | None:
    """What quality control says against one patient's result; None: nothing. In `observe` it holds nothing.

    `known` are all gates of that test of the line.
    """
    is_observed = qc.mode(place.line, place.test) is GateMode.OBSERVE
    fitting = set(gates_of(place, [one.place for one in known]))
    gates = [one for one in known if one.place in fitting]
    answers = [(_answer(qc, one, mark, now, is_observed), one) for one in gates]
    answer = strictest([one for one, _ in answers])
    if answer.admission is Admission.PASS:
        return None
    said = next((one for found, one in answers if found is answer), None)
    is_waiting = answer.admission is Admission.WAIT
    status = GateStatus.UNKNOWN if said is None else status_now(qc, said, now)
    verdict = VerdictKind.RELEASE if is_observed else VerdictKind.HOLD
    code = WAITS if is_waiting else status.value
    return Finding(check=CHECK, code=code, verdict=verdict, text=_words(place, answer, said))


def status_now(qc: SiteQc, known: Known, now: datetime) -> GateStatus:
    """The status with the time that passed since it was stored."""
    return apply(qc.gate(known.place, now), known.state, TimeCame(now)).state.status


def _answer(qc: SiteQc, known: Known, mark: Mark, now: datetime, is_observed: bool) -> Answer:
    """The gate's answer; a gate that only observes is asked as one that holds, without brackets."""
    gate = qc.gate(known.place, now)
    if is_observed:
        changed = {"mode": GateMode.ENFORCE, "bracketing": False}
        gate = Gate(gate.settings.model_copy(update=changed), gate.zone)
    since, until = known.state.good_since, known.state.last_good
    answer = admit(gate, known.state, mark, now)
    if answer.admission is not Admission.HOLD and since is not None and mark.order < since.order:
        # It came before the good period began, and is asked about again.
        return Answer(Admission.HOLD, WHY_HELD[GateStatus.IN_CONTROL])
    if answer.admission is Admission.WAIT and since is not None and until is not None:
        return _PASS if FreeWaiting(since, until).covers(mark) else answer
    return answer


def _words(place: Place, answer: Answer, said: Known | None) -> str:
    where = f" on module {place.module}" if place.module else ""
    reason = answer.reason or NO_GATE.reason
    broken = f" Broken: {', '.join(said.state.rules)}." if said and said.state.rules else ""
    return f"Quality control of {place.test}{where}: {reason}{broken}"
