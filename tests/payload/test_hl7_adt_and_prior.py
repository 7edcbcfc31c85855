"""ADT messages become changes of patients; ORU^R01 and attached groups become earlier results. Never an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.model import Identifier, PatientAction, ValueKind
from middleware.payload.hl7_adt import UnreadablePatient, read_adt
from middleware.payload.hl7_orders import OrderNames, UnreadableOrders, read_orders
from middleware.payload.hl7_prior import earlier_of, read_earlier, split
from middleware.wire.hl7 import parse
from tests.kit.order_messages import PID, header, obr, orc, spm, text
from tests.kit.patient_messages import adt, merge, obx, oru, pid

NAMES = OrderNames(time_zone="Europe/Berlin")


def changes(data: bytes):
    return read_adt(parse(data))


@pytest.mark.parametrize(
    ("event", "action"),
    [
        *((one, PatientAction.UPDATE) for one in ("A01", "A02", "A04", "A05", "A06", "A07")),
        *((one, PatientAction.UPDATE) for one in ("A08", "A13")),
        ("A03", PatientAction.END),
        ("A11", PatientAction.END),
    ],
)
def test_each_event_has_its_meaning(event: str, action: PatientAction) -> None:
    (change,) = changes(adt(event, visit="V1"))
    assert change.action is action
    assert change.patient.identifiers == (Identifier(id="P1", authority="HOSP"),)
    assert (change.patient.birth_date, change.patient.sex) == ("19700101", "F")
    assert change.encounters == (Identifier(id="V1", authority="HOSP"),)
    assert change.location == "WARD1^12^B"


def test_other_events_change_nothing() -> None:
    assert changes(adt("A60")) == ()


@pytest.mark.parametrize("event", ["A18", "A34", "A40"])
def test_a_merge_names_who_stays_and_who_ends(event: str) -> None:
    (change,) = changes(merge("P1", "P9", event))
    assert change.action is PatientAction.MERGE
    assert change.prior == (Identifier(id="P9", authority="HOSP"),)


def test_a_message_may_merge_several() -> None:
    data = text(
        header("ADT^A40"), "EVN|A40", pid("P1"), "MRG|P8^^^HOSP", pid("P2"), "MRG|P9^^^HOSP"
    )
    assert [(one.patient.identifiers[0].id, one.prior[0].id) for one in changes(data)] == [
        ("P1", "P8"),
        ("P2", "P9"),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (text(header("ADT^A08"), "EVN|A08"), "no PID"),
        (text(header("ADT^A08"), "PID|1||||Sample^Ann"), "PID-3"),
        (text(header("ADT^A40"), pid()), "MRG-1"),
        (text(header("ADT^A40"), pid(), 'MRG|""'), "MRG-1"),
    ],
)
def test_a_message_that_names_nobody_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UnreadablePatient, match=words):
        changes(data)


def test_a_visit_number_among_the_patient_ids_is_an_encounter() -> None:
    """PID-3 may list it, with the type VN or AN; another visit is no other patient."""
    data = text(header("ADT^A08"), "PID|1||P1^^^HOSP^MR~V7^^^HOSP^VN||Sample^Ann")
    (change,) = changes(data)
    assert [one.id for one in change.patient.identifiers] == ["P1"]
    assert [one.id for one in change.encounters] == ["V7"]


def results(data: bytes):
    return read_earlier(earlier_of(parse(data)), "Europe/Berlin")


def test_an_earlier_result_is_read_exactly() -> None:
    (one,), left = results(oru(obx("GLU", "5.40")))
    assert left == 0
    assert (one.lis_code, one.unit, one.value.number) == ("GLU", "mmol/L", Decimal("5.40"))
    assert one.value.raw == "5.40"
    assert one.measured_at.isoformat() == "2031-03-01T07:00:00+00:00"
    assert one.identifiers == (Identifier(id="P1", authority="HOSP"),)
    assert one.placer_number == "OLD1"


@pytest.mark.parametrize(
    ("segment", "kind", "comparator"),
    [
        ("OBX|1|NM|GLU||5.4||||||F", ValueKind.NUMBER, ""),
        ("OBX|1|SN|GLU||<^0.5||||||F", ValueKind.NUMBER, "<"),
        ("OBX|1|ST|GLU||> 40||||||F", ValueKind.NUMBER, ">"),
        ("OBX|1|SN|GLU||^1^:^160||||||F", ValueKind.TEXT, ""),
        ("OBX|1|CE|HBS||POS^Positive^L||||||F", ValueKind.TEXT, ""),
        ("OBX|1|NM|GLU||1e5||||||C", ValueKind.TEXT, ""),
    ],
)
def test_values_are_numbers_or_words_and_never_guessed(
    segment: str, kind: ValueKind, comparator: str
) -> None:
    (one,), _ = results(oru(segment))
    assert (one.value.kind, one.value.comparator) == (kind, comparator)


@pytest.mark.parametrize(
    "segment",
    [
        obx(value=""),
        obx(value='""'),
        obx(code=""),
        "OBX|1|NM|GLU||5.4||||||P",
        "OBX|1|NM|GLU||5.4||||||W",
        obx(more="|20310301"),
    ],
)
def test_what_cannot_be_compared_with_is_left_out_and_counted(segment: str) -> None:
    """No value, no test, not final, withdrawn, and a day that is no time."""
    found, left = results(oru(obx("UREA"), segment))
    assert ([one.lis_code for one in found], left) == (["UREA"], 1)


def test_each_result_belongs_to_the_patient_before_it() -> None:
    data = text(header("ORU^R01"), pid("P1"), "OBR|1", obx("GLU"), pid("P2"), "OBR|1", obx("UREA"))
    found, _ = results(data)
    assert [(one.identifiers[0].id, one.lis_code) for one in found] == [
        ("P1", "GLU"),
        ("P2", "UREA"),
    ]


def test_results_attached_to_an_order_are_read_and_order_nothing() -> None:
    """OML^O21: a second PID after the specimen, then the earlier orders with their observations."""
    prior = [pid("P1"), "PV1|1|O|OLD", orc("PR", "OLD1"), "OBR|1|OLD1||GLU", obx("GLU", "4.9")]
    data = text(header("OML^O21^OML_O21"), PID, orc(), obr("GLU"), spm("S1"), *prior)
    message, orders = read_orders(data, NAMES)
    assert [(one.request.sample_id, one.request.test_code) for one in orders] == [("S1", "GLU")]
    assert orders[0].request.location == ""
    found, _ = read_earlier(split(message, is_specimen_first=False)[1], "Europe/Berlin")
    assert [(one.lis_code, one.value.raw) for one in found] == [("GLU", "4.9")]


def test_the_next_order_after_attached_results_is_an_order() -> None:
    prior = [pid("P1"), "OBR|1|OLD1||GLU", obx()]
    more = [orc("NW", "O2"), obr("UREA", "O2"), spm("S1")]
    data = text(header("OML^O21^OML_O21"), PID, orc(), obr("GLU"), spm("S1"), *prior, *more)
    orders = read_orders(data, NAMES)[1]
    assert [one.request.test_code for one in orders] == ["GLU", "UREA"]


def test_in_o33_the_next_specimen_ends_the_attached_results() -> None:
    first = [spm("S1"), orc(), obr("GLU"), pid("P1"), "OBR|1|OLD1||GLU", obx()]
    second = [spm("S2"), orc("NW", "O2"), obr("UREA", "O2")]
    orders = read_orders(text(header(), PID, *first, *second), NAMES)[1]
    assert [(one.request.sample_id, one.request.test_code) for one in orders] == [
        ("S1", "GLU"),
        ("S2", "UREA"),
    ]


def test_an_order_behind_another_patients_results_is_refused() -> None:
    """Whose it is would be a guess."""
    prior = [pid("P2"), "OBR|1|OLD1||GLU", obx()]
    more = [orc("NW", "O2"), obr("UREA", "O2"), spm("S2")]
    data = text(header("OML^O21^OML_O21"), PID, orc(), obr("GLU"), spm("S1"), *prior, *more)
    with pytest.raises(UnreadableOrders, match="second PID"):
        read_orders(data, NAMES)


def test_two_patients_before_the_first_order_are_refused() -> None:
    with pytest.raises(UnreadableOrders, match="two PID"):
        read_orders(text(header(), PID, pid("P2"), spm("S1"), orc(), obr("GLU")), NAMES)


def test_an_order_says_where_the_patient_lies_and_where_the_tube_stands() -> None:
    tube = "SPM|1|S1|PARENT1|SER^Serum||||||||||||||20310304080000+0100"
    tube = "|".join([*tube.split("|")[:18], "20310304083000+0100"])
    sac = "SAC|||S1|||||||R7|3"
    data = text(
        header(), PID, "PV1|1|I|ICU^2||||||||||||||||V1^^^HOSP", tube, sac, orc(), obr("GLU")
    )
    request = read_orders(data, NAMES)[1][0].request
    assert (request.location, request.encounter) == ("ICU^2", "V1")
    assert (request.carrier, request.position) == ("R7", "3")
    assert request.parent_sample_id == "PARENT1"
    assert request.arrived_at is not None
    assert request.arrived_at.isoformat() == "2031-03-04T07:30:00+00:00"
