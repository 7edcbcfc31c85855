"""Reads one result: OBX with its TCD, INV and NTE, under the OBR and the specimen that it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from drivers.protocols.law.groups import Observed, Ordered
from drivers.protocols.law.paths import Group, check_paths, locate
from drivers.protocols.law.sent_value import read_value
from drivers.protocols.law.tables import (
    ABNORMAL_FLAGS,
    FLAG_SYSTEM,
    NOTE_OF_ANALYZER,
    RESULT_STATUSES,
    STEP_CANCELLED,
    SUPPLEMENTAL_SYSTEM,
)
from middleware.driver.mapping import text_reader
from middleware.driver.profile import Profile, ResultSection
from middleware.driver.times import read_time
from middleware.driver.values import ValuePolicy, shown_unit
from middleware.errors import DriverError
from middleware.model import (
    AbnormalFlag,
    Comment,
    Result,
    ResultStatus,
    ResultValue,
    SourcePointer,
    Specimen,
    ValueKind,
    proven,
)
from middleware.wire.hl7 import Segment

_RESULT = ("OBX", "OBR", "ORC", "TCD", "INV")
_RUN = re.compile(r"([1-9][0-9]{0,3})(?:[./][0-9]+)*")
_RATIO = re.compile(r"1:([0-9]{1,6}(?:\.[0-9]{1,6})?)")
_FLAGS, _DILUTION, _TEST = 8, 2, 3
_new_result = proven(Result)
_new_comment = proven(Comment)


@dataclass(frozen=True, slots=True)
class Place:
    """What all results of one order share."""

    specimen: Specimen
    order: Ordered
    said: tuple[Comment, ...]  # of the material in the container
    time_zone: str


class ResultReader:
    """I make a Result from one OBX group."""

    def __init__(self, profile: Profile) -> None:
        section, values = profile.result, profile.values
        _check(section)
        self._policy = ValuePolicy(
            frozenset(values.rules),
            frozenset(word.casefold() for word in values.qualitative),
            frozenset(word.casefold() for word in values.masked),
        )
        self._test_code = text_reader(section.test_code, locate)
        self._test_name = text_reader(section.test_name, locate)
        self._has_detail_rule = section.test_detail is not None
        self._test_detail = text_reader(section.test_detail, locate)
        self._unit = text_reader(section.unit, locate)
        self._range = text_reader(section.reference_range, locate)
        self._status = text_reader(section.status, locate)
        self._statuses = (
            RESULT_STATUSES
            if section.status is None or section.status.table is None
            else section.status.table
        )
        self._measured_at = text_reader(section.measured_at, locate)
        self._time_format = section.measured_at.format if section.measured_at is not None else ""
        self._operator = text_reader(section.operator, locate)
        self._module = text_reader(section.module, locate)
        self._lot = text_reader(section.reagent_lot, locate)
        self._flag_table = (
            ABNORMAL_FLAGS
            if section.flags is None or section.flags.table is None
            else section.flags.table
        )
        self._no_flag = frozenset(section.no_flag)

    def read(self, observed: Observed, place: Place) -> Result:
        """One result."""
        obx = observed.obx
        group = _group(observed, place.order)
        code, unit = self._test_code(group), self._unit(group)
        status_text = self._status(group)
        status = self._statuses.get(status_text, ResultStatus.UNKNOWN)
        value = read_value(obx, self._policy, code, unit, status)
        if place.order.orc is not None:
            status, value = _of_cancelled(place.order.orc, status, value)
        flags, own_flags, explained = self._read_flags(obx)
        comments, alarms = read_notes([*place.order.notes, *observed.notes], self._no_flag)
        return _new_result(
            specimen=place.specimen,
            test_code=code,
            test_name=self._test_name(group),
            test_detail=self._test_detail(group) if self._has_detail_rule else _detail(obx),
            test_id_raw=obx.field(_TEST),
            run=_run(obx),
            value=value,
            unit=shown_unit(unit, value),
            unit_ucum="",
            reference_range=self._range(group),
            abnormal_flags=flags,
            abnormal_flags_raw=obx.field(_FLAGS),
            instrument_flags=tuple(dict.fromkeys((*own_flags, *alarms))),
            status=status,
            status_raw=status_text,
            measured=read_time(self._measured_at(group), place.time_zone, self._time_format),
            operator=self._operator(group),
            module=self._module(group),
            reagent_lot=self._read_lots(observed),
            dilution_factor=_factor(observed.tcd),
            is_manual=False,
            comments=(*place.said, *explained, *comments),
            source=SourcePointer(record=obx.index, name="OBX"),
        )

    def _read_lots(self, observed: Observed) -> str:
        """The lots of all reagents of the result, each once."""
        lots = [self._lot({"INV": inv}) for inv in observed.invs]
        return ", ".join(dict.fromkeys(lot for lot in lots if lot))

    def _read_flags(
        self, obx: Segment
    ) -> tuple[tuple[AbnormalFlag, ...], tuple[str, ...], tuple[Comment, ...]]:
        """Flags of table 0078, the analyzer's own, and what the analyzer says of its own in words."""
        if not obx.field(_FLAGS):
            return (), (), ()
        known: dict[AbnormalFlag, None] = {}
        own: dict[str, None] = {}
        words: dict[str, None] = {}
        for repetition in range(1, len(obx.repetitions(_FLAGS)) + 1):
            code, text, system = [
                part.strip() for part in (*obx.components(_FLAGS, repetition), "", "", "")
            ][:3]
            if not code or code in self._no_flag or code == '""':
                continue
            if code in self._flag_table and system in ("", FLAG_SYSTEM):
                known[self._flag_table[code]] = None
            else:
                own[code] = None
                if text and text != code:
                    words[text] = None
        return tuple(known), tuple(own), tuple(_alarm(text) for text in words)


def read_notes(
    notes: list[Segment], no_flag: frozenset[str]
) -> tuple[tuple[Comment, ...], tuple[str, ...]]:
    """All notes as comments, and the codes of those that are the analyzer's alarms (NTE-4 is I)."""
    comments: list[Comment] = []
    alarms: list[str] = []
    for note in notes:
        parts = [part.strip() for part in note.components(3)]
        kind = note.get("NTE-4.1").strip()
        code = parts[0] if parts else ""
        if not any(parts) or code in no_flag:
            continue
        is_coded = len(parts) > 1
        text = (parts[1] or code) if is_coded else note.get("NTE-3").strip()
        comments.append(_new_comment(text=text, source=note.get("NTE-2").strip(), kind=kind))
        if kind == NOTE_OF_ANALYZER:
            alarms.append(code or text)
    return tuple(comments), tuple(alarms)


def _alarm(text: str) -> Comment:
    return _new_comment(text=text, source="", kind=NOTE_OF_ANALYZER)


def _group(observed: Observed, order: Ordered) -> Group:
    group = {"OBX": observed.obx}
    if order.obr is not None:
        group["OBR"] = order.obr
    if order.orc is not None:
        group["ORC"] = order.orc
    if observed.tcd is not None:
        group["TCD"] = observed.tcd
    if observed.invs:
        group["INV"] = observed.invs[0]
    return group


def _detail(obx: Segment) -> str:
    """What the observation is beside the main result of its test: OBX-3.4, where LAW's own system says so."""
    if obx.get("OBX-3.6").strip() != SUPPLEMENTAL_SYSTEM:
        return ""
    return obx.get("OBX-3.4").strip()


def _run(obx: Segment) -> int:
    """OBX-4: the run. What is no number counts as the first run; several results of one run are held by review."""
    found = _RUN.fullmatch(obx.get("OBX-4").strip())
    return int(found.group(1)) if found is not None else 1


def _of_cancelled(
    orc: Segment, status: ResultStatus, value: ResultValue
) -> tuple[ResultStatus, ResultValue]:
    """ORC-5 says that the test was not done: without a value nothing was obtained, one beside it is in question."""
    if orc.get("ORC-5").strip() != STEP_CANCELLED or status is ResultStatus.CANNOT_OBTAIN:
        return status, value
    if value.raw.strip() not in ("", '""'):
        return ResultStatus.QUESTIONABLE, value
    return ResultStatus.CANNOT_OBTAIN, ResultValue(kind=ValueKind.ABSENT, raw=value.raw)


def _factor(tcd: Segment | None) -> Decimal | None:
    """The dilution that was applied (TCD-2, SN `^1^:^10`); None for what is no plain ratio above zero."""
    if tcd is None:
        return None
    found = _RATIO.fullmatch("".join([part.strip() for part in tcd.components(_DILUTION)]))
    return (Decimal(found.group(1)) or None) if found is not None else None


def _check(section: ResultSection) -> None:
    if section.value != "OBX-5":
        raise DriverError(
            f"[result]: the value cannot be read from {section.value}",
            what_to_do="Write OBX-5: its type (OBX-2) says how it is read.",
            field=section.value,
        )
    check_paths(
        "result",
        (
            section.test_code,
            section.test_name,
            section.test_detail,
            section.unit,
            section.reference_range,
            section.status,
            section.measured_at,
            section.operator,
            section.module,
        ),
        _RESULT,
    )
    check_paths("result", (section.flags,), ("OBX",))
    check_paths("result", (section.reagent_lot,), ("INV",))
    check_paths("result", (section.dilution,), ("TCD",))
