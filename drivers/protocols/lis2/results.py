"""Reads one result record: the test, the value, and what the analyzer says beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from drivers.protocols.lis2.paths import check_paths, locate
from drivers.protocols.lis2.remarks import Remarks, read_remarks
from drivers.protocols.lis2.sent_value import value_reader
from drivers.protocols.lis2.tables import ABNORMAL_FLAGS, RESULT_STATUSES
from drivers.protocols.lis2.universal_test_id import universal_test_id_reader
from middleware.driver.mapping import split_flags, text_reader
from middleware.driver.profile import Profile, ResultSection
from middleware.driver.times import read_time
from middleware.driver.values import REASON_NO_TEST, SentValue, ValuePolicy
from middleware.model import (
    AbnormalFlag,
    Result,
    ResultStatus,
    SourcePointer,
    Specimen,
)
from middleware.wire.lis2 import Record

_KNOWN_FLAG_TEXTS = 1024  # bound of a cache; an analyzer has a few dozen
_KNOWN_POINTERS = 1024  # as many records as long messages have
_FACTOR = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8})?")

Flags = tuple[tuple[AbnormalFlag, ...], tuple[str, ...]]


class ResultReader:
    """I make a Result from a result record and the specimen that it stands under."""

    def __init__(self, profile: Profile) -> None:
        section, values = profile.result, profile.values
        _check(section)
        self._test_id = universal_test_id_reader(section)
        self._test_name = text_reader(section.test_name, locate)
        self._value = value_reader(section.value, frozenset(values.rules))
        self._policy = ValuePolicy(
            frozenset(values.rules),
            frozenset(word.casefold() for word in values.qualitative),
            frozenset(word.casefold() for word in values.masked),
        )
        self._unit = text_reader(section.unit, locate)
        self._reference_range = text_reader(section.reference_range, locate)
        self._flags_text = text_reader(section.flags, locate)
        self._flags = _flags_reader(section)
        self._status_text = text_reader(section.status, locate)
        self._statuses = _statuses(section)
        self._measured_at = text_reader(section.measured_at, locate)
        self._time_format = section.measured_at.format if section.measured_at is not None else ""
        self._operator = text_reader(section.operator, locate)
        self._module = text_reader(section.module, locate)
        self._reagent_lot = text_reader(section.reagent_lot, locate)
        self._dilution = text_reader(section.dilution, locate)
        self._no_flag = frozenset(section.no_flag)

    def remarks(self, record: Record) -> Remarks:
        """The comments on a record, alarms by this profile's words."""
        return read_remarks(record, self._no_flag)

    def read(self, record: Record, specimen: Specimen, above: Remarks, time_zone: str) -> Result:
        """One result. `above` is what was said of its order and patient; it holds for each result below."""
        test_id = self._test_id(record)
        remarks = above.beside(self.remarks(record)) if record.children else above
        flags_text = self._flags_text(record)
        marks = record.delimiters
        flags, own_flags = self._flags(flags_text, marks.repeat, marks.component)
        status_text = self._status_text(record)
        status = self._statuses.get(status_text, ResultStatus.UNKNOWN)
        unit = self._unit(record)
        text, raw, rule, reason = self._value(record)
        if not test_id.code:
            reason = REASON_NO_TEST
        value = self._policy.explain(SentValue(text, raw, unit, status, flags_text, rule, reason))
        dilution = self._dilution(record)
        return Result(
            specimen=specimen,
            test_code=test_id.code,
            test_name=self._test_name(record),
            test_detail=test_id.detail,
            test_id_raw=test_id.raw,
            value=value,
            unit=unit,
            reference_range=self._reference_range(record),
            abnormal_flags=flags,
            abnormal_flags_raw=flags_text,
            instrument_flags=own_flags + remarks.alarms,
            status=status,
            status_raw=status_text,
            measured=read_time(self._measured_at(record), time_zone, self._time_format),
            operator=self._operator(record),
            module=self._module(record),
            reagent_lot=self._reagent_lot(record),
            dilution_factor=_factor(dilution) if dilution else None,
            comments=remarks.comments,
            source=_pointer(record.index, record.letter),
        )


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


def _factor(text: str) -> Decimal | None:
    """A dilution factor; None for what is no plain number above zero."""
    if not _FACTOR.fullmatch(text):
        return None
    return Decimal(text) or None


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
