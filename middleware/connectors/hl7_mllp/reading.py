"""What a message on the port of orders says: orders, what is new of patients, or earlier results. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.model import EarlierResult, MessageKind, PatientChange
from middleware.payload.hl7_adt import UnreadablePatient, event_of, is_adt, read_adt
from middleware.payload.hl7_orders import OrderNames, ReadOrder, UnreadableOrders, read_orders
from middleware.payload.hl7_prior import earlier_of, read_earlier, split
from middleware.wire.hl7 import ErrorCode, Message

_SPECIMEN_FIRST = "O33"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole message is refused: the code of HL7 table 0357, and words."""

    code: ErrorCode
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message says. With a `refusal` there is nothing else. `remark`: what was left aside."""

    orders: tuple[ReadOrder, ...] = ()
    changes: tuple[PatientChange, ...] = ()
    earlier: tuple[EarlierResult, ...] = ()
    kind: MessageKind = MessageKind.ORDER
    remark: str = ""
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Wants:
    """How this LIS writes orders, and whether its ORU^R01 are earlier results."""

    names: OrderNames
    takes_earlier_results: bool
    processing_id: str


def hear(message: Message | None, text: bytes, wants: Wants) -> Heard:
    """Read one message; `message` None: it is no HL7."""
    if message is None:
        return _refused(ErrorCode.SEGMENT_SEQUENCE, "the message is no HL7")
    said = message.header.get("MSH-11.1").strip().upper()
    if said and said != wants.processing_id:
        words = f"MSH-11 is {said}, this system is {wants.processing_id}"
        return _refused(ErrorCode.UNSUPPORTED_PROCESSING_ID, words)
    if is_adt(message):
        return _patients(message)
    is_result = message.header.get("MSH-9.1").strip() == "ORU"
    if is_result and wants.takes_earlier_results:
        return _earlier(message, wants.names.time_zone)
    return _orders(message, text, wants.names)


def _patients(message: Message) -> Heard:
    try:
        changes = read_adt(message)
    except UnreadablePatient as error:
        return _refused(ErrorCode.REQUIRED_FIELD_MISSING, str(error))
    event = event_of(message) or "(none)"
    remark = "" if changes else f"the event {event[:20]} of ADT changes nothing here"
    return Heard(changes=changes, kind=MessageKind.OTHER, remark=remark)


def _earlier(message: Message, zone: str) -> Heard:
    earlier, left = read_earlier(earlier_of(message), zone)
    if not earlier:
        words = "no final result with a patient id in PID-3, a test, a time and a value"
        return _refused(ErrorCode.REQUIRED_FIELD_MISSING, words)
    return Heard(earlier=earlier, kind=MessageKind.RESULT, remark=_left(left))


def _orders(message: Message, text: bytes, names: OrderNames) -> Heard:
    try:
        orders = read_orders(text, names)[1]
    except UnreadableOrders as error:
        code = ErrorCode.UNSUPPORTED_MESSAGE_TYPE if error.is_type else ErrorCode.SEGMENT_SEQUENCE
        return _refused(code, str(error))
    is_specimen_first = message.header.get("MSH-9.2").strip() == _SPECIMEN_FIRST
    _, groups = split(message, is_specimen_first=is_specimen_first)
    earlier, left = read_earlier(groups, names.time_zone)
    return Heard(orders=tuple(orders), earlier=earlier, remark=_left(left))


def _left(count: int) -> str:
    if not count:
        return ""
    return (
        f"{count} earlier results were left out: without patient id, test, time or value, not final, "
        "or too many"
    )


def _refused(code: ErrorCode, text: str) -> Heard:
    return Heard(refusal=Refusal(code, text))
