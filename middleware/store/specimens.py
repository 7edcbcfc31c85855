"""Which specimen a sample id names: (order source, sample id, period of use), and whose it is.

A sample id in use belongs to one patient. Another patient's order begins a new period of use only when all work on the
earlier one has ended and nothing spoke of it for a while; until then it is refused, for one of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, func, insert, select, text, update

from middleware.errors import StoreError
from middleware.model import OPEN_STATES, OrderRequest, Patient, normal_sample_id
from middleware.store import patients, sightings
from middleware.store.order_schema import SEEN
from middleware.store.rows import execute_many, fetch
from middleware.store.schema import SPECIMENS, WORK_ORDER_STEPS
from middleware.store.specimen_lookup import Former, Place, former

_IN_USE = text("used_until IS NULL")


class Specimen(NamedTuple):
    """One period of use of a sample id, as the table has it. Times in seconds since 1970 UTC."""

    id: int
    order_source: str
    sample_id: str
    sample_id_normal: str
    used_from: float
    specimen_type: str | None
    patient_id: str | None
    patient_authority: str | None
    patient_name: str | None
    birth_date: str | None
    sex: str | None
    collected_at: float | None
    changed_at: float | None
    patient_ref: int | None
    location: str | None
    encounter: str | None
    arrived_at: float | None
    parent_id: int | None
    put_carrier: str | None
    put_position: str | None
    put_at: float | None


_COLUMNS = tuple(SPECIMENS.c[name] for name in Specimen._fields)
_IN_USE_NOW = (
    select(*_COLUMNS)
    .where(
        SPECIMENS.c.sample_id_normal == bindparam("normal"),
        SPECIMENS.c.sample_id == bindparam("exact"),
        SPECIMENS.c.order_source == bindparam("of_source"),
        _IN_USE,
    )
    .order_by(SPECIMENS.c.id.desc())
    .limit(1)
)


class OtherPatient(StoreError):
    """The sample id is in use for another patient."""

    code = "other-patient"


class LabelledAnew(StoreError):
    """The sample id is a former one of a tube in use."""

    code = "labelled-anew"


def normal_of(request: OrderRequest) -> str:
    """The form of the request's sample id that is looked up."""
    return normal_sample_id(request.sample_id)


def use(
    conn: Connection, request: OrderRequest, source: str, now: float, *, reuse_after_s: float
) -> Specimen:
    """The specimen in use that an order names, made when there is none, with what the order says of it.

    Raises OtherPatient, and LabelledAnew when a tube in use had this id.
    """
    row = {"normal": normal_of(request), "exact": request.sample_id, "of_source": source}
    rows = fetch(conn, _IN_USE_NOW, row)
    found = Specimen(*rows[0]) if rows else None
    if found is not None and _is_over(conn, found, now - reuse_after_s):
        _end(conn, found.id, now)
        found = None
    if found is None:
        _check_former(conn, request, source, now, before=now - reuse_after_s)
        return _make(conn, request, source, now)
    _fill(conn, found, _checked(conn, found, request), now)
    return found


def _check_former(
    conn: Connection, request: OrderRequest, source: str, now: float, *, before: float
) -> None:
    """The old label may still be on a tube in use: nothing new begins under its id. Raises LabelledAnew."""
    for one in former(conn, [request.sample_id], source):
        if one.former != request.sample_id:
            continue
        query = select(*_COLUMNS).where(SPECIMENS.c.id == one.specimen_id)
        tube = Specimen(*conn.execute(query).one())
        if not _is_over(conn, tube, before):
            raise LabelledAnew(_words_of_new_label(one))
        _end(conn, tube.id, now)


def check_label(conn: Connection, sample_id: str, source: str) -> None:
    """Raises LabelledAnew when a tube in use had this id before."""
    for one in former(conn, [sample_id], source):
        if one.former == sample_id:
            raise LabelledAnew(_words_of_new_label(one))


def check_patient(conn: Connection, specimen_id: int, patient: Patient) -> None:
    """Raises OtherPatient when the specimen is another's."""
    row = conn.execute(select(*_COLUMNS).where(SPECIMENS.c.id == specimen_id)).first()
    if row is not None:
        _checked(conn, Specimen(*row), OrderRequest(action=None, patient=patient))


def _checked(conn: Connection, specimen: Specimen, request: OrderRequest) -> OrderRequest:
    """The request, without patient ids beside which the tube's own stays: those of before a merge, and those of another
    authority. Raises OtherPatient, also for an id that is known as another patient's."""
    patient = request.patient
    if patient is None or _has_its_id(specimen, patient):
        if patient is not None and contradicts(specimen, patient):
            raise OtherPatient(_words_of_other(specimen.sample_id))
        return request
    source, ref = specimen.order_source, specimen.patient_ref
    without_ids = patient.model_copy(update={"identifiers": ()})
    is_same = patients.is_known_as(conn, source, ref, patient)
    is_other = contradicts(specimen, patient) or patients.is_anothers(conn, source, ref, patient)
    if contradicts(specimen, without_ids) or (is_other and not is_same):
        raise OtherPatient(_words_of_other(specimen.sample_id))
    return request.model_copy(update={"patient": without_ids})


def _has_its_id(specimen: Specimen, patient: Patient) -> bool:
    """One of the ids is the tube's, or one of the two has none."""
    if not specimen.patient_id or not patient.identifiers:
        return True
    mine = specimen.patient_authority or ""
    return any(
        one.id == specimen.patient_id and (not one.authority or not mine or one.authority == mine)
        for one in patient.identifiers
    )


def _words_of_new_label(one: Former) -> str:
    return f"the tube {one.former} was labelled anew and is {one.sample_id} now: say it of that id"


def _words_of_other(sample_id: str) -> str:
    return f"the sample id {sample_id} is in use for another patient"


def contradicts(specimen: Specimen, patient: Patient) -> bool:
    """Another patient id of the same authority, or another birth date. Names are written in too many ways to tell."""
    known = specimen.patient_id
    comparable = [
        one
        for one in patient.identifiers
        if not one.authority
        or not specimen.patient_authority
        or one.authority == specimen.patient_authority
    ]
    if known and comparable and all(one.id != known for one in comparable):
        return True
    return is_other_day(specimen.birth_date or "", patient.birth_date)


def is_other_day(one: str, other: str) -> bool:
    """Two birth dates that cannot be of one person; a year or a month alone is no other day within it."""
    mine, theirs = one[:8], other[:8]
    return not mine.startswith(theirs) and not theirs.startswith(mine)


_LEAVE_PLACE = (
    update(SPECIMENS)
    .where(
        SEEN,
        SPECIMENS.c.seen_carrier == bindparam("b_carrier"),
        SPECIMENS.c.seen_position == bindparam("b_position"),
        SPECIMENS.c.seen_line == bindparam("b_line"),
        SPECIMENS.c.id != bindparam("b_id"),
    )
    .values(seen_carrier=None, seen_position=None, placed_at=None)
)
_SEEN_AT_PLACE = (
    update(SPECIMENS)
    .where(SPECIMENS.c.id == bindparam("b_id"))
    .values(
        seen_line=bindparam("b_line"),
        seen_carrier=bindparam("b_carrier"),
        seen_position=bindparam("b_position"),
        seen_at=bindparam("b_now"),
        placed_at=bindparam("b_now"),
    )
)
_SEEN_SOMEWHERE = (
    update(SPECIMENS)
    .where(SPECIMENS.c.id == bindparam("b_id"))
    .values(
        {
            "seen_line": bindparam("b_line"),
            "seen_at": bindparam("b_now"),
            **{
                name: case((SPECIMENS.c.seen_line == bindparam("b_line"), SPECIMENS.c[name]))
                for name in ("seen_carrier", "seen_position", "placed_at")
            },
        }
    )
)


def note_place(conn: Connection, ids: Sequence[int], place: Place, now: float) -> None:
    """An analyzer read these tubes' labels. A place that it names is one tube's: who was seen there before, left it.

    Without a place, where this line saw it earlier stays, with its time.
    """
    row = {
        "b_line": place.line,
        "b_carrier": place.carrier,
        "b_position": place.position,
        "b_now": now,
    }
    rows = [{**row, "b_id": one} for one in ids]
    if not place.carrier and not place.position:
        execute_many(conn, _SEEN_SOMEWHERE, rows)
        return
    execute_many(conn, _LEAVE_PLACE, rows)
    execute_many(conn, _SEEN_AT_PLACE, rows)


def _is_over(conn: Connection, specimen: Specimen, before: float) -> bool:
    """Nothing is open on it and nothing spoke of it since `before`."""
    if (specimen.changed_at or specimen.used_from) > before:
        return False
    open_steps = select(func.count()).where(
        WORK_ORDER_STEPS.c.specimen_id == specimen.id,
        WORK_ORDER_STEPS.c.state.in_([one.value for one in OPEN_STATES]),
    )
    return not conn.execute(open_steps).scalar_one()


def _end(conn: Connection, specimen_id: int, now: float) -> None:
    conn.execute(update(SPECIMENS).where(SPECIMENS.c.id == specimen_id).values(used_until=now))


def _make(conn: Connection, request: OrderRequest, source: str, now: float) -> Specimen:
    parent = _parent(conn, request, source)
    row = {
        "order_source": source,
        "sample_id": request.sample_id,
        "sample_id_normal": normal_of(request),
        "used_from": now,
        "changed_at": now,
        **sightings.take(conn, request.sample_id, now),
        **(_inherited(conn, parent["parent_id"]) if parent else {}),
        **parent,
        **_said(request),
        **_put(request, now),
    }
    ref = patients.of_order(conn, source, request.patient, request.encounter, now)
    if ref is not None:
        row["patient_ref"] = ref
    made = conn.execute(insert(SPECIMENS).values(row).returning(*_COLUMNS)).one()
    return Specimen(*made)


def _fill(conn: Connection, specimen: Specimen, request: OrderRequest, now: float) -> None:
    """What the order says counts; what it does not say stays."""
    said = {**_said(request), "changed_at": now}
    if (specimen.birth_date or "").startswith(said.get("birth_date", "")):
        said.pop("birth_date", None)  # no more than is known
    if specimen.patient_ref is None and request.patient is not None:
        said["patient_ref"] = patients.of_order(
            conn, specimen.order_source, request.patient, request.encounter, now
        )
    if specimen.parent_id is None and request.parent_sample_id:
        said |= _parent(conn, request, specimen.order_source)
    said |= _put(request, now)
    changes = {name: value for name, value in said.items() if getattr(specimen, name) != value}
    if changes:
        conn.execute(update(SPECIMENS).where(SPECIMENS.c.id == specimen.id).values(changes))


def _put(request: OrderRequest, now: float) -> dict[str, Any]:
    """Where the LIS says that the tube stands."""
    if not request.carrier and not request.position:
        return {}
    return {"put_carrier": request.carrier, "put_position": request.position, "put_at": now}


_INHERITED = (
    "patient_ref",
    "patient_id",
    "patient_authority",
    "patient_name",
    "birth_date",
    "sex",
    "collected_at",
    "arrived_at",
    "location",
    "encounter",
)


def _parent(conn: Connection, request: OrderRequest, source: str) -> dict[str, Any]:
    """The tube that this one is an aliquot of, where it is known. Raises OtherPatient when it is another's."""
    name = request.parent_sample_id
    if not name or name == request.sample_id:
        return {}
    row = {"normal": normal_sample_id(name), "exact": name, "of_source": source}
    rows = fetch(conn, _IN_USE_NOW, row)
    if not rows:
        return {}
    parent = Specimen(*rows[0])
    if request.patient is not None and contradicts(parent, request.patient):
        raise OtherPatient(f"the tube {name}, of which it is an aliquot, is another patient's")
    return {"parent_id": parent.id}


def _inherited(conn: Connection, parent_id: int) -> dict[str, Any]:
    """What an aliquot has from its tube."""
    row = conn.execute(select(*_COLUMNS).where(SPECIMENS.c.id == parent_id)).one()
    parent = Specimen(*row)
    return {name: value for name in _INHERITED if (value := getattr(parent, name)) is not None}


def _said(request: OrderRequest) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if request.specimen_type:
        said["specimen_type"] = request.specimen_type
    if request.collected_at is not None:
        said["collected_at"] = request.collected_at.timestamp()
    if request.arrived_at is not None:
        said["arrived_at"] = request.arrived_at.timestamp()
    if request.location:
        said["location"] = request.location
    if request.encounter:
        said["encounter"] = request.encounter
    patient = request.patient
    if patient is None:
        return said
    first = patient.identifiers[0] if patient.identifiers else None
    parts = {
        "patient_id": first.id if first is not None else "",
        "patient_authority": first.authority if first is not None else "",
        "patient_name": patient.name,
        "birth_date": patient.birth_date,
        "sex": patient.sex,
    }
    return said | {name: value for name, value in parts.items() if value}
