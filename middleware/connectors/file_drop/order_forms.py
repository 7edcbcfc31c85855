"""What a file of orders says, and its answer, in each of the forms in which a LIS writes them: HL7 and CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from middleware.connectors.file_drop.config import OrdersFolder, OrdersFormat
from middleware.connectors.order_desk import OrderDesk
from middleware.delivery.connector import TakenOrders
from middleware.model import OrderRequest
from middleware.payload.csv_orders import CsvForm, csv_answer, csv_refusal, read_csv_orders
from middleware.payload.hl7_order_replies import ReplyStamp, order_reply, refusal_reply
from middleware.payload.hl7_orders import OrderNames, UnreadableOrders, read_orders
from middleware.payload.hl7_time import stamp_in_zone
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import AckCode, ErrorCode, Message, parse

Answer = Callable[[TakenOrders], bytes]


@dataclass(frozen=True, slots=True)
class FileReading:
    """What a file says. `answer` writes its answer; None where none can be written."""

    answer: Answer | None
    requests: tuple[OrderRequest, ...] = ()
    control_id: str = ""
    refusal: str = ""


def read_file(text: bytes, settings: OrdersFolder, desk: OrderDesk) -> FileReading:
    """The file in the form of the settings; what cannot be read is a refusal, never an error."""
    if settings.format is OrdersFormat.CSV:
        return _read_csv(text, settings, desk)
    return _read_hl7(text, settings, desk)


def _read_csv(text: bytes, settings: OrdersFolder, desk: OrderDesk) -> FileReading:
    form = CsvForm(settings.delimiter, settings.encoding, desk.time_zone)
    try:
        read = read_csv_orders(text, form)
    except UnreadableOrders as error:
        return _refused_csv(str(error), form)
    refusals = [desk.refusal_of_environment(one) for one in read.environments]
    for refusal in filter(None, refusals):
        return _refused_csv(refusal, form)
    requests = read.requests
    return FileReading(lambda taken: csv_answer(requests, taken.outcomes, form), requests)


def _refused_csv(refusal: str, form: CsvForm) -> FileReading:
    return FileReading(lambda _taken: csv_refusal(refusal, form), refusal=refusal)


def _read_hl7(text: bytes, settings: OrdersFolder, desk: OrderDesk) -> FileReading:
    text = text.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    try:
        message = parse(text)
    except RemoteProtocolError as error:
        return FileReading(None, refusal=str(error))
    refusal = desk.refusal_of_environment(message.header.get("MSH-11.1"))
    if refusal:
        return _refused_hl7(message, (ErrorCode.UNSUPPORTED_PROCESSING_ID, refusal), desk)
    if len(message.segments("MSH")) > 1:
        several = "the file holds several messages: one file, one message"
        return _refused_hl7(message, (ErrorCode.SEGMENT_SEQUENCE, several), desk)
    try:
        read = read_orders(text, OrderNames(settings.sample_id, desk.time_zone))[1]
    except UnreadableOrders as error:
        code = ErrorCode.UNSUPPORTED_MESSAGE_TYPE if error.is_type else ErrorCode.SEGMENT_SEQUENCE
        return _refused_hl7(message, (code, str(error)), desk)
    return FileReading(
        lambda taken: order_reply(message, read, taken.outcomes, _stamp(taken, desk))[1],
        tuple(one.request for one in read),
        message.header.get("MSH-10"),
    )


def _refused_hl7(message: Message, why: tuple[ErrorCode, str], desk: OrderDesk) -> FileReading:
    code, text = why

    def answer(taken: TakenOrders) -> bytes:
        stamp = _stamp(taken, desk)
        return refusal_reply(message, AckCode.APPLICATION_REJECT, text, code, stamp)

    return FileReading(answer, control_id=message.header.get("MSH-10"), refusal=text)


def _stamp(taken: TakenOrders, desk: OrderDesk) -> ReplyStamp:
    return ReplyStamp(taken.reply_id, stamp_in_zone(taken.at, desk.time_zone))
