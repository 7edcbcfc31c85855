"""Which specimen a sample id names: (order source, sample id, period of use), and whose it is.

A sample id in use belongs to one patient. Another patient's order begins a new period of use only when all work on the
earlier one has ended and nothing spoke of it for a while; until then it is refused, for one of the two is wrong.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from middleware.errors import StoreError
from middleware.model import OPEN_STATES, OrderRequest, Patient, normal_sample_id
from middleware.store.rows import fetch
from middleware.store.schema import SPECIMENS, WORK_ORDER_STEPS

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


def normal_of(request: OrderRequest) -> str:
    """The form of the request's sample id that is looked up."""
    return normal_sample_id(request.sample_id)


def use(
    conn: Connection, request: OrderRequest, source: str, now: float, *, reuse_after_s: float
) -> Specimen:
    """The specimen in use that an order names, made when there is none, with what the order says of it.

    Raises OtherPatient.
    """
    row = {"normal": normal_of(request), "exact": request.sample_id, "of_source": source}
    rows = fetch(conn, _IN_USE_NOW, row)
    found = Specimen(*rows[0]) if rows else None
    if found is not None and _is_over(conn, found, now - reuse_after_s):
        _end(conn, found.id, now)
        found = None
    if found is None:
        return _make(conn, request, source, now)
    if request.patient is not None and contradicts(found, request.patient):
        raise OtherPatient("the sample id is in use for another patient")
    _fill(conn, found, request, now)
    return found


def check_patient(conn: Connection, specimen_id: int, patient: Patient) -> None:
    """Raises OtherPatient when the specimen is another's."""
    row = conn.execute(select(*_COLUMNS).where(SPECIMENS.c.id == specimen_id)).first()
    if row is not None and contradicts(Specimen(*row), patient):
        raise OtherPatient("the sample id is in use for another patient")


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
    mine, theirs = (specimen.birth_date or "")[:8], patient.birth_date[:8]
    return bool(mine and theirs) and mine != theirs


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
    row = {
        "order_source": source,
        "sample_id": request.sample_id,
        "sample_id_normal": normal_of(request),
        "used_from": now,
        "changed_at": now,
        **_said(request),
    }
    made = conn.execute(insert(SPECIMENS).values(row).returning(*_COLUMNS)).one()
    return Specimen(*made)


def _fill(conn: Connection, specimen: Specimen, request: OrderRequest, now: float) -> None:
    """What the order says counts; what it does not say stays."""
    said = {**_said(request), "changed_at": now}
    changes = {name: value for name, value in said.items() if getattr(specimen, name) != value}
    if changes:
        conn.execute(update(SPECIMENS).where(SPECIMENS.c.id == specimen.id).values(changes))


def _said(request: OrderRequest) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if request.specimen_type:
        said["specimen_type"] = request.specimen_type
    if request.collected_at is not None:
        said["collected_at"] = request.collected_at.timestamp()
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
