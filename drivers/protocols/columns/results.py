"""Reads one row as one result: the test, the value, and what the analyzer says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.protocols.columns.row import Row
from drivers.protocols.columns.settings import ColumnsSettings
from drivers.protocols.columns.times import TimeReader
from middleware.driver.dilution import read_factor, unread_factor
from middleware.driver.mapping import Locate, split_flags, text_reader
from middleware.driver.policy import policy_of
from middleware.driver.profile import Profile, ResultSection
from middleware.driver.values import REASON_NO_TEST, SentValue
from middleware.errors import DriverError
from middleware.model import (
    AbnormalFlag,
    Comment,
    Result,
    ResultStatus,
    ResultValue,
    SourcePointer,
    Specimen,
    proven,
)

_FROM_ANALYZER = "I"  # LIS02-A2 10.3
_GENERIC_COMMENT = "G"  # LIS02-A2 10.5
_new_result = proven(Result)
_new_comment = proven(Comment)
_new_pointer = proven(SourcePointer)


@dataclass(slots=True)
class Runs:
    """Counts the results of each test and detail on each tube of one file.

    Two rows without a readable sample id are two specimens: their results are no runs of each other.
    """

    counted: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def next_run(self, row: Row, specimen: Specimen, test: tuple[str, str]) -> int:
        """The number of the next result of a test, from 1."""
        key = (specimen.sample_id or f"\0{row.line}", *test)
        run = self.counted[key] = self.counted.get(key, 0) + 1
        return run


class ResultReader:
    """I make a Result from a row and its specimen."""

    def __init__(self, profile: Profile, locate: Locate[Row], settings: ColumnsSettings) -> None:
        section = profile.result
        self._test_code = text_reader(section.test_code, locate)
        self._test_name = text_reader(section.test_name, locate)
        self._test_detail = text_reader(section.test_detail, locate)
        self._value = section.value
        self._is_nothing = frozenset(settings.nothing)
        self._policy = policy_of(profile)
        self._unit = text_reader(section.unit, locate)
        self._range = text_reader(section.reference_range, locate)
        self._flags = text_reader(section.flags, locate)
        self._known_flags: Mapping[str, AbnormalFlag] = _flag_table(section)
        self._flag_separator = settings.flag_separator
        self._no_flag = frozenset((*section.no_flag, ""))
        self._status = text_reader(section.status, locate)
        self._statuses = _status_table(section)
        self._time = TimeReader(section.measured_at, locate, settings.time_words)
        self._operator = text_reader(section.operator, locate)
        self._module = text_reader(section.module, locate)
        self._lot = text_reader(section.reagent_lot, locate)
        self._dilution = text_reader(section.dilution, locate)
        self._alarms = [
            (locate(rule.column), frozenset(rule.none), rule.separator)
            for rule in settings.alarms
            if rule.column is not None
        ]
        self._comments = [locate(path) for path in settings.comments]

    def read(self, row: Row, specimen: Specimen, time_zone: str, runs: Runs) -> Result:
        """One result."""
        code, detail, sent_unit = self._test_code(row), self._test_detail(row), self._unit(row)
        status_text, flags_text = self._status(row), self._flags(row)
        status = self._statuses.get(status_text, ResultStatus.UNKNOWN)
        flags, own_flags = split_flags(
            [one for one in _split(flags_text, self._flag_separator) if one not in self._no_flag],
            self._known_flags,
        )
        value, unit = self._read_value(row, code, sent_unit, (status, flags_text))
        dilution = self._dilution(row)
        return _new_result(
            specimen=specimen,
            test_code=code,
            test_name=self._test_name(row),
            test_detail=detail,
            test_id_raw=code,
            run=runs.next_run(row, specimen, (code, detail)),
            value=value,
            unit=unit,
            reference_range=self._range(row),
            abnormal_flags=flags,
            abnormal_flags_raw=flags_text,
            instrument_flags=tuple(
                dict.fromkeys((*own_flags, *self._raised(row), *unread_factor(dilution)))
            ),
            status=status,
            status_raw=status_text,
            measured=self._time.read(row, time_zone),
            operator=self._operator(row),
            module=self._module(row),
            reagent_lot=self._lot(row),
            dilution_factor=read_factor(dilution) if dilution else None,
            comments=self._said(row),
            source=_new_pointer(record=row.line, name=row.name),
        )

    def _read_value(
        self, row: Row, code: str, unit: str, beside: tuple[ResultStatus, str]
    ) -> tuple[ResultValue, str]:
        raw = row.texts.get(self._value, "")
        text = "" if raw.strip() in self._is_nothing else raw
        status, flags = beside
        value = self._policy.plain_number(raw, status, unit) if code else None
        if value is None:
            reason = "" if code else REASON_NO_TEST
            value = self._policy.explain(SentValue(text, raw, unit, status, flags, reason=reason))
        return value, self._policy.shown_unit(unit, value)

    def _raised(self, row: Row) -> list[str]:
        """The alarms of a row, by column and by heading."""
        raised = [
            one
            for text_of, none, separator in self._alarms
            for one in _split(text_of(row), separator)
            if one not in none and one not in self._no_flag
        ]
        return [*raised, *row.alarms]

    def _said(self, row: Row) -> tuple[Comment, ...]:
        return tuple(
            [
                _new_comment(text=text, source=_FROM_ANALYZER, kind=_GENERIC_COMMENT)
                for text_of in self._comments
                if (text := text_of(row))
            ]
        )


def _split(text: str, separator: str) -> list[str]:
    parts = text.split(separator) if separator else [text]
    return [part for one in parts if (part := one.strip())]


def _flag_table(section: ResultSection) -> Mapping[str, AbnormalFlag]:
    """A table of results has no standard that gives flags a meaning: only the profile does."""
    table = section.flags.table if section.flags is not None else None
    return {} if table is None else table


def _status_table(section: ResultSection) -> Mapping[str, ResultStatus]:
    """Code to status. Without a rule every result is final: the analyzer has no other."""
    if section.status is None:
        return {"": ResultStatus.FINAL}
    if section.status.table is None:
        raise DriverError(
            "[result]: status needs a table: no standard says what the words of this file mean",
            what_to_do='Write status = { path = "…", table = { "…" = "final" } }.',
        )
    return section.status.table
