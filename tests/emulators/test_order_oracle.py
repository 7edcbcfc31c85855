"""The oracle of orders finds each way in which a closed loop can break a promise, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulators.order_oracle import (
    Came,
    Deed,
    Did,
    OrderedTest,
    Told,
    judge_orders,
    read_book,
    read_message,
)

GLU = OrderedTest("T1", "GLU")
PLACER = "T1.GLU"


def did(what: Did, value: str = "", who: str = "chem-1", run: int = 1) -> Deed:
    return Deed(who, what, GLU, PLACER, value, run)


AGAIN = did(Did.MEASURED, "5.3", run=2)


ORDERED = (did(Did.ORDERING), did(Did.ORDERED))
DONE = (*ORDERED, did(Did.GIVEN), did(Did.MEASURED, "5.1"))


def came(value: str = "5.1", control_id: str = "M1", placer: str = PLACER) -> Came:
    return Came(control_id, GLU, placer, value)


def test_what_was_ordered_given_measured_and_sent_is_good() -> None:
    verdict = judge_orders(DONE, [came()])
    assert verdict.is_good
    assert (verdict.counts["good"], verdict.counts["arrived"]) == (1, 1)
    assert verdict.lines()[-1] == "verdict: good"


def test_nothing_ordered_proves_nothing() -> None:
    assert not judge_orders([], []).is_good


def test_the_same_message_again_is_allowed() -> None:
    assert judge_orders(DONE, [came(), came()]).is_good


@pytest.mark.parametrize(
    ("deeds", "arrived", "broken"),
    [
        (DONE, [], "lost"),
        (ORDERED, [], "not_measured"),
        (DONE, [came(), came(control_id="M2")], "doubled"),
        (DONE, [came("5.2")], "changed"),
        (DONE, [came(placer="T9.GLU")], "misplaced"),
        ((*DONE, did(Did.CANCELLED)), [came()], "unordered"),
        ((*ORDERED, did(Did.CANCELLED), did(Did.GIVEN)), [], "given_after_cancel"),
        ((*DONE, did(Did.GIVEN, who="chem-2")), [came()], "given_elsewhere"),
        ((*DONE, AGAIN), [came("5.3")], "by_itself"),
        ((*ORDERED, did(Did.REFUSED)), [], "untold"),
        ((*ORDERED, did(Did.REFUSED)), [came()], "unordered"),
        ((*DONE, did(Did.STRANGE)), [came()], "strange"),
    ],
)
def test_each_broken_promise_has_its_name(
    deeds: tuple[Deed, ...], arrived: list[Came], broken: str
) -> None:
    verdict = judge_orders(deeds, arrived)
    assert broken in verdict.broken()
    assert verdict.lines()[-1] == "verdict: BROKEN PROMISE"


def test_what_a_person_released_counts_and_not_the_first_value() -> None:
    deeds = (*DONE, AGAIN, did(Did.RELEASED, "5.3"))
    assert judge_orders(deeds, [came("5.3")]).is_good
    assert "by_itself" in judge_orders(deeds, [came("5.1")]).broken()


def test_a_node_that_died_may_give_it_again_and_one_value_counts() -> None:
    elsewhere = (did(Did.GIVEN, who="chem-2"), did(Did.MEASURED, "5.2", who="chem-2"))
    deeds = (*DONE, did(Did.KILLED), *elsewhere)
    assert judge_orders(deeds, [came("5.2")]).is_good
    assert "doubled" in judge_orders(deeds, [came(), came("5.2", "M2")]).broken()


def test_a_refusal_that_the_lis_was_told_of_is_kept() -> None:
    other = OrderedTest("T1", "K")
    ordered = Deed("LIS", Did.ORDERED, other, "T1.K")
    deeds = (*DONE, ordered, Deed("law-1", Did.REFUSED, other))
    assert judge_orders(deeds, [came()], [Told("T1.K", "ER")]).is_good
    assert "untold" in judge_orders(deeds, [came()], [Told("T1.K", "IP")]).broken()


def test_what_is_ordered_anew_after_its_cancel_may_be_given() -> None:
    """Also before the LIS has the answer to its new order."""
    deeds = (*ORDERED, did(Did.CANCELLED), did(Did.ORDERING), did(Did.GIVEN), did(Did.ORDERED))
    assert judge_orders((*deeds, did(Did.MEASURED, "5.1")), [came()]).is_good


def test_a_book_is_read_without_its_unfinished_line(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    rows = [json.dumps(one.row()) for one in DONE]
    book.write_text("\n".join([*rows, '{"who": "che']), encoding="utf-8")
    assert read_book(book) == list(DONE)


def test_a_result_message_is_read_by_position() -> None:
    text = (
        "MSH|^~\\&|LABWIRE||LIS||20260314||ORU^R01^ORU_R01|M1|T|2.5.1\rSPM|1|T1^||SER\r"
        "OBR|1|T1.GLU||GLU^Glucose\rOBX|1|NM|GLU^Glucose||5.1|mmol/L|||||F\r"
        "OBR|2|T1.K||K\rOBX|2|NM|K||4.0|mmol/L|||||C\r"
    )
    values, statuses = read_message(text.encode())
    assert values[0] == came()
    assert (values[1].placer, values[1].is_correction) == ("T1.K", True)
    assert statuses == []


def test_a_status_message_is_read_by_position() -> None:
    text = "MSH|^~\\&|LABWIRE||LIS||20260314||ORM^O01|M2|T|2.5.1\rORC|SC|T1.K|T1||ER\rOBR|1|T1.K|T1|K\r"
    assert read_message(text.encode()) == ([], [Told("T1.K", "ER")])
