"""Orders of a LIS that speaks LIS2: by identifier, each test by itself, and nothing from a neighbour."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import OrderAction, OrderRequest, Priority
from middleware.payload.hl7_orders import MOST_ORDERS, UnreadableOrders
from middleware.payload.lis2_orders_in import Lis2OrderNames, read_lis2_orders

USUAL = Lis2OrderNames(time_zone="Europe/Berlin")


def text(
    *records: str, head: str = r"H|\^&|M1||LIS|||||LABWIRE||P|LIS2-A2|20310304093000"
) -> bytes:
    return "".join(f"{one}\r" for one in (head, *records, "L|1|N")).encode("latin-1")


def requests(*records: str, names: Lis2OrderNames = USUAL) -> list[OrderRequest]:
    return list(read_lis2_orders(text(*records), names).requests)


PATIENT = "P|1|PR1|LAB1||Sample^Ann^M||19700101|F|||||||||||||||||WARD3^2"
ORDER = "O|1|S1||^^^GLU^x\\^^^UREA|S||20310304080000||||N||||SER" + "|" * 10 + "O"


def test_an_ordinary_order_is_read_whole() -> None:
    read = read_lis2_orders(text(PATIENT, ORDER), USUAL)
    assert (read.control_id, read.processing_id, read.sent_at) == ("M1", "P", "20310304093000")
    first, second = read.requests
    assert (first.action, first.sample_id, first.test_code) == (OrderAction.NEW, "S1", "GLU")
    assert second.test_code == "UREA"
    assert (first.priority, first.specimen_type, first.location) == (Priority.STAT, "SER", "WARD3")
    assert first.collected_at == datetime(2031, 3, 4, 7, 0, tzinfo=UTC)
    assert first.patient is not None
    assert [one.id for one in first.patient.identifiers] == ["PR1"]
    assert (first.patient.name, first.patient.birth_date) == ("Sample^Ann^M", "19700101")


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("", OrderAction.NEW),
        ("N", OrderAction.NEW),
        ("A", OrderAction.NEW),
        ("C", OrderAction.CANCEL),
        ("P", None),
        ("Q", None),
        ("X", None),
    ],
)
def test_action_codes_are_known_or_refused_by_name(code: str, action: OrderAction | None) -> None:
    (request,) = requests(f"O|1|S1||^^^GLU|||||||{code}")
    assert request.action is action
    assert request.control == f"O-12 {code}"


@pytest.mark.parametrize("kind", ["F", "X", "Y", "Z", "I"])
def test_reports_and_negative_answers_are_no_orders(kind: str) -> None:
    (request,) = requests("O|1|S1||^^^GLU|||||||N" + "|" * 14 + kind)
    assert (request.action, request.control) == (None, f"O-26 {kind}")


def test_no_id_is_taken_from_the_order_before() -> None:
    first, second = requests("O|1|S1||^^^GLU", "O|2|||^^^UREA")
    assert (first.sample_id, second.sample_id) == ("S1", "")


def test_no_patient_is_taken_from_the_one_before() -> None:
    first, second = requests(PATIENT, "O|1|S1||^^^GLU", "P|2", "O|1|S2||^^^GLU")
    assert first.patient is not None
    assert second.patient is None


def test_a_site_says_where_its_lis_writes_what() -> None:
    names = Lis2OrderNames(("O-4", "O-3.2"), 1, ("O-19",), ("P-5",))
    (request,) = requests("P|1|A|B|C", "O|1|x^S9||GLU^Glucose" + "|" * 14 + "ORD7", names=names)
    assert (request.sample_id, request.test_code, request.test_name) == ("S9", "GLU", "Glucose")
    assert request.placer_number == "ORD7"
    assert request.patient is not None
    assert request.patient.identifiers[0].id == "C"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (("P|1", "O|1|S1||^^^GLU", "R|1|^^^GLU|5"), "results"),
        (("Q|1|^S1||ALL",), "a query"),
        (("P|1",), "no order"),
    ],
)
def test_what_is_no_order_is_refused_as_a_whole(records: tuple[str, ...], words: str) -> None:
    with pytest.raises(UnreadableOrders, match=words):
        requests(*records)


def test_bytes_that_are_no_letters_are_refused() -> None:
    """A sample id must not become another one on the way."""
    with pytest.raises(UnreadableOrders, match="cannot be read"):
        read_lis2_orders(text("O|1|S\xff||^^^GLU"), Lis2OrderNames(encoding="utf-8"))


def test_one_message_has_a_bound() -> None:
    with pytest.raises(UnreadableOrders, match=str(MOST_ORDERS)):
        requests("O|1|S1||" + "\\".join(["^^^A"] * (MOST_ORDERS + 1)))
    with pytest.raises(UnreadableOrders, match=str(MOST_ORDERS)):
        requests(*["O|1|S1||^^^A"] * (MOST_ORDERS + 1))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    with contextlib.suppress(UnreadableOrders):
        read_lis2_orders(b"H|\\^&\rO|1|" + data, USUAL)
