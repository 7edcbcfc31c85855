"""From rows of results to the facts that rules judge: gathered for a whole batch inside its transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from middleware.model import Identifier, ReleaseState
from middleware.model.tube import Tube, TubeTest
from middleware.pipeline import quality_view
from middleware.pipeline.rule_values import (
    Row,
    code_of,
    day_of,
    decimal_of,
    dilution_of,
    measured_at,
    unit_of,
    value_of,
    zone_of,
)
from middleware.rules.book import RuleBook
from middleware.rules.criteria import Criterion, Index
from middleware.rules.facts import Facts, Neighbour, Previous, Released, Source, Status
from middleware.rules.scope import SEX_OF, age_days
from middleware.setup import Setup
from middleware.store import prior_results, rule_facts
from middleware.store.connection import Connection
from middleware.store.patients import PatientUnclear
from middleware.store.rule_facts import Beside, Ordered

UNORDERED_S = 86400.0
"""Where nothing is ordered under a sample id, nobody knows when it was used for another tube: only what came within a
day is of the same one."""

_GONE = frozenset({ReleaseState.REJECTED.value, ReleaseState.WITHDRAWN.value})
_COUNTED = frozenset({ReleaseState.RELEASED.value, ReleaseState.HELD.value, "shadow"})


class About(NamedTuple):
    """The setup in force, and the time in seconds since 1970 UTC."""

    setup: Setup
    now: float


class Ground(NamedTuple):
    """What orders know: the tube that a row's sample id names beyond doubt, and the tests on each tube."""

    tube_of: Callable[[Row], Tube | None]
    tests: Mapping[int, Sequence[TubeTest]]


NOTHING_ORDERED = Ground(lambda _row: None, {})


class _Patient(NamedTuple):
    """Whose result it is, as far as it is known. `identifiers` empty: nobody knows."""

    order_source: str
    identifiers: tuple[Identifier, ...]
    specimen_type: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the store knew of a batch. `of_batch` are its own results by sample id."""

    setup: Setup
    ground: Ground
    tubes: Mapping[int, Ordered]
    stored: Mapping[str, Sequence[Beside]]
    of_batch: Mapping[str, Sequence[Row]]
    statuses: Mapping[tuple[str, str, str, str], Mapping[Source, Status]]
    earlier: dict[tuple[_Patient, str], Sequence[prior_results.Previous]] = field(
        default_factory=dict
    )
    unclear: set[_Patient] = field(default_factory=set)

    def facts(self, row: Row, book: RuleBook, indices: Mapping[str, Index]) -> Facts:
        """All that is known of one result. `book` says what an earlier positive result is."""
        tube = self._tube(row)
        ordered = self.tubes.get(tube.id) if tube is not None else None
        code = code_of(row)
        value, text = value_of(row)
        beside = self._beside(row, tube)
        others = {name: _neighbour(one) for name, one in _reported(beside).items() if name != code}
        at = measured_at(row)
        patient = self.patient(row, ordered)
        previous, was_positive = self._history(row, patient, book, beside)
        return Facts(
            test=code,
            line=row["line"],
            value=value,
            comparator=row["comparator"] or "" if value is not None else "",
            text=text,
            unit=unit_of(row),
            flags=self._flags(row),
            indices=_indices(beside, indices),
            age_days=self._age(row, ordered),
            sex=SEX_OF.get(((ordered.sex if ordered else row["sex"]) or "")[:1].upper()),
            location=_ward(ordered),
            specimen=patient.specimen_type or None,
            collected_at=int(at),
            previous=previous,
            others=others,
            awaited=self._awaited(tube, {code, *others}),
            was_positive=was_positive,
            released=_released_before(row, beside),
            statuses=self.statuses.get(
                (row["line"], row["analyzer"], row["module"], row["test_code"]), {}
            ),
            dilution=dilution_of(row),
            run=1 + sum(1 for one in self._runs(row, tube) if code_of(one._asdict()) == code),
        )

    def _tube(self, row: Row) -> Tube | None:
        return None if row.get("identified_by") else self.ground.tube_of(row)

    def _runs(self, row: Row, tube: Tube | None) -> list[Beside]:
        """Stored results of the same tube, whatever became of them."""
        return [one for one in self.stored.get(row["sample_id"], ()) if _is_beside(one, row, tube)]

    def _beside(self, row: Row, tube: Tube | None) -> list[Row]:
        """The results of the same tube that still count, the newest last; `row` itself may be among them."""
        found: list[Row] = [
            one._asdict() for one in self._runs(row, tube) if one.release_state not in _GONE
        ]
        if row.get("identified_by"):
            return found
        return found + [one for one in self.of_batch.get(row["sample_id"], ()) if one is not row]

    def _flags(self, row: Row) -> tuple[str, ...]:
        """The analyzer's own flags but those that change nothing by its profile."""
        if not row["instrument_flags"]:
            return ()
        driver = self.setup.drivers.get(self.setup.lines[row["line"]].driver)
        harmless = driver.profile.result.harmless_flags if driver is not None else ()
        return tuple(one for one in json.loads(row["instrument_flags"]) if one not in harmless)

    def _age(self, row: Row, ordered: Ordered | None) -> int | None:
        born = day_of(ordered.birth_date if ordered is not None else row["birth_date"])
        if born is None:
            return None
        collected = ordered.collected_at if ordered is not None else None
        at = collected if collected is not None else measured_at(row)
        zone = self.setup.lines[row["line"]].time_zone or self.setup.node.time_zone
        return age_days(born, datetime.fromtimestamp(at, zone_of(zone)).date())

    def patient(self, row: Row, ordered: Ordered | None) -> _Patient:
        """Whose result it is: as ordered, else as the analyzer says."""
        kind = (ordered.specimen_type if ordered is not None else None) or row["specimen_type"]
        who = (row["patient_id"], row["patient_authority"])
        source = row["order_source"] or ""
        if ordered is not None:
            who, source = (ordered.patient_id, ordered.patient_authority), ordered.order_source
        known = (Identifier(id=who[0], authority=who[1] or ""),) if who[0] else ()
        return _Patient(source, known, kind or "")

    def _awaited(self, tube: Tube | None, there: Collection[str]) -> frozenset[str] | None:
        tests = self.ground.tests.get(tube.id, ()) if tube is not None else ()
        if not tests:
            return None
        return frozenset(
            one.lis_code
            for one in tests
            if one.is_open and not one.is_follow_up and one.lis_code not in there
        )

    # -- what the patient had before ---------------------------------------------------------------

    def _history(
        self, row: Row, patient: _Patient, book: RuleBook, beside: Sequence[Row]
    ) -> tuple[Previous | None, bool | None]:
        code = code_of(row)
        if patient in self.unclear or not patient.identifiers:
            return None, None
        found = self.earlier.get((patient, code))
        if found is None:
            return None, None
        own = {one["id"] for one in beside}
        at = measured_at(row)
        before = [one for one in found if one.result_id not in own and one.measured_at < at]
        if not before:
            return None, False
        return _previous(before[-1]), _any_positive(before, code, row["line"], book)


def gather(
    conn: Connection, rows: Sequence[Row], batch: Iterable[Row], ground: Ground, about: About
) -> Gathered:
    """Ask the store about these rows; `batch` are all patients' results that are stored with them."""
    setup = about.setup
    of_batch: dict[str, list[Row]] = {}
    for one in batch:
        of_batch.setdefault(one["sample_id"], []).append(one)
    found = {tube.id for row in rows if (tube := _tube(row, ground)) is not None}
    known = Gathered(
        setup,
        ground,
        rule_facts.tubes(conn, found) if found else {},
        rule_facts.results_of(conn, {row["sample_id"] for row in rows}),
        of_batch,
        statuses_of(conn, rows, about),
    )
    _ask_history(conn, rows, known)
    return known


def statuses_of(
    conn: Connection, rows: Sequence[Row], about: About
) -> Mapping[tuple[str, str, str, str], Mapping[Source, Status]]:
    """What is known by line, analyzer, module and test of the analyzer: quality control where it gates the test, and
    the moving average where there is one.

    Calibration and reagent lots are not known: a rule that asks for them holds.
    """
    qc = about.setup.qc
    return {} if qc is None else quality_view.statuses(conn, qc, rows, about.now)


def _ask_history(conn: Connection, rows: Sequence[Row], known: Gathered) -> None:
    """Earlier results, for tests whose rules look at them: some five statements for each patient."""
    rules = [one.book for one in (known.setup.rules, known.setup.candidate) if one is not None]
    wanted: dict[_Patient, set[str]] = {}
    for row in rows:
        code = code_of(row)
        if any(looks_back(book, code, row["line"]) for book in rules):
            tube = _tube(row, known.ground)
            patient = known.patient(row, known.tubes.get(tube.id) if tube is not None else None)
            if patient.identifiers:
                wanted.setdefault(patient, set()).add(code)
    latest = max((measured_at(row) for row in rows), default=0.0)
    for patient, codes in wanted.items():
        asked = prior_results.Asked(
            patient.order_source,
            patient.identifiers,
            tuple(sorted(codes)),
            before=latest,
            since=0.0,
            specimen_type=patient.specimen_type,
        )
        try:
            found = prior_results.earlier(conn, asked)
        except PatientUnclear:
            known.unclear.add(patient)
            continue
        known.earlier.update({(patient, code): found.get(code, ()) for code in codes})


def looks_back(book: RuleBook, test: str, line: str) -> bool:
    """A rule for this test compares with earlier results of the patient."""
    plan = book.plan(test, line)
    back = (Criterion.DELTA, Criterion.FIRST_POSITIVE)
    return plan is not None and any(
        slot.candidates for slot in plan.slots if slot.criterion in back
    )


def _tube(row: Row, ground: Ground) -> Tube | None:
    return None if row.get("identified_by") else ground.tube_of(row)


def _any_positive(
    before: Sequence[prior_results.Previous], test: str, line: str, book: RuleBook
) -> bool:
    """Whether a rule of first positives would have called one of them positive."""
    plan = book.plan(test, line)
    slots = plan.slots if plan is not None else ()
    checks = [
        check
        for slot in slots
        if slot.criterion is Criterion.FIRST_POSITIVE
        for one in slot.candidates
        for check in one.checks
    ]
    for one in before:
        value = decimal_of(one.value_number)
        facts = Facts(
            test,
            value=value,
            comparator=(one.comparator or "") if value is not None else "",
            text="" if value is not None else one.value_raw,
            unit=one.unit or "",
            was_positive=False,
        )
        if any(check.find(facts) is not None for check in checks):
            return True
    return False


def _ward(ordered: Ordered | None) -> str | None:
    """The point of care, the first part of PV1-3; None: the order does not say."""
    return (ordered.location or "").partition("^")[0].strip() or None if ordered else None


# -- beside it -------------------------------------------------------------------------------------


def _is_beside(one: Beside, row: Row, tube: Tube | None) -> bool:
    """A stored result of the same tube (of a culture's isolates none: they have codes in common)."""
    if one.id == row["id"] or one.isolate or one.identified_by or row.get("identified_by"):
        return False
    if (one.order_source or "") != (row["order_source"] or ""):
        return False
    if tube is None:
        return abs(one.received_at - float(row["received_at"])) <= UNORDERED_S
    return one.received_at >= tube.used_from


def _reported(beside: Iterable[Row]) -> dict[str, Row]:
    """Of several runs of a test the released one, else the newest."""
    found: dict[str, Row] = {}
    for one in beside:
        if one["release_state"] not in _COUNTED or one.get("isolate"):
            continue
        code = code_of(one)
        is_out = one["release_state"] == ReleaseState.RELEASED
        if code not in found or is_out or found[code]["release_state"] != ReleaseState.RELEASED:
            found[code] = one
    return found


def _neighbour(row: Row) -> Neighbour:
    value, _ = value_of(row)
    return Neighbour(value, unit_of(row), (row["comparator"] or "") if value is not None else "")


def _indices(beside: Sequence[Row], indices: Mapping[str, Index]) -> dict[Index, Decimal]:
    found: dict[Index, Decimal] = {}
    for one in beside if indices else ():
        index = indices.get(code_of(one)) or indices.get(one["test_code"])
        value, _ = value_of(one)
        if index is not None and value is not None and not one["comparator"]:
            found[index] = value
    return found


def _released_before(row: Row, beside: Sequence[Row]) -> Released | None:
    earlier = next((one for one in beside if one["id"] == row["supersedes"]), None)
    if earlier is None or row["supersedes"] is None:
        return None
    value, text = value_of(earlier)
    return Released(value, text, (earlier["comparator"] or "") if value is not None else "")


def _previous(one: prior_results.Previous) -> Previous:
    return Previous(
        decimal_of(one.value_number), one.unit or "", int(one.measured_at), one.comparator or ""
    )
