"""Reads one result record: the test, the value, and what the analyzer says beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from drivers.protocols.lis2.isolates import isolate_reader
from drivers.protocols.lis2.paths import check_paths, read_together
from drivers.protocols.lis2.remarks import Remarks, read_remarks
from drivers.protocols.lis2.sent_value import ValueReader
from drivers.protocols.lis2.tables import ABNORMAL_FLAGS, RESULT_STATUSES
from drivers.protocols.lis2.universal_test_id import UniversalTestId, universal_test_id_reader
from middleware.driver.dilution import read_factor, unread_factor
from middleware.driver.mapping import split_flags
from middleware.driver.policy import policy_of
from middleware.driver.profile import Profile, ResultSection
from middleware.driver.times import read_time
from middleware.model import (
    AbnormalFlag,
    Isolate,
    Result,
    ResultStatus,
    ResultValue,
    SourcePointer,
    Specimen,
    proven,
)
from middleware.wire.lis2 import Record

_KNOWN_FLAG_TEXTS = 1024  # bound of a cache; an analyzer has a few dozen
_KNOWN_POINTERS = 1024  # as many records as long messages have

Flags = tuple[tuple[AbnormalFlag, ...], tuple[str, ...]]


_UNKNOWN = ResultStatus.UNKNOWN
_new_result = proven(Result)


@dataclass(slots=True)
class Place:
    """What all results of one order share. `said` is what was said of the order and of its patient.

    `runs` counts the results of each test and detail on this tube in this message.
    """

    specimen: Specimen
    said: Remarks
    time_zone: str
    runs: dict[tuple[str, str], int]

    def next_run(self, test_id: UniversalTestId) -> int:
        """The number of the next result of a test, from 1."""
        test = (test_id.code, test_id.detail)
        run = self.runs[test] = self.runs.get(test, 0) + 1
        return run


class ResultReader:
    """I make a Result from a result record and the specimen that it stands under."""

    def __init__(self, profile: Profile) -> None:
        section = profile.result
        _check(section)
        self._test_id = universal_test_id_reader(section)
        self._policy = policy = policy_of(profile)
        self._value = ValueReader(section.value, policy)
        self._renames_units = bool(policy.scales)
        self._texts = read_together(
            (
                section.test_name,
                section.unit,
                section.reference_range,
                section.flags,
                section.status,
                section.measured_at,
                section.operator,
                section.module,
                section.reagent_lot,
                section.dilution,
                profile.culture.isolate if profile.culture is not None else None,
            ),
            "R",
        )
        self._isolate = isolate_reader(profile.culture)
        self._flags = _flags_reader(section)
        self._statuses = _statuses(section)
        self._time_format = section.measured_at.format if section.measured_at is not None else ""
        self._no_flag = frozenset(section.no_flag)

    def remarks(self, record: Record) -> Remarks:
        """The comments on a record, alarms by this profile's words."""
        return read_remarks(record, self._no_flag)

    def read(self, record: Record, place: Place) -> Result:
        """One result."""
        texts = self._texts(record)
        name, unit, usual, flags_text, status_text, time = texts[:6]
        operator, module, lot, dilution, number = texts[6:]
        marks = record.delimiters
        flags, own_flags = self._flags(flags_text, marks.repeat, marks.component)
        status = self._statuses.get(status_text, _UNKNOWN)
        remarks = place.said.beside(self.remarks(record)) if record.children else place.said
        test_id, value, isolate = self._measured(record, unit, status, flags_text, number)
        if value.rule or self._renames_units:
            unit = self._policy.shown_unit(unit, value)
        return _new_result(
            specimen=place.specimen,
            test_code=test_id.code,
            test_name=name,
            test_detail=test_id.detail,
            test_id_raw=test_id.raw,
            run=place.next_run(test_id),
            value=value,
            unit=unit,
            unit_ucum="",  # `middleware.driver.finish` knows
            reference_range=usual,
            abnormal_flags=flags,
            abnormal_flags_raw=flags_text,
            instrument_flags=own_flags + remarks.alarms + unread_factor(dilution),
            status=status,
            status_raw=status_text,
            measured=read_time(time, place.time_zone, self._time_format),
            operator=operator,
            module=module,
            reagent_lot=lot,
            dilution_factor=read_factor(dilution) if dilution else None,
            is_manual=False,
            comments=remarks.comments,
            source=_pointer(record.index, record.letter),
            isolate=isolate,
            parent=None,
            result_group="",
        )

    def _measured(
        self, record: Record, unit: str, status: ResultStatus, flags: str, number: str
    ) -> tuple[UniversalTestId, ResultValue, Isolate | None]:
        """Which test, its value, and of which isolate; `number` is the isolate's."""
        test_id = self._test_id(record)
        value = self._value.read(record, test_id.code, unit, status, flags)
        if self._isolate is None:
            return test_id, value, None
        isolate = self._isolate(record, number, test_id.code, value)
        if number:  # the same antibiotic of two isolates is two tests
            test_id = test_id._replace(detail="/".join(filter(None, (test_id.detail, number))))
        return test_id, value, isolate


@lru_cache(maxsize=_KNOWN_POINTERS)
def _pointer(record: int, name: str) -> SourcePointer:
    return SourcePointer(record=record, name=name)


def _flags_reader(section: ResultSection) -> Callable[[str, str, str], Flags]:
    table = section.flags.table if section.flags is not None else None
    known = ABNORMAL_FLAGS if table is None else table
    no_flag = frozenset(section.no_flag)

    @lru_cache(maxsize=_KNOWN_FLAG_TEXTS)
    def read(text: str, repeat: str, component: str) -> Flags:
        texts = [part.strip().rstrip(component) for part in text.split(repeat)]
        return split_flags([part for part in texts if part not in no_flag], known)

    return read


def _statuses(section: ResultSection) -> dict[str, ResultStatus]:
    """Code to status. Without a rule every result is final: the analyzer has no other."""
    if section.status is None:
        return {"": ResultStatus.FINAL}
    return dict(RESULT_STATUSES if section.status.table is None else section.status.table)


def _check(section: ResultSection) -> None:
    check_paths("result", (section.test_code, section.value), "R")
    check_paths(
        "result",
        (
            section.test_name,
            section.test_detail,
            section.unit,
            section.reference_range,
            section.flags,
            section.status,
            section.operator,
        ),
        "R",
    )
    check_paths("result", (section.measured_at, section.dilution), "OR")
    check_paths("result", (section.module, section.reagent_lot), "OPR")
