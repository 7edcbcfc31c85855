"""The LIS sends ADT and earlier results to the port of orders: stored first, then answered; the rest is kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from middleware.model import Identifier
from middleware.store import prior_results
from middleware.store.schema import PRIOR_RESULTS, SPECIMENS
from tests.connectors.test_orders_of_the_lis import OrderBench
from tests.kit.order_messages import header, oml_o33, text
from tests.kit.patient_messages import adt, merge, obx, oru, pid


@pytest.fixture
def lis():
    bench = OrderBench(earlier_results=True)
    yield bench
    bench.conn.rollback()


def tube(lis: OrderBench, sample_id: str = "S1") -> dict[str, Any]:
    query = select(SPECIMENS).where(SPECIMENS.c.sample_id == sample_id)
    return dict(lis.conn.execute(query).mappings().one())


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.5", "2.5.1"])
def test_an_update_is_done_and_answered(lis: OrderBench, version: str) -> None:
    lis.say(oml_o33())
    data = adt("A08", birth_date="19800101").replace(b"|2.5.1|", f"|{version}|".encode())
    (reply,) = lis.say(data)
    assert (reply.get("MSA-1"), reply.get("MSA-2")) == ("AA", "D1")
    assert reply.get("MSH-9.1") == "ACK"
    assert tube(lis)["birth_date"] == "19800101"
    entry = lis.journal()[0]
    assert (entry["kind"], entry["state"], entry["message_control_id"]) == (
        "other",
        "processed",
        "D1",
    )


def test_a_merge_unites_orders_under_both_ids(lis: OrderBench) -> None:
    lis.say(oml_o33("S1"))
    assert lis.say(merge("P2", "P1"))[0].get("MSA-1") == "AA"
    assert tube(lis)["patient_id"] == "P2"
    assert lis.say(oml_o33("S1", "UREA", control_id="M2"))[0].get("ORC-1") == "OK"


def test_nothing_of_a_patient_is_answered_before_the_commit(lis: OrderBench) -> None:
    lis.writer.is_broken = True
    (reply,) = lis.say(adt())
    assert (reply.get("MSA-1"), reply.get("ERR-3.1")) == ("AE", "207")


def test_an_event_that_changes_nothing_is_taken_and_the_journal_says_so(lis: OrderBench) -> None:
    """The LIS must not repeat it for ever."""
    assert lis.say(adt("A60"))[0].get("MSA-1") == "AA"
    entry = lis.journal()[0]
    assert entry["state"] == "processed"
    assert "A60" in entry["reason"]


def test_what_would_make_two_patients_one_without_a_merge_is_an_error(lis: OrderBench) -> None:
    lis.say(adt(number="P1"))
    lis.say(adt(number="P2"))
    both = text(header("ADT^A08", "D3"), "PID|1||P1^^^HOSP~P2^^^HOSP")
    (reply,) = lis.say(both)
    assert (reply.get("MSA-1"), reply.get("ERR-3.1")) == ("AE", "205")
    entry = lis.journal()[0]
    assert entry["state"] == "refused"
    assert "merge" in entry["reason"]
    assert "P1" not in entry["reason"]


def test_a_damaged_name_changes_nothing(lis: OrderBench) -> None:
    lis.say(oml_o33())
    reply = lis.say(adt(name="Bad\x07Name", birth_date="19800101"))[0]
    assert reply.get("MSA-1") == "AE"
    assert tube(lis)["birth_date"] == "19700101"


def test_a_message_of_another_environment_changes_no_patient(lis: OrderBench) -> None:
    lis.say(oml_o33())
    data = adt(birth_date="19800101").replace(b"|D1|D|", b"|D1|T|")
    assert lis.say(data)[0].get("MSA-1") == "AR"
    assert tube(lis)["birth_date"] == "19700101"


def prior(lis: OrderBench) -> list[tuple[str, str]]:
    query = select(PRIOR_RESULTS.c.lis_code, PRIOR_RESULTS.c.value_raw)
    return [tuple(row) for row in lis.conn.execute(query.order_by(PRIOR_RESULTS.c.id))]


def test_earlier_results_are_kept_once(lis: OrderBench) -> None:
    """Said twice, also in another message, is one."""
    for number in ("E1", "E2"):
        reply = lis.say(oru(obx("GLU", "5.4"), obx("UREA", "6.1"), control_id=number))[0]
        assert reply.get("MSA-1") == "AA"
    assert prior(lis) == [("GLU", "5.4"), ("UREA", "6.1")]


def test_what_was_left_out_is_said_in_the_journal(lis: OrderBench) -> None:
    lis.say(oru(obx("GLU"), obx("UREA", "")))
    assert "1 earlier results were left out" in lis.journal()[0]["reason"]


def test_a_message_without_any_usable_result_is_refused(lis: OrderBench) -> None:
    (reply,) = lis.say(oru(obx(value="")))
    assert (reply.get("MSA-1"), reply.get("ERR-3.1")) == ("AR", "101")


def test_results_are_refused_where_nobody_asked_for_them() -> None:
    bench = OrderBench()
    (reply,) = bench.say(oru())
    assert (reply.get("MSA-1"), reply.get("ERR-3.1")) == ("AR", "200")
    assert prior(bench) == []
    bench.conn.rollback()


def test_results_attached_to_an_order_are_kept_and_the_order_is_done(lis: OrderBench) -> None:
    attached = [pid("P1"), "OBR|1|OLD1||GLU|||20310301073000+0100", obx("GLU", "4.9")]
    data = oml_o33("S1") + text(*attached)
    (reply,) = lis.say(data)
    assert [one.get("ORC-1") for one in reply.segments("ORC")] == ["OK"]
    assert prior(lis) == [("GLU", "4.9")]


def test_the_store_knows_earlier_results_by_the_patient(lis: OrderBench) -> None:
    lis.say(oru(obx("GLU", "5.4"), number="P9"))
    lis.say(merge("P1", "P9"))
    asked = prior_results.Asked(
        "", (Identifier(id="P1", authority="HOSP"),), ("GLU",), before=2e9, since=0.0
    )
    assert prior_results.latest(lis.conn, asked)["GLU"].value_number == "5.4"
