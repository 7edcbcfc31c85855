"""Orders as LIS write them become requests: by identifier, and nothing that is no order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.model import OrderAction, OrderAnswer, OrderFault, OrderOutcome, Priority
from middleware.payload.hl7_order_replies import ReplyStamp, order_reply
from middleware.payload.hl7_orders import OrderNames, UnreadableOrders, read_orders
from middleware.wire.hl7 import parse
from tests.kit.order_messages import PID, header, obr, oml_o21, oml_o33, orc, orm_o01, spm, text

NAMES = OrderNames()


def requests(data: bytes, names: OrderNames = NAMES):
    return [one.request for one in read_orders(data, names)[1]]


def ordered(data: bytes) -> list[tuple[str, str]]:
    return [(one.sample_id, one.test_code) for one in requests(data)]


@pytest.mark.parametrize("make", [oml_o33, oml_o21, orm_o01])
def test_the_three_messages_say_the_same(make) -> None:
    """Which specimen, which tests, whose, under which number."""
    found = requests(make("S1", "GLU", "UREA"))
    assert [(one.sample_id, one.test_code) for one in found] == [("S1", "GLU"), ("S1", "UREA")]
    assert {one.action for one in found} == {OrderAction.NEW}
    assert {one.placer_number for one in found} == {"O1"}
    assert {one.specimen_type for one in found} == {"SER"}
    patient = found[0].patient
    assert patient is not None
    assert (patient.identifiers[0].id, patient.identifiers[0].authority) == ("P1", "HOSP")
    assert (patient.name, patient.birth_date, patient.sex) == ("Sample^Ann", "19700101", "F")


def test_priority_and_collection_time_are_read() -> None:
    found = requests(oml_o21())[0]
    assert found.priority is Priority.STAT
    assert found.collected_at == datetime(2031, 3, 4, 7, 0, tzinfo=UTC)


def test_in_o33_each_order_is_of_the_specimen_above_it() -> None:
    data = text(header(), PID, spm("S1"), orc(), obr("GLU"), spm("S2"), orc(), obr("TSH"))
    assert ordered(data) == [("S1", "GLU"), ("S2", "TSH")]


def test_in_o21_a_test_on_two_specimens_is_two_requests() -> None:
    data = text(header("OML^O21"), PID, orc(), obr("GLU"), spm("S1"), spm("S2"))
    assert ordered(data) == [("S1", "GLU"), ("S2", "GLU")]


def test_in_o21_no_order_takes_a_specimen_from_its_neighbour() -> None:
    """Promise 2: by identifier, never by position."""
    data = text(header("OML^O21"), PID, orc(), obr("GLU"), orc(), obr("TSH"), spm("S2"))
    assert ordered(data) == [("", "GLU"), ("S2", "TSH")]


def test_one_orc_before_several_obr_orders_them_all() -> None:
    data = text(header("ORM^O01", version="2.4"), orc(), "OBR|1|O1|S1|GLU", "OBR|2|O1|S1|TSH")
    assert ordered(data) == [("S1", "GLU"), ("S1", "TSH")]


def test_a_site_says_where_its_sample_id_stands() -> None:
    data = text(header("ORM^O01"), "ORC|NW|O1||S77", "OBR|1|O1|F1|GLU")
    assert requests(data, OrderNames(("ORC-4.1",)))[0].sample_id == "S77"


def test_the_container_goes_before_the_specimen() -> None:
    """The analyzer reads the label of the tube."""
    data = text(header(), spm("SPEC1"), "SAC|||TUBE1", orc(), obr("GLU"))
    assert ordered(data) == [("TUBE1", "GLU")]


@pytest.mark.parametrize(
    ("control", "action"),
    [
        ("CA", OrderAction.CANCEL),
        ("DC", OrderAction.CANCEL),
        ("XO", OrderAction.CHANGE),
        ("HD", None),
    ],
)
def test_order_controls_are_known_or_refused_later(control: str, action: object) -> None:
    found = requests(oml_o33(control=control))[0]
    assert (found.action, found.control) == (action, control)


def test_earlier_results_are_no_orders() -> None:
    data = text(header("OML^O21"), PID, orc(), obr("GLU"), spm("S1"), orc("PR"), obr("TSH"))
    assert ordered(data) == [("S1", "GLU")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "MSH"),
        (text(header("ADT^A01")), "ADT^A01"),
        (text(header()), "no order"),
        (text(header("OML^O21"), PID, orc(), obr("GLU"), spm("S1"), PID, obr("X")), "second PID"),
    ],
)
def test_what_cannot_be_read_is_refused_whole_with_its_reason(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableOrders, match=words.replace("^", r"\^")):
        read_orders(data, NAMES)


def test_explicit_nulls_say_nothing() -> None:
    data = text(header(), 'PID|1||""||""||""|""', spm("S1"), orc(), obr("GLU"))
    assert requests(data)[0].patient is None


PIECES = st.lists(
    st.sampled_from(
        [
            PID,
            spm("S1"),
            spm("S\\2"),
            "SPM",
            "SAC|||T1",
            "SAC",
            orc(),
            orc("CA"),
            "ORC",
            obr("GLU"),
            "OBR|1",
            "TQ1|1||||||||S",
            "OBX|1|NM|GLU||5",
            "NTE|1||\x01odd\x7f",
            "ZZZ|~^&\\",
        ]
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(
    PIECES, st.sampled_from(["OML^O21", "OML^O33", "ORM^O01"]), st.sampled_from(["2.3", "2.5.1"])
)
def test_whatever_a_lis_puts_together_is_read_and_answered_or_refused_whole(
    pieces: list[str], kind: str, version: str
) -> None:
    """No order of segments breaks the reader or the answer, and the answer names every order read."""
    try:
        message, orders = read_orders(text(header(kind, version=version), *pieces), NAMES)
    except UnreadableOrders:
        return
    outcomes = [
        OrderOutcome(answer=OrderAnswer.REFUSED, text="no", fault=OrderFault.NO_TEST)
        if at % 2
        else OrderOutcome(answer=OrderAnswer.ACCEPTED)
        for at, _ in enumerate(orders)
    ]
    code, reply = order_reply(message, orders, outcomes, ReplyStamp("R1", "20310304093000+0100"))
    assert code in ("AA", "AE")
    assert len(parse(reply).segments("ORC")) == len(orders)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_an_accident(data: bytes) -> None:
    """A port of ours is open to whatever connects."""
    for start in (b"", b"MSH|^~\\&|||||||OML^O33|1|P|2.5.1\r"):
        try:
            read_orders(start + data, NAMES)
        except UnreadableOrders as error:
            assert str(error)
