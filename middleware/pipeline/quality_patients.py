"""Statistics over patients' own results, kept while results are stored: an alarm holds what comes after it.

One statistic for each analyzer and module of a test that `[[patients]]` in the file of `[qc]` names. Its state is
written in the transaction of the results that moved it. An alarm stays until a person clears it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from middleware.model import Finding, ResultStatus, ValueKind, VerdictKind
from middleware.pipeline.rule_values import decimal_of
from middleware.qc.codes import PatientQcStatus
from middleware.qc.patient_based import (
    STARTED,
    PatientQcState,
    patient_qc_from,
    patient_qc_text,
    step,
)
from middleware.review.quality import CHECK, SiteQc
from middleware.store import qc_patients as stored
from middleware.store.connection import Connection

ALARM = "patients_alarm"
"""Code of the finding of results that came since the alarm."""

Place = tuple[str, str, str, str]
_ALARM = PatientQcStatus.ALARM


class Statistics:
    """I am responsible for the statistics of these lines while one transaction moves them."""

    def __init__(self, conn: Connection, qc: SiteQc, lines: Collection[str]) -> None:
        self._conn, self._qc = conn, qc
        self._states: dict[Place, PatientQcState] = {}
        self._changed: set[Place] = set()
        if qc.has_patients:
            found = stored.of_lines(conn, lines)
            self._states = {one.place: patient_qc_from(one.state) for one in found}

    def take(self, row: Mapping[str, Any]) -> Finding | None:
        """Take in one result that is about to be stored; answers the finding when an alarm holds it."""
        of = self._qc.patients(row["line"], row["test_code"])
        if of is None:
            return None
        place = place_of(row)
        state = self._states.get(place, STARTED)
        value = usable(row, of.unit)
        if value is not None:
            state = step(of.qc, state, value, row["id"])
            self._states[place] = state
            self._changed.add(place)
        return _finding(row, state) if of.holds and state.status is _ALARM else None

    def keep(self, now: float) -> None:
        """Write what changed; `now` is seconds since 1970 UTC."""
        for place in sorted(self._changed):
            state = self._states[place]
            stored.keep(self._conn, place, (state.status.value, patient_qc_text(state)), now)
        self._changed.clear()


def alarm_of(conn: Connection, qc: SiteQc, row: Mapping[str, Any]) -> Finding | None:
    """The finding of a stored result that is decided anew while an alarm stands."""
    of = qc.patients(row["line"], row["test_code"])
    if of is None or not of.holds:
        return None
    for one in stored.of_lines(conn, [row["line"]]):
        if one.place == place_of(row) and one.status == _ALARM:
            return _finding(row, patient_qc_from(one.state))
    return None


def place_of(row: Mapping[str, Any]) -> Place:
    """Line, analyzer, module and test of a result."""
    return (row["line"], row["analyzer"], row["module"] or "", row["test_code"])


def usable(row: Mapping[str, Any], unit: str) -> Decimal | None:
    """The value of a plain final number, measured once and undiluted, in that unit (empty: any), that the analyzer says
    nothing against; else None (as `middleware.qc.patient_based.is_usable`)."""
    is_plain = (
        row["value_kind"] == ValueKind.NUMBER
        and not row["comparator"]
        and row["result_status"] == ResultStatus.FINAL
        and row["run"] == 1
        and not row["instrument_flags"]
        and not row["is_manual"]
        and (row["unit"] or "") == (unit or row["unit"] or "")
    )
    dilution = decimal_of(row["dilution_factor"])
    if not is_plain or dilution not in (None, Decimal(1)):
        return None
    return decimal_of(row["value_number"])


def _finding(row: Mapping[str, Any], state: PatientQcState) -> Finding:
    where = f" on module {row['module']}" if row["module"] else ""
    value = "" if state.statistic is None else f" It stands at {_shown(state.statistic)}."
    return Finding(
        check=CHECK,
        code=ALARM,
        verdict=VerdictKind.HOLD,
        text=f"The moving statistic of patients' {row['test_code']}{where} is out of its limits since result "
        f"{state.alarm_order}.{value}",
    )


def restart(conn: Connection, number: int, now: float) -> stored.StoredStatistic | None:
    """Begin a statistic anew; None: there is no such alarm."""
    for one in stored.everything(conn):
        if one.id == number and one.status == _ALARM:
            stored.keep(conn, one.place, (STARTED.status.value, patient_qc_text(STARTED)), now)
            return one
    return None


def _shown(value: Decimal) -> str:
    return f"{value:.5g}"
