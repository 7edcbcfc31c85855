"""Writes the answer to a message of orders: ORL^O22, ORL^O34 or ORR^O02, with what became of each order. Pure.

MSA-1 says whether the message was processed: AA, or AE when every order of it was refused, AR when it is none that we
take. What only comes too late is no error: it is answered AA, with UC, UD or UX. What became of one order stands in its
ORC-1 (table 0119), why it was refused in an ERR segment that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from middleware.model import OrderAction, OrderAnswer, OrderFault, OrderOutcome
from middleware.payload.hl7_orders import ReadOrder
from middleware.wire.hl7 import (
    ERROR_TEXTS,
    AckCode,
    AckError,
    AckNote,
    ErrorCode,
    ErrorLocation,
    Message,
    Raw,
    Segment,
    build_ack,
    components,
    compose,
    segment,
)

_KINDS = {
    ("OML", "O21"): ("ORL", "O22", "ORL_O22"),
    ("OML", "O33"): ("ORL", "O34", "ORL_O34"),
    ("ORM", "O01"): ("ORR", "O02", "ORR_O02"),
}
_WITHOUT_STRUCTURE = frozenset(("", "2.1", "2.2", "2.3", "2.3.1"))
_WITHOUT_ERR_3 = _WITHOUT_STRUCTURE | {"2.4"}
_SPECIMEN_FIRST = "O33"
_TEXT_MAX = 200

_CONTROLS = {
    OrderAnswer.ACCEPTED: "OK",
    OrderAnswer.UNCHANGED: "OK",
    OrderAnswer.CHANGED: "XR",
    OrderAnswer.CANCELLED: "CR",
    OrderAnswer.REFUSED: "UA",
    OrderAnswer.NOT_CHANGED: "UX",
    OrderAnswer.NOT_CANCELLED: "UC",
}
"""Table 0119: what ORC-1 of the answer says."""
_DISCONTINUED = {OrderAnswer.CANCELLED: "DR", OrderAnswer.NOT_CANCELLED: "UD"}
"""Where the request said DC."""

_ERRORS = {
    OrderFault.UNSUPPORTED: (ErrorCode.TABLE_VALUE_NOT_FOUND, "ORC", 1),
    OrderFault.NO_SAMPLE_ID: (ErrorCode.REQUIRED_FIELD_MISSING, "SPM", 2),
    OrderFault.PLACEHOLDER: (ErrorCode.DATA_TYPE, "SPM", 2),
    OrderFault.NO_TEST: (ErrorCode.REQUIRED_FIELD_MISSING, "OBR", 4),
    OrderFault.UNKNOWN_TEST: (ErrorCode.TABLE_VALUE_NOT_FOUND, "OBR", 4),
    OrderFault.UNFIT_TEXT: (ErrorCode.DATA_TYPE, "OBR", 4),
    OrderFault.OTHER_PATIENT: (ErrorCode.DUPLICATE_KEY, "PID", 3),
    OrderFault.UNKNOWN_ORDER: (ErrorCode.UNKNOWN_KEY, "ORC", 2),
    OrderFault.TOO_LATE: (ErrorCode.RECORD_LOCKED, "ORC", 1),
    OrderFault.TOO_MANY: (ErrorCode.DUPLICATE_KEY, "SPM", 2),
}
"""The code of table 0357 and the field that it is about."""


@dataclass(frozen=True, slots=True)
class ReplyStamp:
    """What is our own in a reply: its number (MSH-10) and time (MSH-7)."""

    control_id: str
    time_text: str


def order_reply(
    message: Message,
    orders: Sequence[ReadOrder],
    outcomes: Sequence[OrderOutcome],
    stamp: ReplyStamp,
) -> tuple[AckCode, bytes]:
    """MSA-1 and the whole answer to a message whose orders were judged one by one."""
    is_processed = any(one.fault in (None, OrderFault.TOO_LATE) for one in outcomes)
    code = AckCode.APPLICATION_ACCEPT if is_processed else AckCode.APPLICATION_ERROR
    marks = message.delimiters
    lines = [_header(message, stamp)]
    refused = [
        (order, one) for order, one in zip(orders, outcomes, strict=True) if one.fault is not None
    ]
    msa: dict[int, str | None] = {1: code, 2: _copied(message.header, 10)}
    if refused:
        msa[3] = _sentence(refused)
    lines.append(segment("MSA", msa, marks))
    if message.header.get("MSH-12.1").strip() not in _WITHOUT_ERR_3:
        lines += [_error(message, order, one) for order, one in refused]
    lines += _orders(message, orders, outcomes)
    return code, compose(lines, message.header.get("MSH-18[1]"))


def refusal_reply(
    message: Message, code: AckCode, text: str, error: ErrorCode, stamp: ReplyStamp
) -> bytes:
    """The general acknowledgement that refuses a whole message."""
    note = AckNote(text=text[:_TEXT_MAX], errors=(AckError(error, text[:_TEXT_MAX]),))
    return build_ack(message, code, stamp.control_id, stamp.time_text, note)


def _header(message: Message, stamp: ReplyStamp) -> str:
    header, marks = message.header, message.delimiters
    kind = header.get("MSH-9.1").strip(), header.get("MSH-9.2").strip()
    code, event, structure = _KINDS[kind]
    is_old = header.get("MSH-12.1").strip() in _WITHOUT_STRUCTURE
    named = (code, event) if is_old else (code, event, structure)
    fields: dict[int, str | None] = {
        3: _copied(header, 5),
        4: _copied(header, 6),
        5: _copied(header, 3),
        6: _copied(header, 4),
        7: stamp.time_text,
        9: components(*named, delimiters=marks),
        10: stamp.control_id,
        11: _copied(header, 11) or "P",
        12: _copied(header, 12) or "2.5.1",
        18: header.get("MSH-18[1]"),
    }
    return segment("MSH", fields, marks)


def _sentence(refused: Sequence[tuple[ReadOrder, OrderOutcome]]) -> str:
    first = refused[0][1].text
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return first[:_TEXT_MAX] + more


def _error(message: Message, order: ReadOrder, outcome: OrderOutcome) -> str:
    """One ERR (2.5) that names the segment of the order by its place among those of its name."""
    code, name, field = _ERRORS[outcome.fault or OrderFault.UNSUPPORTED]
    marks = message.delimiters
    at = _sequence(message, order, name)
    place = ErrorLocation(name, at, field)
    where = components(place.segment, str(place.sequence), str(place.field), delimiters=marks)
    coded = components(code, ERROR_TEXTS.get(code, ""), "HL70357", delimiters=marks)
    weight = "W" if outcome.fault is OrderFault.TOO_LATE else "E"
    return segment("ERR", {2: where, 3: coded, 4: weight, 8: outcome.text[:_TEXT_MAX]}, marks)


def _sequence(message: Message, order: ReadOrder, name: str) -> int:
    mine = {"ORC": order.orc, "OBR": order.obr}
    if order.specimen is not None:
        mine |= {"SPM": order.specimen.spm, "SAC": order.specimen.sac}
    wanted = mine.get(name)
    for at, one in enumerate(message.segments(name), start=1):
        if wanted is not None and one.index == wanted.index:
            return at
    return 1


def _orders(
    message: Message, orders: Sequence[ReadOrder], outcomes: Sequence[OrderOutcome]
) -> list[str]:
    """Each order with its answer; specimens where the message had them."""
    is_specimen_first = message.header.get("MSH-9.2").strip() == _SPECIMEN_FIRST
    lines: list[str] = []
    pid = message.segment("PID")
    if pid is not None:
        lines.append(_as_sent(pid))
    last: object = None
    for order, outcome in zip(orders, outcomes, strict=True):
        specimen = _specimen(order)
        if is_specimen_first and order.specimen is not last:
            lines += specimen
            last = order.specimen
        lines.append(_control(message, order, outcome))
        if order.obr is not None:
            lines.append(_as_sent(order.obr))
        if not is_specimen_first:
            lines += specimen
    return lines


def _control(message: Message, order: ReadOrder, outcome: OrderOutcome) -> str:
    marks = message.delimiters
    control = _CONTROLS[outcome.answer]
    request = order.request
    if request.control == "DC" and request.action is OrderAction.CANCEL:
        control = _DISCONTINUED.get(outcome.answer, control)
    fields: dict[int, str | None] = {1: control}
    if order.orc is not None:
        fields |= {number: _copied(order.orc, number) for number in (2, 3, 4)}
    return segment("ORC", fields, marks)


def _specimen(order: ReadOrder) -> list[str]:
    group = order.specimen
    if group is None:
        return []
    return [_as_sent(one) for one in (group.spm, group.sac) if one is not None]


def _as_sent(source: Segment) -> str:
    return _printable(source.raw)


def _copied(source: Segment, number: int) -> Raw:
    return Raw(_printable(source.field(number)))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join([one for one in text if one >= " " and one != "\x7f"])
