"""Order status for the LIS: which order, which tube, how it stands, and why; and no patient."""

from __future__ import annotations

import pytest

from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_order_status import OrmStatusRenderer
from middleware.payload.order_status import OrderStatus, SpecimenStatus, StatusChange
from middleware.payload.outgoing import RenderContext
from middleware.wire.hl7 import Message, parse

RENDERER = OrmStatusRenderer(Hl7Names(), "")
CONTEXT = RenderContext("TEST01-0000000007", 1_930_000_000.0, "D", "Europe/Berlin", "core-lab")


def change(status: OrderStatus, reason: str = "no reagent", test: str = "GLU") -> StatusChange:
    return StatusChange("O1", test, "Glucose", status, reason, 1_930_000_000.0)


def rendered(*changes: StatusChange, sample_id: str = "S1") -> Message:
    return parse(RENDERER.render(SpecimenStatus(sample_id, changes), CONTEXT))


@pytest.mark.parametrize(
    ("status", "word", "reason"),
    [
        (OrderStatus.SCHEDULED, "SC", ""),
        (OrderStatus.IN_PROCESS, "IP", ""),
        (OrderStatus.REFUSED, "ER", "no reagent"),
        (OrderStatus.CANCELLED, "CA", "no reagent"),
        (OrderStatus.EXPIRED, "DC", "no reagent"),
    ],
)
def test_each_status_has_its_word_of_table_0038(
    status: OrderStatus, word: str, reason: str
) -> None:
    message = rendered(change(status))
    assert message.get("MSH-9") == "ORM^O01^ORM_O01"
    assert message.get("MSH-10") == "TEST01-0000000007"
    assert (message.get("ORC-1"), message.get("ORC-2"), message.get("ORC-3")) == ("SC", "O1", "S1")
    assert (message.get("ORC-5"), message.get("ORC-16.2")) == (word, reason)
    assert message.get("ORC-9") == "20310228000640+0100"
    assert (message.get("OBR-2"), message.get("OBR-3")) == ("O1", "S1")
    assert (message.get("OBR-4.1"), message.get("OBR-4.2")) == ("GLU", "Glucose")
    assert message.segment("PID") is None


def test_every_status_is_written() -> None:
    for status in OrderStatus:
        assert rendered(change(status)).get("ORC-5")


def test_tests_of_one_tube_share_a_message() -> None:
    message = rendered(
        change(OrderStatus.SCHEDULED), change(OrderStatus.REFUSED, test="TSH"), sample_id="S|1"
    )
    assert [one.get("ORC-5") for one in message.segments("ORC")] == ["SC", "ER"]
    assert [one.get("OBR-1") for one in message.segments("OBR")] == ["1", "2"]
    assert [one.get("OBR-3") for one in message.segments("OBR")] == ["S|1", "S|1"]


def test_an_analyzers_words_begin_no_segment_and_stay_short() -> None:
    """What an analyzer gives as its reason is not ours."""
    message = rendered(change(OrderStatus.REFUSED, "bad\rORC|SC|O2\n" + "x" * 400))
    assert len(message.segments("ORC")) == 1
    assert len(message.get("ORC-16.2")) <= 199
