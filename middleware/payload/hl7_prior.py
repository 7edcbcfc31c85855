"""Reads earlier results: ORU^R01 messages, and what a LIS attaches to an order (OML, group PRIOR_RESULT). Pure.

What is attached begins with a second PID, or with an ORC that says so (ORC-1 PR or RE). It is never an order. An order
that follows another patient's PID is refused: whose it is would be a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from middleware.driver.times import read_time
from middleware.errors import MiddlewareError
from middleware.model import EarlierResult, Patient, ResultValue, ValueKind
from middleware.payload.hl7_patient import read_patient
from middleware.wire.hl7 import NULL, Message, Segment

MOST_EARLIER = 5000
"""Results of one message."""

_ATTACHED = frozenset({"RE", "PR"})
"""ORC-1 of what is no order (HL7 table 0119): observations to follow, and previous results."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_COMPARATORS = frozenset({"<", ">", "<=", ">="})
_SOUND = frozenset({"F", "C", ""})
"""OBX-11 (HL7 table 0085) of a result that may be compared with."""
_LONGEST_VALUE = 200


class MixedPatients(MiddlewareError):
    """An order stands behind another patient's PID."""

    code = "mixed-patients"


@dataclass(slots=True)
class EarlierGroup:
    """One OBR with its observations, and whose they are."""

    pid: Segment | None
    orc: Segment | None = None
    obr: Segment | None = None
    spm: Segment | None = None
    observations: list[Segment] = field(default_factory=list)


def split(message: Message, *, is_specimen_first: bool) -> tuple[list[Segment], list[EarlierGroup]]:
    """The segments of orders in their order, and the earlier results attached to them. Raises MixedPatients."""
    orders: list[Segment] = []
    groups: list[EarlierGroup] = []
    own: Segment | None = None
    other: Segment | None = None
    is_attached = has_order = False
    for segment in message.segments_in_order:
        name = segment.name
        if name == "PID" and has_order:
            is_attached, other = True, segment
            groups.append(EarlierGroup(segment))
            continue
        if name == "PID":
            if own is not None:
                raise MixedPatients("the message has two PID before its first order")
            own = segment
        elif name == "ORC":
            has_order = True
            is_attached = _is_attached(segment, is_behind=other is not None and is_attached)
            if not is_attached:
                _check_same(own, other)
        elif name == "SPM" and is_specimen_first:
            is_attached = False
        if not is_attached:
            has_order = has_order or name == "OBR"
            orders.append(segment)
        else:
            _add(groups, segment, other or own)
    _check_all_have_results(groups)
    return orders, groups


def _is_attached(orc: Segment, *, is_behind: bool) -> bool:
    control = orc.get("ORC-1").strip().upper()
    return control in _ATTACHED or (is_behind and not control)


def _add(groups: list[EarlierGroup], segment: Segment, pid: Segment | None) -> None:
    name = segment.name
    is_new = name == "ORC" or (name == "OBR" and (not groups or groups[-1].obr is not None))
    if is_new and (not groups or groups[-1].orc is not None or groups[-1].obr is not None):
        groups.append(EarlierGroup(pid))
    if not groups:
        return
    if name == "ORC":
        groups[-1].orc = segment
    elif name == "OBR":
        groups[-1].obr = segment
    elif name == "SPM":
        groups[-1].spm = groups[-1].spm or segment
    elif name == "OBX":
        groups[-1].observations.append(segment)


def _check_same(own: Segment | None, other: Segment | None) -> None:
    """After the earlier results of one patient no order of another begins."""
    if other is None:
        return
    mine, theirs = read_patient(own) or Patient(), read_patient(other) or Patient()
    if set(mine.identifiers).isdisjoint(theirs.identifiers):
        raise MixedPatients("an order stands behind a second PID with another patient id")


def _check_all_have_results(groups: Sequence[EarlierGroup]) -> None:
    """An OBR behind a second PID without any observation is no earlier result: it may be an order."""
    for group in groups:
        is_said = group.orc is not None and _is_attached(group.orc, is_behind=False)
        if group.obr is not None and not group.observations and not is_said:
            raise MixedPatients("behind a second PID stands an OBR without results")


def earlier_of(message: Message) -> list[EarlierGroup]:
    """The results of an ORU^R01: each belongs to the PID before it."""
    groups: list[EarlierGroup] = []
    pid: Segment | None = None
    for segment in message.segments_in_order:
        if segment.name == "PID":
            pid = segment
            groups.append(EarlierGroup(pid))
        else:
            _add(groups, segment, pid)
    return groups


def read_earlier(
    groups: Sequence[EarlierGroup], time_zone: str
) -> tuple[tuple[EarlierResult, ...], int]:
    """The results that may be compared with, and how many others were left out: without patient id, test, time or
    value, or not final."""
    found: list[EarlierResult] = []
    left = 0
    for group in groups:
        patient = read_patient(group.pid) or Patient()
        for obx in group.observations:
            one = _result(group, obx, patient, time_zone)
            if one is None or len(found) >= MOST_EARLIER:
                left += 1
            else:
                found.append(one)
    return tuple(found), left


def _result(group: EarlierGroup, obx: Segment, patient: Patient, zone: str) -> EarlierResult | None:
    code = _text(obx, "OBX-3.1")
    value = _value(obx)
    at = _measured(group, obx, zone)
    status = obx.get("OBX-11").strip().upper()
    if not patient.identifiers or not code or value is None or at is None or status not in _SOUND:
        return None
    return EarlierResult(
        identifiers=patient.identifiers,
        lis_code=code,
        lis_system=_text(obx, "OBX-3.3"),
        specimen_type=_text(group.spm, "SPM-4.1") or _text(group.obr, "OBR-15.1.1"),
        value=value,
        unit=_text(obx, "OBX-6.1"),
        measured_at=at,
        placer_number=_text(group.orc, "ORC-2.1") or _text(group.obr, "OBR-2.1"),
        source=obx.index,
    )


def _measured(group: EarlierGroup, obx: Segment, zone: str) -> datetime | None:
    for text in (_text(obx, "OBX-14.1"), _text(group.obr, "OBR-7.1"), _text(group.obr, "OBR-22.1")):
        if text:
            return read_time(text, zone).at
    return None


def _value(obx: Segment) -> ResultValue | None:
    """By OBX-2. What is no number is kept as text; an empty value is none."""
    raw = obx.field(5)
    if not raw or raw == NULL or len(raw) > _LONGEST_VALUE or not raw.isprintable():
        return None
    if obx.get("OBX-2").strip() == "SN":
        return _structured(obx, raw)
    return value_of_text(obx.get("OBX-5.1") if "^" not in raw else raw)


def value_of_text(text: str) -> ResultValue | None:
    """A number, a number with `<` or `>` before it, or words; None when it is empty."""
    raw = text.strip()
    if not raw:
        return None
    mark = next((one for one in ("<=", ">=", "<", ">") if raw.startswith(one)), "")
    number = raw[len(mark) :].strip()
    if _NUMBER.fullmatch(number):
        kind = ValueKind.NUMBER
        return ResultValue(kind=kind, raw=raw, number=Decimal(number), comparator=mark)
    return ResultValue(kind=ValueKind.TEXT, raw=raw, text=raw)


def _structured(obx: Segment, raw: str) -> ResultValue:
    """SN: comparator, number, separator, number (HL7 2.5.1 2.A.72)."""
    mark, first, between, second, *_ = (*[one.strip() for one in obx.components(5)], *[""] * 4)
    is_plain = bool(_NUMBER.fullmatch(first)) and not between and not second
    if is_plain and (not mark or mark in _COMPARATORS):
        kind = ValueKind.NUMBER
        return ResultValue(kind=kind, raw=raw, number=Decimal(first), comparator=mark)
    return ResultValue(kind=ValueKind.TEXT, raw=raw, text=raw)


def _text(segment: Segment | None, path: str) -> str:
    text = segment.get(path).strip() if segment is not None else ""
    return "" if text == NULL else text
