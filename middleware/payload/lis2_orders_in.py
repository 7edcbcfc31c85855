"""Reads orders of a LIS that speaks LIS2: H, P, O and L records become requests of the model. Pure.

Each test of O-5 is a request. The sample id is read from its own O record alone. Answers to queries, results and
scientific records are no orders: a message that holds them is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from middleware.driver.times import read_time
from middleware.model import Identifier, OrderAction, OrderRequest, Patient, Priority
from middleware.payload.hl7_orders import MOST_ORDERS, UnreadableOrders
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.lis2 import NULL, FaultCode, Message, Path, Record, parse_message, unescape

_ACTIONS = {
    "": OrderAction.NEW,
    "N": OrderAction.NEW,
    "A": OrderAction.NEW,  # added to a specimen that is known: what is there stays
    "C": OrderAction.CANCEL,
}
"""O-12 (LIS02-A2 8.4.12); what is not here is refused by name."""

_REPORT_TYPES = frozenset({"", "O", "A", "Q"})
"""O-26 (LIS02-A2 8.4.26) of what is an order; A is written by some for an add-on."""

_PRIORITIES = {
    "S": Priority.STAT,
    "A": Priority.ASAP,
    "R": Priority.ROUTINE,
    "C": Priority.CALLBACK,
    "P": Priority.PREOPERATIVE,
}
_COMPONENTS = 9  # of a test id that are looked at
_NAME = 2  # LIS02-A2 5.6.1: the test's name
_NO_ORDERS = {"R": "results", "Q": "a query", "S": "scientific records"}


@dataclass(frozen=True, slots=True)
class Lis2OrderNames:
    """Where this LIS writes what: paths as `O-3.1`, of which the first that is not empty counts; none: not written.

    `test_component` is the component of O-5 with the test's code, `encoding` a Python codec.
    """

    sample_id: tuple[str, ...] = ("O-3.1",)
    test_component: int = 4
    placer_number: tuple[str, ...] = ()
    patient_id: tuple[str, ...] = ("P-3.1", "P-4.1")
    encoding: str = "iso8859-1"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Lis2Orders:
    """What a message says. `control_id` is H-3, `processing_id` H-12, `sent_at` H-14; all as sent."""

    control_id: str
    processing_id: str
    sent_at: str
    requests: tuple[OrderRequest, ...]


def read_lis2_orders(text: bytes, names: Lis2OrderNames) -> Lis2Orders:
    """The requests of one message, in order. Raises UnreadableOrders."""
    try:
        message = parse_message(text, names.encoding)
    except RemoteProtocolError as error:
        raise UnreadableOrders(str(error)) from error
    try:
        _refuse_others(message)
        requests = _bounded(one for order in message.all("O") for one in _requests(order, names))
        header = message.header
        return Lis2Orders(
            _said(header, ["H-3"]),
            _said(header, ["H-12"]),
            _said(header, ["H-14"]),
            tuple(requests),
        )
    finally:
        message.cut()


def _bounded(requests: Iterator[OrderRequest]) -> tuple[OrderRequest, ...]:
    found = tuple(islice(requests, MOST_ORDERS + 1))
    if len(found) > MOST_ORDERS:
        raise UnreadableOrders(f"the message holds more than {MOST_ORDERS} orders")
    return found


def _refuse_others(message: Message) -> None:
    for letter, words in _NO_ORDERS.items():
        if message.all(letter):
            raise UnreadableOrders(f"the message holds {words}: only orders are taken here")
    for fault in message.faults:
        if fault.code is FaultCode.UNDECODABLE_BYTES:
            raise UnreadableOrders(f"the message cannot be read: {fault.text}")
    if not message.all("O"):
        raise UnreadableOrders("the message holds no order")


def _requests(order: Record, names: Lis2OrderNames) -> Iterator[OrderRequest]:
    action, control = _action_of(order)
    shared = OrderRequest(
        action=action,
        control=control,
        sample_id=_said(order, names.sample_id),
        placer_number=_said(order, names.placer_number),
        priority=_PRIORITIES.get(_said(order, ["O-6"])[:1].upper()),
        specimen_type=_said(order, ["O-16.1"]),
        collected_at=read_time(_said(order, ["O-8"]), names.time_zone).at,
        arrived_at=read_time(_said(order, ["O-15"]), names.time_zone).at,
        patient=_patient(order, names),
        location=_said(order, ["P-26.1"]),
        source=order.index,
    )
    tests = order.repeats(5) or [""]
    if len(tests) > MOST_ORDERS:
        raise UnreadableOrders(f"the message holds more than {MOST_ORDERS} orders")
    for test in tests:
        parts = test.split(order.delimiters.component, _COMPONENTS)
        code = _part(order, parts, names.test_component)
        name = _part(order, parts, _NAME) if names.test_component != _NAME else ""
        yield shared.model_copy(update={"test_code": code, "test_name": name})


def _part(order: Record, parts: Sequence[str], number: int) -> str:
    if number > len(parts):
        return ""
    return _clean(unescape(parts[number - 1], order.delimiters, order.encoding))


def _action_of(order: Record) -> tuple[OrderAction | None, str]:
    """What O-12 and O-26 ask for, and the words of what is not known."""
    code = _said(order, ["O-12"]).upper()
    kinds = [kind.strip().upper() for kind in order.repeats(26)]
    strange = next((kind for kind in kinds if kind not in _REPORT_TYPES), None)
    if strange is not None:
        return None, f"O-26 {strange}"
    return _ACTIONS.get(code), f"O-12 {code}"


def _patient(order: Record, names: Lis2OrderNames) -> Patient | None:
    number = _said(order, names.patient_id)
    parent = order.nearest("P")
    name = parent.components(6)[:3] if parent is not None else []
    patient = Patient(
        identifiers=(Identifier(id=number),) if number else (),
        name="^".join(_clean(part) for part in name).rstrip("^"),
        birth_date=_digits(_said(order, ["P-8"]))[:8],
        sex=_said(order, ["P-9"]),
    )
    return None if patient == Patient() else patient


def _said(record: Record, paths: Sequence[str]) -> str:
    for path in paths:
        text = _clean(Path.parse(path).of(record))
        if text:
            return text
    return ""


def _clean(text: str) -> str:
    text = text.strip()
    return "" if text == NULL else text


def _digits(text: str) -> str:
    return text if text.isdigit() else ""
