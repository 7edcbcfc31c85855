"""Questions to a LIS and its answers: ours by number and tag, and never another tube's."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import OrderAction
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_orders import OrderNames, UnreadableOrders
from middleware.payload.hl7_query import (
    AnswerKind,
    AskedFor,
    QuestionForm,
    ReadAnswer,
    question,
    read_answer,
    read_question,
    response,
)
from middleware.payload.outgoing import RenderContext
from middleware.wire.hl7 import parse
from tests.kit.order_messages import PID, header, obr, orc, spm, text

OTHER = "PID|1||P2^^^HOSP^MR||Other^Bob||19600101|M"
ASKED = AskedFor("S1", "T1", "D")
CONTEXT = RenderContext("T1", 1_930_000_000.0, "D", "UTC", "core-lab")


def asked(sample_id: str = "S1", form: QuestionForm | None = None) -> bytes:
    return question(AskedFor(sample_id, "T1", "D", form or QuestionForm()), Hl7Names(), CONTEXT)


def reply(status: str = "OK", *orders: str) -> bytes:
    read = read_question(asked(), QuestionForm())
    assert read is not None
    return response(read, "R1", status, orders)


def read(data: bytes) -> ReadAnswer:
    return read_answer(data, ASKED, OrderNames())


def ordered(answer: ReadAnswer) -> list[tuple[str, str]]:
    return [(one.request.sample_id, one.request.test_code) for one in answer.orders]


def test_a_question_names_one_tube_under_its_own_number() -> None:
    message = parse(asked())
    assert message.get("MSH-9") == "QBP^Q11^QBP_Q11"
    assert (message.get("MSH-10"), message.get("MSH-11"), message.get("MSH-4")) == (
        "T1",
        "D",
        "core-lab",
    )
    assert message.get("QPD-1") == "WOS^Work Order Step^IHELAW"
    assert (message.get("QPD-2"), message.get("QPD-3")) == ("T1", "S1")
    assert (message.get("RCP-1"), message.get("RCP-3")) == ("I", "R")


def test_a_site_has_its_own_query_and_field() -> None:
    message = parse(asked(form=QuestionForm("Z01^Tube & tests^L", 5)))
    assert message.get("QPD-1.2") == "Tube & tests"
    assert (message.get("QPD-3"), message.get("QPD-5")) == ("", "S1")


def test_a_sample_id_cannot_begin_a_field_or_a_segment() -> None:
    message = parse(asked("S|1^2\rQPD"))
    assert message.get("QPD-3.1") == "S|1^2\rQPD"
    assert len(message.segments("QPD")) == 1


@pytest.mark.parametrize(
    "orders",
    [
        (PID, spm("S1"), orc(), obr("GLU"), orc(), obr("UREA")),
        (PID, orc(), obr("GLU"), spm("S1"), orc(), obr("UREA"), spm("S1")),
        (PID, "OBR|1|O1|S1|GLU", "OBR|2|O1|S1|UREA"),
    ],
    ids=["specimen first", "orders first", "no specimen"],
)
def test_orders_are_read_in_every_order_of_segments(orders: Any) -> None:
    answer = read(reply("OK", *orders))
    assert (answer.kind, answer.control_id) == (AnswerKind.ORDERS, "R1")
    assert ordered(answer) == [("S1", "GLU"), ("S1", "UREA")]
    assert {one.request.action for one in answer.orders} == {OrderAction.NEW}


def test_orders_of_another_tube_are_left_out_and_counted() -> None:
    answer = read(reply("OK", spm("S1"), orc(), obr("GLU"), spm("S2"), orc(), obr("TSH")))
    assert (ordered(answer), answer.left_out) == ([("S1", "GLU")], 1)


@pytest.mark.parametrize(
    ("orders", "why"),
    [
        ((spm("S2"), orc(), obr("GLU")), "no order of the answer names"),
        ((orc(), obr("GLU")), "no order of the answer names"),
        ((PID, spm("S1"), orc(), obr("GLU"), OTHER, orc(), obr("TSH")), "second PID"),
    ],
    ids=["another tube", "no tube", "two patients"],
)
def test_what_cannot_be_believed_is_not(orders: Any, why: str) -> None:
    """Without a sample id of its own, an order is not taken for the tube that was asked for."""
    with pytest.raises(UnreadableOrders, match=why):
        read(reply("OK", *orders))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"QAK|T1|", b"QAK|T2|", "QAK-1"),
        (b"QAK|T1|", b"ZAK|T1|", "QAK-1"),
        (b"|T1|S1", b"|T1|S2", "QPD-3"),
        (b"|R1|D|", b"|R1|P|", "MSH-11"),
        (b"RSP^K11^RSP_K11", b"RTB^K13", "RTB"),
    ],
)
def test_an_answer_that_speaks_of_something_else_is_refused(
    old: bytes, new: bytes, why: str
) -> None:
    data = reply("OK", spm("S1"), orc(), obr("GLU"))
    assert old in data
    with pytest.raises(UnreadableOrders, match=why):
        read(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("NF", AnswerKind.NOTHING),
        ("OK", AnswerKind.ACCEPTED),
        ("AE", AnswerKind.REFUSED),
        ("AR", AnswerKind.REFUSED),
    ],
)
def test_an_answer_without_orders_says_why(status: str, kind: AnswerKind) -> None:
    assert read(reply(status)).kind is kind


def test_not_found_wins_over_orders_that_stand_there_all_the_same() -> None:
    assert read(reply("NF", spm("S1"), orc(), obr("GLU"))).kind is AnswerKind.NOTHING


def test_the_words_of_a_refusal_are_kept_printable() -> None:
    data = text(header("ACK^Q11"), "MSA|AE|T1|no\x1b such query")
    answer = read(data)
    assert (answer.kind, answer.text) == (AnswerKind.REFUSED, "AE no  such query")


def test_a_bare_acknowledgement_means_that_orders_may_follow() -> None:
    assert read(text(header("ACK^Q11"), "MSA|AA|T1")).kind is AnswerKind.ACCEPTED


def test_no_hl7_is_no_answer() -> None:
    with pytest.raises(UnreadableOrders):
        read(b"nothing")


def test_other_messages_are_no_question() -> None:
    assert read_question(reply("OK"), QuestionForm()) is None
