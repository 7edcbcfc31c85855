"""Orders as plain named texts, one for each test: what rows of CSV and objects of JSON have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from middleware.driver.times import read_time
from middleware.model import Identifier, OrderAction, OrderRequest, Patient, Priority
from middleware.payload.hl7_orders import UnreadableOrders
from middleware.payload.hl7_time import zone

LONGEST_TEXT = 1000
"""Of one text; what is too long for the store is refused by name, more than this is damage."""


def _text(words: str) -> str:
    text: str = Field(default="", max_length=LONGEST_TEXT, description=words)
    return text


class FlatOrder(BaseModel):
    """One test on one specimen. All are texts; what is not said is empty or left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    action: str = _text("`new` (also when empty), `change` or `cancel`")
    sample_id: str = _text("the id on the label of the tube")
    test_code: str = _text(
        "the LIS's code of the test; a cancel without one is of every test of the order"
    )
    test_name: str = _text("its name")
    placer_number: str = _text("the LIS's own number of the order")
    accession_number: str = _text("its number of the group of orders")
    priority: str = _text("`stat`, `asap`, `routine`, `callback` or `preoperative`")
    specimen_type: str = _text("what the specimen is, as the LIS calls it")
    collected_at: str = _text("when it was collected: 2031-03-04T08:00:00+01:00, or YYYYMMDDHHMMSS")
    arrived_at: str = _text("when it came to the laboratory, in the same form")
    patient_id: str = _text("the patient's number")
    patient_authority: str = _text("who gave that number")
    patient_name: str = _text("family name and given names, with ^ between")
    birth_date: str = _text("YYYYMMDD or YYYY-MM-DD")
    sex: str = _text("`F`, `M`, or as the LIS has it")
    encounter: str = _text("the number of the visit")
    location: str = _text("where the patient is")
    carrier: str = _text("the rack in which the tube stands")
    position: str = _text("its place in the rack")
    parent_sample_id: str = _text("the tube that this one is an aliquot of")


FIELDS: Mapping[str, str] = MappingProxyType(
    {
        **{name: field.description or "" for name, field in FlatOrder.model_fields.items()},
        "environment": "`P`, `T` or `D`: of another environment than the node's nothing is taken",
    }
)
"""The names that a row of CSV may have, and what each means."""

_ACTIONS = {"": OrderAction.NEW, **{one.value: one for one in OrderAction}}
_PRIORITIES: Mapping[str, Priority | None] = {"": None, **{one.value: one for one in Priority}}
_PLAIN = (
    "sample_id",
    "test_code",
    "test_name",
    "placer_number",
    "accession_number",
    "specimen_type",
    "encounter",
    "location",
    "carrier",
    "position",
    "parent_sample_id",
)
_SHOWN = 20
_DATE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class FlatOrders:
    """A document of orders. `environments` are those that it names, as written."""

    requests: tuple[OrderRequest, ...]
    environments: tuple[str, ...] = ()
    message_id: str = ""


def request_of(said: Mapping[str, str], number: int, time_zone: str) -> OrderRequest:
    """One order; `number` is its row or place. Raises UnreadableOrders when a word or a time cannot be read."""
    values = {name: said.get(name, "").strip() for name in FIELDS}
    action = values["action"].lower()
    priority = values["priority"].lower()
    if priority not in _PRIORITIES:
        raise UnreadableOrders(f"order {number}: {priority[:_SHOWN]!r} is no priority")
    return OrderRequest(
        action=_ACTIONS.get(action),
        control=action,
        priority=_PRIORITIES[priority],
        collected_at=_time(values["collected_at"], ("collected_at", number), time_zone),
        arrived_at=_time(values["arrived_at"], ("arrived_at", number), time_zone),
        patient=_patient(values, number),
        source=number,
        **{name: values[name] for name in _PLAIN},
    )


def _time(text: str, place: tuple[str, int], time_zone: str) -> datetime | None:
    """The instant in UTC; a time without a zone is the node's."""
    if not text:
        return None
    at = read_time(text, time_zone).at
    if at is not None:
        return at
    name, number = place
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or len(text) <= len("2031-03-04"):
        raise UnreadableOrders(f"order {number}: {name} is no time that can be read")
    return (read if read.tzinfo is not None else read.replace(tzinfo=zone(time_zone))).astimezone(
        UTC
    )


def _patient(values: Mapping[str, str], number: int) -> Patient | None:
    birth_date = values["birth_date"].replace("-", "")
    if birth_date and not (len(birth_date) == _DATE_DIGITS and birth_date.isdigit()):
        raise UnreadableOrders(f"order {number}: birth_date is no date that can be read")
    identifier = Identifier(id=values["patient_id"], authority=values["patient_authority"])
    patient = Patient(
        identifiers=(identifier,) if identifier.id else (),
        name=values["patient_name"],
        birth_date=birth_date,
        sex=values["sex"],
    )
    return None if patient == Patient() else patient
