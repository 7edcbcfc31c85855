"""Reads one observation: the test, the value, and what the analyzer says beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from drivers.protocols.hl7.groups import Observed
from drivers.protocols.hl7.isolates import isolate_reader, panel_of
from drivers.protocols.hl7.paths import Scope, check_paths, key_of, locate, read_together
from drivers.protocols.hl7.remarks import Remarks, comment, read_remarks
from drivers.protocols.hl7.section import Hl7Section, TextRule
from drivers.protocols.hl7.sent_value import Said, ValueReader
from drivers.protocols.hl7.tables import (
    ABNORMAL_FLAGS,
    NO_FLAGS,
    RESULT_STATUSES,
    SUSCEPTIBILITIES,
)
from middleware.driver.dilution import read_factor, unread_factor
from middleware.driver.mapping import split_flags
from middleware.driver.policy import policy_of
from middleware.driver.profile import Profile, ResultSection
from middleware.driver.rules import PathRule
from middleware.driver.times import read_time
from middleware.model import (
    AbnormalFlag,
    AnalyzerStatus,
    Comment,
    Isolate,
    Result,
    ResultStatus,
    ResultValue,
    SourcePointer,
    Specimen,
    ValueKind,
    proven,
)
from middleware.wire.hl7 import Segment

_KNOWN = 1024  # bound of a cache; an analyzer has a few dozen flags
_RUN = re.compile(r"[1-9][0-9]{0,3}")
_LONGEST_STATUS_TEXT = 200  # the journal keeps the whole segment
_SEGMENTS = frozenset(
    {"OBX", "TCD", "SID", "INV", "PRT", "OBR", "ORC", "SPM", "SAC", "PID", "PV1", "MSH"}
)
_VALUE_TYPE = 2
_PARENT = PathRule(
    path="OBR-26"
)  # the result that this order follows from: an organism, a positive screen
_UNKNOWN = ResultStatus.UNKNOWN
_new_result = proven(Result)
_new_status = proven(AnalyzerStatus)
_new_pointer = proven(SourcePointer)


@dataclass(frozen=True, slots=True)
class Flags:
    """OBX-8 taken apart: flags with a meaning, the analyzer's own, and what it says of them."""

    known: tuple[AbnormalFlag, ...] = ()
    own: tuple[str, ...] = ()
    words: tuple[Comment, ...] = ()


class _Seen(NamedTuple):
    """An observation that is a result: its segments, its texts by slot, and what they came to."""

    observed: Observed
    scope: Scope
    texts: Sequence[str]
    status: ResultStatus
    value: ResultValue


@dataclass(slots=True)
class Place:
    """What all observations of one group share. `said` is what was said of order, specimen and patient.

    `runs` counts the results of each test and detail on this tube in this message.
    """

    scope: Scope
    specimen: Specimen
    said: Remarks
    time_zone: str
    runs: dict[tuple[str, str], int]

    def next_run(self, test: tuple[str, str], declared: int) -> int:
        """The number of this result of a test, from 1: as declared, but never one that was there before."""
        run = self.runs[test] = max(declared, self.runs.get(test, 0) + 1)
        return run


class ResultReader:
    """I make a Result from an observation and the group that it stands in."""

    def __init__(self, profile: Profile, section: Hl7Section) -> None:
        of_result = profile.result
        _check(of_result, section)
        self._policy = policy = policy_of(profile)
        self._value = ValueReader(of_result.value, policy)
        self._texts = read_together(
            (
                PathRule(path="OBX-2"),
                of_result.test_code,
                of_result.test_name,
                PathRule(path="OBX-3"),
                of_result.unit,
                of_result.reference_range,
                of_result.flags,
                of_result.status,
                of_result.measured_at,
                of_result.operator,
                of_result.module,
                of_result.reagent_lot,
                of_result.dilution,
                of_result.test_detail,
                section.run,
                _PARENT,
                profile.culture.isolate if profile.culture is not None else None,
            ),
            "OBX",
        )
        self._flags = _flags_reader(of_result, ABNORMAL_FLAGS)
        self._interpretations = _flags_reader(of_result, {**ABNORMAL_FLAGS, **SUSCEPTIBILITIES})
        self._isolate = isolate_reader(profile.culture)
        self._has_cultures = profile.culture is not None
        self._statuses = _statuses(of_result)
        self._time_format = of_result.measured_at.format if of_result.measured_at else ""
        self._no_flag = frozenset(of_result.no_flag)
        self._is_supplement = _test_of(section.supplements)
        self._is_edited = _test_of(section.edited)
        self._not_results = frozenset(section.not_results)
        self._drops_empty = section.empty_is_not_measured

    def remarks(self, segments: Iterable[Segment]) -> Remarks:
        """The comments among segments, alarms by this profile's words."""
        return read_remarks(segments, self._no_flag)

    def read(self, observed: Observed, place: Place) -> Result | AnalyzerStatus:
        """One result; a status for an attachment or for what the profile knows to be no result."""
        obx, scope = observed.obx, _scope_of(observed, place.scope)
        texts = self._texts(scope, obx)
        value_type, code, _, _, unit, _, flags, status_text = texts[:8]
        if value_type in self._not_results or self._is_supplement(scope):
            return _status(obx, value_type)
        status = self._statuses.get(status_text) or self._statuses.get(
            status_text.upper(), _UNKNOWN
        )
        value = self._value.read(obx, Said(value_type.upper(), code, unit, status, flags))
        is_empty = self._drops_empty and not obx.field(self._value.field).strip()
        if is_empty and not flags and value.kind is not ValueKind.ABSENT:
            return _status(obx, value_type)
        return self._made(_Seen(observed, scope, texts, status, value), place)

    def _flags_of(self, obx: Segment, text: str, isolate: Isolate | None) -> Flags:
        """OBX-8, of an isolate's result with the letters of susceptibilities."""
        marks = obx.delimiters
        read = self._flags if isolate is None else self._interpretations
        return read(text, marks.repetition, marks.component)

    def _said(self, observed: Observed, place: Place, flags: Flags) -> Remarks:
        """What is remarked on the group, the observation and its flags."""
        remarks = place.said
        if observed.below:
            remarks = remarks.beside(self.remarks(observed.below))
        return remarks.beside(Remarks(flags.words)) if flags.words else remarks

    def _made(self, seen: _Seen, place: Place) -> Result:
        observed, scope, texts, status, value = seen
        _, code, name, test_id, unit, usual, flags_text, status_text = texts[:8]
        time, operator, module, lot, dilution, detail, run_text, parent, number = texts[8:]
        asks = parent or self._has_cultures
        isolate = self._isolate(scope, number, code, value) if asks else None
        if isolate is not None:  # OBX-4 is the isolate's number, and no run
            run_text, parent = "", parent or isolate.number
        flags = self._flags_of(observed.obx, flags_text, isolate)
        remarks = self._said(observed, place, flags)
        run = int(run_text) if _RUN.fullmatch(run_text) else 0
        detail = "/".join(filter(None, (detail, run_text if not run else "", parent)))
        return _new_result(
            specimen=place.specimen,
            test_code=code,
            test_name=name,
            test_detail=detail,
            test_id_raw=test_id,
            run=place.next_run((code, detail), run),
            value=value,
            unit=self._policy.shown_unit(unit, value),
            unit_ucum="",  # `middleware.driver.finish` knows
            reference_range=usual,
            abnormal_flags=flags.known,
            abnormal_flags_raw=flags_text,
            instrument_flags=flags.own + remarks.alarms + unread_factor(dilution),
            status=status,
            status_raw=status_text,
            measured=read_time(time, place.time_zone, self._time_format),
            operator=operator,
            module=module,
            reagent_lot=lot,
            dilution_factor=read_factor(dilution) if dilution else None,
            is_manual=self._is_edited(scope),
            comments=remarks.comments,
            source=_pointer(observed.obx.index, "OBX"),
            isolate=isolate,
            parent=None,
            result_group="" if isolate is None else panel_of(scope),
        )


def _scope_of(observed: Observed, shared: Scope) -> Scope:
    """What the group shares, the observation, and the segments under it, which go before the group's."""
    scope = {**shared, "OBX": observed.obx}
    if observed.below:
        counts: dict[str, int] = {}
        for segment in observed.below:
            counts[segment.name] = number = counts.get(segment.name, 0) + 1
            scope[key_of(segment.name, number)] = segment
    return scope


@lru_cache(maxsize=_KNOWN)
def _pointer(record: int, name: str) -> SourcePointer:
    return _new_pointer(record=record, name=name)


def _status(obx: Segment, value_type: str) -> AnalyzerStatus:
    """An observation that is no result, without the content of an attachment."""
    value = obx.field(5)
    text = obx.raw
    if len(text) > _LONGEST_STATUS_TEXT:
        about = "^".join(obx.components(5)[1:4])
        text = f"{obx.field(3)}: {value_type} {about}, {len(value)} characters"
    return _new_status(text=text[:_LONGEST_STATUS_TEXT], source=_pointer(obx.index, "OBX"))


def _test_of(rules: Sequence[TextRule]) -> Callable[[Scope], bool]:
    """Whether any of the rules fits."""
    if not rules:
        return lambda _scope: False
    tests = [(locate(rule.path), re.compile(rule.pattern, re.IGNORECASE)) for rule in rules]

    def fits(scope: Scope) -> bool:
        return any(pattern.fullmatch(text_of(scope)) for text_of, pattern in tests)

    return fits


def _flags_reader(
    section: ResultSection, of_standard: Mapping[str, AbnormalFlag]
) -> Callable[[str, str, str], Flags]:
    table = section.flags.table if section.flags is not None else None
    known: Mapping[str, AbnormalFlag] = of_standard if table is None else table
    no_flag = NO_FLAGS | frozenset(section.no_flag)

    @lru_cache(maxsize=_KNOWN)
    def read(text: str, repetition: str, component: str) -> Flags:
        if not text:
            return Flags()
        codes, words = [], []
        for one in text.split(repetition):
            code, said, is_own = _flag(one.split(component))
            if code in no_flag or code.upper() in NO_FLAGS:
                continue
            # A code of the maker's own system is never taken for the standard's.
            codes.append(f"{code}^" if is_own and table is None and code in known else code)
            if said and said != code:
                words.append(comment(f"{code}: {said}", kind="I"))
        flags, own = split_flags(codes, known)
        if len(flags) > 1:  # any mark of something abnormal outweighs "normal"
            flags = tuple(flag for flag in flags if flag is not AbnormalFlag.NORMAL)
        return Flags(flags, tuple(one.rstrip("^") for one in own), tuple(dict.fromkeys(words)))

    return read


def _flag(parts: list[str]) -> tuple[str, str, bool]:
    """The code, its words, and whether it is of a coding system of the maker's own."""
    code, words, system, *_ = [*(part.strip() for part in parts), "", ""]
    return code or words, words if code else "", system.startswith(("99", "L"))


def _statuses(section: ResultSection) -> dict[str, ResultStatus]:
    """Code to status. Without a rule every result is final: the analyzer has no other."""
    if section.status is None:
        return {"": ResultStatus.FINAL}
    return dict(RESULT_STATUSES if section.status.table is None else section.status.table)


def _check(section: ResultSection, own: Hl7Section) -> None:
    check_paths("result", (section.value,), {"OBX"})
    check_paths(
        "result",
        (
            section.test_code,
            section.test_name,
            section.test_detail,
            section.unit,
            section.reference_range,
            section.flags,
            section.status,
            section.measured_at,
            section.operator,
            section.module,
            section.reagent_lot,
            section.dilution,
        ),
        _SEGMENTS,
    )
    check_paths("protocol", (own.run, *own.supplements, *own.edited), _SEGMENTS)
