"""Orders as documented JSON: the model of the document, its reading, and the answer. Pure.

The schemas of both documents are generated from these models (`config/orders.schema.json`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from middleware.model import OrderAnswer, OrderFault, OrderOutcome, OrderRequest
from middleware.payload.flat_orders import FlatOrder, FlatOrders, request_of
from middleware.payload.hl7_orders import MOST_ORDERS, UnreadableOrders

_SHOWN_MISTAKES = 3
_WORDS = {"extra_forbidden": "is not known", "missing": "is missing"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OrdersDocument(_Part):
    """Some orders. The same document twice is one: new orders do nothing twice, the rest is not done again."""

    message_id: str = Field(
        pattern=r"^[!-~]{1,100}$", description="The sender's own number; never of two documents."
    )
    environment: str = Field(default="", max_length=1, description="P, T or D; empty: any.")
    orders: tuple[FlatOrder, ...] = Field(
        min_length=1, max_length=MOST_ORDERS, description="Each is judged by itself."
    )


class JsonAnswer(_Part):
    """What became of one order."""

    number: int = Field(description="Its place in the document, from 1.")
    sample_id: str
    test_code: str
    placer_number: str
    answer: OrderAnswer
    fault: OrderFault | None
    reason: str


class AnswerDocument(_Part):
    """What was committed. `repeats`: the message of the same content that came before, in our journal."""

    message_id: str
    reply_id: str
    repeats: int | None
    orders: tuple[JsonAnswer, ...]


def read_json_orders(text: bytes, time_zone: str) -> FlatOrders:
    """The requests of a document, in order. Raises UnreadableOrders, which quotes nothing of it."""
    try:
        document = OrdersDocument.model_validate_json(text)
    except ValidationError as error:
        raise UnreadableOrders(_mistakes(error)) from None
    requests = [
        request_of(order.model_dump(), number, time_zone)
        for number, order in enumerate(document.orders, 1)
    ]
    return FlatOrders(tuple(requests), (document.environment,), document.message_id)


def json_answer(
    read: FlatOrders,
    outcomes: Sequence[OrderOutcome],
    reply_id: str,
    repeats: int | None,
) -> bytes:
    """The answer to a document."""
    answers = [
        _answer(request, outcome) for request, outcome in zip(read.requests, outcomes, strict=True)
    ]
    document = AnswerDocument(
        message_id=read.message_id, reply_id=reply_id, repeats=repeats, orders=tuple(answers)
    )
    return document.model_dump_json().encode()


def _answer(request: OrderRequest, outcome: OrderOutcome) -> JsonAnswer:
    return JsonAnswer(
        number=request.source,
        sample_id=request.sample_id,
        test_code=request.test_code,
        placer_number=request.placer_number,
        answer=outcome.answer,
        fault=outcome.fault,
        reason=outcome.text,
    )


def _mistakes(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = [_mistake(one["type"], one["msg"], one["loc"]) for one in found[:_SHOWN_MISTAKES]]
    more = len(found) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _mistake(kind: str, words: str, place: tuple[int | str, ...]) -> str:
    if kind == "json_invalid":
        return "the body is no JSON"
    if kind == "extra_forbidden":  # its name is the sender's text
        place = (*place[:-1], "a name")
    where = ".".join(str(one + 1) if isinstance(one, int) else one for one in place) or "the body"
    return f"{where}: {_WORDS.get(kind, words[:1].lower() + words[1:])}"
