"""Asks a LIS for the orders of one tube (QBP^Q11), and reads what it answers (RSP^K11); both ends of it. Pure.

An answer is ours by MSA-2 and QAK-1. It brings orders (groups of ORC and OBR after QAK and QPD, with their SPM or SAC
before or after them), says that there are none (QAK-2 `NF`), says that they follow as a message of orders of their own,
or refuses. Orders count for the sample id that they themselves name, never for the one that was asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from middleware.model import OrderAction
from middleware.payload.hl7_header import Hl7Names, header, whole
from middleware.payload.hl7_orders import OrderNames, ReadOrder, UnreadableOrders, orders_in
from middleware.payload.outgoing import RenderContext
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import (
    AckCode,
    Message,
    Raw,
    components,
    compose,
    escape,
    parse,
    segment,
)

USUAL_QUERY = "WOS^Work Order Step^IHELAW"
"""QPD-1 of a question for the work of one container (IHE LAW, LAB-27)."""

FIRST_PARAMETER = 3
"""The first field of QPD that belongs to the query itself (HL7 2.5.1 5.5.4)."""

_GOOD = frozenset((AckCode.APPLICATION_ACCEPT.value, AckCode.COMMIT_ACCEPT.value))
_NOT_FOUND = "NF"  # table 0208
_REFUSALS = frozenset(("AE", "AR"))  # table 0208
_ORDER_SEGMENTS = frozenset(("ORC", "OBR"))
_SPECIMEN_SEGMENTS = frozenset(("SPM", "SAC"))
_TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """How this LIS is asked: QPD-1 as written (`code^text^system`), and which field of QPD has the sample id."""

    query: str = USUAL_QUERY
    sample_id_field: int = FIRST_PARAMETER


class AnswerKind(StrEnum):
    """What a LIS said to a question."""

    ORDERS = "orders"
    NOTHING = "nothing"
    ACCEPTED = "accepted"  # without orders: they may follow as a message of their own
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer. `text`: why it was refused. `orders`: those of the tube that was asked for.

    `left_out` counts orders of other sample ids, which nobody asked for.
    """

    kind: AnswerKind
    text: str = ""
    orders: tuple[ReadOrder, ...] = ()
    control_id: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What was asked, under which tag (QPD-2), and MSH-11 of this node's environment."""

    sample_id: str
    tag: str
    processing_id: str
    form: QuestionForm = QuestionForm()


def question(asked: AskedFor, names: Hl7Names, context: RenderContext) -> bytes:
    """QBP^Q11 for one sample id; its tag is its number (MSH-10)."""
    query = "^".join([escape(part) for part in asked.form.query.split("^")])
    fields = ["QPD", query, escape(asked.tag)]
    fields += [""] * (asked.form.sample_id_field - FIRST_PARAMETER)
    fields.append(escape(asked.sample_id))
    return whole([header("QBP^Q11^QBP_Q11", names, context), "|".join(fields), "RCP|I||R"])


def read_answer(text: bytes, asked: AskedFor, names: OrderNames) -> ReadAnswer:
    """What an answer says, which MSA-2 showed to be ours. Raises UnreadableOrders when it cannot be believed."""
    try:
        message = parse(text)
    except RemoteProtocolError as error:
        raise UnreadableOrders(str(error)) from error
    code = message.get("MSA-1").strip().upper()
    if code not in _GOOD:
        return ReadAnswer(AnswerKind.REFUSED, _refusal(message, code))
    kind = message.header.get("MSH-9.1").strip()
    if kind == "ACK":
        return ReadAnswer(AnswerKind.ACCEPTED)
    if kind != "RSP":
        raise UnreadableOrders(f"{kind or '(none)'} is no answer to a question", is_type=True)
    _check(message, asked)
    return _read_response(message, asked, names)


def _check(message: Message, asked: AskedFor) -> None:
    """Nothing may speak of another question, tube or environment."""
    processing_id = message.header.get("MSH-11.1").strip().upper()
    if processing_id and processing_id != asked.processing_id:
        raise UnreadableOrders(f"MSH-11 is {processing_id}, this system is {asked.processing_id}")
    if message.get("QAK-1").strip() != asked.tag:
        raise UnreadableOrders("QAK-1 is not the tag of the question")
    echoed = message.get(f"QPD-{asked.form.sample_id_field}").strip()
    if echoed and echoed != asked.sample_id:
        raise UnreadableOrders(f"QPD-{asked.form.sample_id_field} names another sample id")


def _read_response(message: Message, asked: AskedFor, names: OrderNames) -> ReadAnswer:
    status = message.get("QAK-2").strip().upper()
    if status in _REFUSALS:
        return ReadAnswer(AnswerKind.REFUSED, _refusal(message, status))
    if status == _NOT_FOUND:
        return ReadAnswer(AnswerKind.NOTHING)
    first = next(
        (
            one.name
            for one in message.segments_in_order
            if one.name in _ORDER_SEGMENTS or one.name in _SPECIMEN_SEGMENTS
        ),
        "",
    )
    orders = orders_in(message, names, is_specimen_first=first in _SPECIMEN_SEGMENTS)
    if not orders:
        return ReadAnswer(AnswerKind.ACCEPTED)
    own = tuple([_new(one) for one in orders if one.request.sample_id == asked.sample_id])
    if not own:
        raise UnreadableOrders("no order of the answer names the sample id that was asked for")
    number = message.header.get("MSH-10").strip()
    return ReadAnswer(AnswerKind.ORDERS, "", own, number, len(orders) - len(own))


def _new(order: ReadOrder) -> ReadOrder:
    """In an answer, an order without a word of control is an order."""
    if order.request.control:
        return order
    return replace(order, request=order.request.model_copy(update={"action": OrderAction.NEW}))


def _refusal(message: Message, code: str) -> str:
    said = message.get("MSA-3").strip() or message.get("ERR-8").strip()
    shown = "".join([one if one.isprintable() else " " for one in said[:_TEXT_MAX]])
    return f"{code or '(no code)'} {shown}".strip()


# -- the LIS's end --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadQuestion:
    """A question as the LIS reads it."""

    message: Message
    sample_id: str
    tag: str


def read_question(text: bytes, form: QuestionForm) -> ReadQuestion | None:
    """The question of a QBP^Q11; None for any other message. Raises RemoteProtocolError for what is no HL7."""
    message = parse(text)
    if (message.header.get("MSH-9.1"), message.header.get("MSH-9.2")) != ("QBP", "Q11"):
        return None
    sample_id = message.get(f"QPD-{form.sample_id_field}").strip()
    return ReadQuestion(message, sample_id, message.get("QPD-2").strip())


def response(
    asked: ReadQuestion, control_id: str, status: str, orders: Sequence[str] = ()
) -> bytes:
    """RSP^K11 with QAK-2 `status` (table 0208); `orders` are written segments that follow."""
    source, marks = asked.message.header, asked.message.delimiters
    query = asked.message.segment("QPD")
    head = segment(
        "MSH",
        {
            3: Raw(source.field(5)),
            4: Raw(source.field(6)),
            5: Raw(source.field(3)),
            6: Raw(source.field(4)),
            7: Raw(source.field(7)),
            9: components("RSP", "K11", "RSP_K11", delimiters=marks),
            10: control_id,
            11: Raw(source.field(11)),
            12: Raw(source.field(12)),
            18: source.get("MSH-18[1]"),
        },
        marks,
    )
    code = status if status in _REFUSALS else AckCode.APPLICATION_ACCEPT.value
    name = Raw(query.field(1)) if query is not None else ""
    lines = [
        head,
        segment("MSA", {1: code, 2: source.get("MSH-10")}, marks),
        segment("QAK", {1: asked.tag, 2: status, 3: name}, marks),
    ]
    if query is not None:
        lines.append(query.raw)
    return compose([*lines, *orders], source.get("MSH-18[1]"))
