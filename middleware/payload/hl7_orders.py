"""Reads orders of a LIS: OML^O21, OML^O33 and ORM^O01 of HL7 2.3 to 2.5.1 become requests of the model. Pure.

Each test (OBR) of each specimen becomes a request. In O33 a specimen stands before its orders, in O21 after them, in
O01 nowhere: which fields hold the sample id is the site's to say (`OrderNames.sample_id`), and no id is ever taken from
a neighbour. Segments that carry earlier results are not orders (`hl7_prior` reads them).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from middleware.driver.times import read_time
from middleware.errors import MiddlewareError
from middleware.model import OrderAction, OrderRequest, Patient, Priority
from middleware.payload.hl7_patient import read_encounters, read_location, read_patient
from middleware.payload.hl7_prior import MixedPatients, split
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
    orders = orders_in(message, names, is_specimen_first=kind[1] == _SPECIMEN_FIRST)
    if not orders:
        raise UnreadableOrders("the message holds no order")
    return message, orders


def orders_in(message: Message, names: OrderNames, *, is_specimen_first: bool) -> list[ReadOrder]:
    """The requests of a message of any type; none where it has no order. Raises UnreadableOrders."""
    try:
        segments, _ = split(message, is_specimen_first=is_specimen_first)
    except MixedPatients as error:
        raise UnreadableOrders(str(error)) from error
    groups = _groups(segments, is_specimen_first=is_specimen_first)
    if len(groups) > MOST_ORDERS:
        raise UnreadableOrders(f"the message holds {len(groups)} orders; at most {MOST_ORDERS}")
    paths = [Path.parse(path) for path in names.sample_id]
    about = _about(message, segments, names.time_zone)
    return [one for group in groups for one in _read(group, about, paths)]


@dataclass(frozen=True, slots=True)
class _About:
    """What all orders of a message share."""

    patient: Patient | None
    location: str
    encounter: str
    zone: str


def _about(message: Message, segments: Sequence[Segment], zone: str) -> _About:
    pid = message.segment("PID")
    pv1 = next((one for one in segments if one.name == "PV1"), None)
    encounters = read_encounters(pid, pv1)
    encounter = encounters[0].id if encounters else ""
    return _About(read_patient(pid), read_location(pv1), encounter, zone)


# -- grouping -------------------------------------------------------------------------------------


def _groups(segments: Sequence[Segment], *, is_specimen_first: bool) -> list[OrderGroup]:
    groups: list[OrderGroup] = []
    current: list[SpecimenGroup] = []
    for segment in segments:
        name = segment.name
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
    return groups


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


def _read(group: OrderGroup, about: _About, paths: Sequence[Path]) -> Iterator[ReadOrder]:
    specimens: Sequence[SpecimenGroup | None] = group.specimens or (None,)
    for specimen in specimens:
        segments = _segments(group, specimen)
        yield ReadOrder(_request(group, segments, about, paths), group.orc, group.obr, specimen)


def _segments(group: OrderGroup, specimen: SpecimenGroup | None) -> dict[str, Segment]:
    found = {"ORC": group.orc, "OBR": group.obr, "TQ1": group.tq1}
    if specimen is not None:
        found |= {"SPM": specimen.spm, "SAC": specimen.sac}
    return {name: segment for name, segment in found.items() if segment is not None}


def _request(
    group: OrderGroup,
    segments: dict[str, Segment],
    about: _About,
    paths: Sequence[Path],
) -> OrderRequest:
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
        collected_at=read_time(_said(segments, "SPM-17.1", "OBR-7.1"), about.zone).at,
        patient=about.patient,
        location=about.location,
        encounter=about.encounter,
        arrived_at=read_time(_said(segments, "SPM-18.1", "OBR-14.1"), about.zone).at,
        carrier=_said(segments, "SAC-10.1"),
        position=_said(segments, "SAC-11"),
        parent_sample_id=_said(segments, "SAC-4.1", "SPM-3.1.1"),
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
