"""Reads orders of a LIS: OML^O21, OML^O33 and ORM^O01 of HL7 2.3 to 2.5.1 become requests of the model. Pure.

Each test (OBR) of each specimen becomes a request. In O33 a specimen stands before its orders, in O21 after them, in
O01 nowhere: which fields hold the sample id is the site's to say (`OrderNames.sample_id`), and no id is ever taken from
a neighbour. Segments that carry earlier results are not orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from middleware.driver.times import read_time
from middleware.errors import MiddlewareError
from middleware.model import Identifier, OrderAction, OrderRequest, Patient, Priority
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import NULL, Message, Path, Segment, parse

USUAL_SAMPLE_ID = ("SAC-3.1", "SPM-2.1.1", "OBR-3.1")
"""The container, the specimen, and in messages that have neither the filler's number of the order."""

MOST_ORDERS = 1000
"""Of one message; far more than any tube has."""

_ACTIONS = {
    "NW": OrderAction.NEW,
    "XO": OrderAction.CHANGE,
    "CA": OrderAction.CANCEL,
    "DC": OrderAction.CANCEL,
}
"""HL7 table 0119; what is not here is refused by name."""

_EARLIER_RESULTS = frozenset({"RE", "PR"})
"""ORC-1 of what is no order: observations to follow, and previous results."""

_PRIORITIES = {
    "S": Priority.STAT,
    "A": Priority.ASAP,
    "R": Priority.ROUTINE,
    "P": Priority.PREOPERATIVE,
    "C": Priority.CALLBACK,
    "STAT": Priority.STAT,
    "ASAP": Priority.ASAP,
    "ROUTINE": Priority.ROUTINE,
}
_PRIORITY_PATHS = ("TQ1-9.1", "ORC-7.6", "OBR-27.6", "OBR-5")
_ORDER_MESSAGES = {("OML", "O21"), ("OML", "O33"), ("ORM", "O01")}
_SPECIMEN_FIRST = "O33"


class UnreadableOrders(MiddlewareError):
    """The message holds no orders that can be read; `is_type`: it is none of the messages that are known."""

    code = "unreadable-orders"

    def __init__(self, message: str, *, is_type: bool = False) -> None:
        super().__init__(message, what_to_do="Look at the raw message; set the LIS to OML or ORM.")
        self.is_type = is_type


@dataclass(frozen=True, slots=True)
class OrderNames:
    """Where this LIS writes what. `sample_id`: the first of these paths that is not empty counts."""

    sample_id: tuple[str, ...] = USUAL_SAMPLE_ID
    time_zone: str = "UTC"


@dataclass(slots=True)
class OrderGroup:
    """One ORC with one OBR, and the specimens that it is about; `request` is filled in for each of them."""

    orc: Segment | None
    obr: Segment | None = None
    tq1: Segment | None = None
    specimens: list[SpecimenGroup] = field(default_factory=list)


@dataclass(slots=True)
class SpecimenGroup:
    """One SPM with its container."""

    spm: Segment | None
    sac: Segment | None = None


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """A request, and the segments that it was read from (for the reply)."""

    request: OrderRequest
    orc: Segment | None
    obr: Segment | None
    specimen: SpecimenGroup | None


def read_orders(text: bytes, names: OrderNames) -> tuple[Message, list[ReadOrder]]:
    """The message and its requests, in order. Raises UnreadableOrders."""
    try:
        message = parse(text)
    except RemoteProtocolError as error:
        raise UnreadableOrders(str(error)) from error
    kind = message.header.get("MSH-9.1").strip(), message.header.get("MSH-9.2").strip()
    if kind not in _ORDER_MESSAGES:
        said = "^".join(part for part in kind if part) or "(none)"
        raise UnreadableOrders(f"the message type {said} is not taken here", is_type=True)
    groups = _groups(message, is_specimen_first=kind[1] == _SPECIMEN_FIRST)
    if not groups:
        raise UnreadableOrders("the message holds no order")
    if len(groups) > MOST_ORDERS:
        raise UnreadableOrders(f"the message holds {len(groups)} orders; at most {MOST_ORDERS}")
    patient = _patient(message.segment("PID"))
    paths = [Path.parse(path) for path in names.sample_id]
    zone = names.time_zone
    return message, [one for group in groups for one in _read(group, patient, paths, zone)]


# -- grouping -------------------------------------------------------------------------------------


def _groups(message: Message, *, is_specimen_first: bool) -> list[OrderGroup]:
    groups: list[OrderGroup] = []
    current: list[SpecimenGroup] = []
    for segment in message.segments_in_order:
        name = segment.name
        if name == "PID" and groups:
            raise UnreadableOrders("a second PID: earlier results within an order are not read")
        if name == "ORC":
            groups.append(OrderGroup(segment, specimens=current if is_specimen_first else []))
        elif name == "OBR":
            _add_test(groups, segment, current if is_specimen_first else [])
        elif name == "TQ1" and groups:
            groups[-1].tq1 = groups[-1].tq1 or segment
        elif name in ("SPM", "SAC"):
            if is_specimen_first and name == "SPM":
                current = []
            if is_specimen_first or groups:
                _add_specimen(current if is_specimen_first else groups[-1].specimens, segment)
    return [one for one in groups if one.orc is None or _control(one.orc) not in _EARLIER_RESULTS]


def _add_test(groups: list[OrderGroup], obr: Segment, specimens: list[SpecimenGroup]) -> None:
    """Some LIS write one ORC before several OBR: each is an order of its own."""
    if groups and groups[-1].obr is None:
        groups[-1].obr = obr
    else:
        orc = groups[-1].orc if groups else None
        groups.append(OrderGroup(orc, obr, specimens=specimens))


def _add_specimen(specimens: list[SpecimenGroup], segment: Segment) -> None:
    """A SAC belongs to the SPM before it. Of several containers of one specimen the first counts."""
    if segment.name == "SPM":
        specimens.append(SpecimenGroup(segment))
    elif not specimens:
        specimens.append(SpecimenGroup(None, segment))
    elif specimens[-1].sac is None:
        specimens[-1].sac = segment


# -- reading --------------------------------------------------------------------------------------


def _read(
    group: OrderGroup, patient: Patient | None, paths: Sequence[Path], zone: str
) -> Iterator[ReadOrder]:
    specimens: Sequence[SpecimenGroup | None] = group.specimens or (None,)
    for specimen in specimens:
        segments = _segments(group, specimen)
        yield ReadOrder(
            _request(group, segments, (patient, zone), paths), group.orc, group.obr, specimen
        )


def _segments(group: OrderGroup, specimen: SpecimenGroup | None) -> dict[str, Segment]:
    found = {"ORC": group.orc, "OBR": group.obr, "TQ1": group.tq1}
    if specimen is not None:
        found |= {"SPM": specimen.spm, "SAC": specimen.sac}
    return {name: segment for name, segment in found.items() if segment is not None}


def _request(
    group: OrderGroup,
    segments: dict[str, Segment],
    about: tuple[Patient | None, str],
    paths: Sequence[Path],
) -> OrderRequest:
    patient, zone = about
    control = _control(group.orc) if group.orc is not None else ""
    source = group.orc or group.obr
    return OrderRequest(
        action=_ACTIONS.get(control),
        control=control,
        sample_id=_first(segments, paths),
        placer_number=_said(segments, "ORC-2.1", "OBR-2.1"),
        accession_number=_said(segments, "ORC-4.1"),
        test_code=_said(segments, "OBR-4.1"),
        test_name=_said(segments, "OBR-4.2"),
        priority=_priority(segments),
        specimen_type=_said(segments, "SPM-4.1", "OBR-15.1.1"),
        collected_at=read_time(_said(segments, "SPM-17.1", "OBR-7.1"), zone).at,
        patient=patient,
        source=source.index if source is not None else 0,
    )


def _control(orc: Segment) -> str:
    return orc.get("ORC-1").strip().upper()


def _said(segments: dict[str, Segment], *paths: str) -> str:
    return _first(segments, [Path.parse(path) for path in paths])


def _first(segments: dict[str, Segment], paths: Sequence[Path]) -> str:
    for path in paths:
        segment = segments.get(path.segment)
        text = path.of(segment).strip() if segment is not None else ""
        if text and text != NULL:
            return text
    return ""


def _priority(segments: dict[str, Segment]) -> Priority | None:
    return _PRIORITIES.get(_said(segments, *_PRIORITY_PATHS).upper())


def _patient(pid: Segment | None) -> Patient | None:
    """The minimum that identity needs."""
    if pid is None:
        return None
    ids = []
    for at in range(1, len(pid.repetitions(3)) + 1):
        number = pid.get(f"PID-3[{at}].1").strip()
        if number and number != NULL:
            ids.append(Identifier(id=number, authority=pid.get(f"PID-3[{at}].4.1").strip()))
    if not ids and (old := pid.get("PID-2.1").strip()) and old != NULL:
        ids.append(Identifier(id=old))
    name = "^".join([part.strip() for part in pid.components(5)[:3]]).rstrip("^")
    sex = pid.get("PID-8").strip()
    patient = Patient(
        identifiers=tuple(ids),
        name="" if name == NULL else name,
        birth_date=_digits(pid.get("PID-7.1"))[:8],
        sex="" if sex == NULL else sex,
    )
    return None if patient == Patient() else patient


def _digits(text: str) -> str:
    text = text.strip()
    return text if text.isdigit() else ""
