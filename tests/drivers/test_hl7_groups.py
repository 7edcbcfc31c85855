"""Whose a result is: by the order of segments, from its own group, never from the one before (promise 2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import SampleRole
from tests.kit.hl7_messages import HEADER, decode, results

OUL = HEADER.replace("ORU^R01", "OUL^R22^OUL_R22")
R21 = HEADER.replace("ORU^R01", "OUL^R21")


def _obx(test: str, value: str = "1", sub_id: str = "") -> str:
    return (
        f"OBX|1|NM|{test}||{value}|||||||F"
        if not sub_id
        else f"OBX|1|NM|{test}|{sub_id}|{value}|||||||F"
    )


def _bound(*segments: str, header: str = HEADER) -> list[tuple[str, str]]:
    """(test, sample id) of each result."""
    return [(one.test_code, one.specimen.sample_id) for one in results(*segments, header=header)]


def test_each_order_of_an_oru_has_its_own_sample_id() -> None:
    """Two tubes in one message stay two tubes."""
    assert _bound("OBR|1||TUBE01", _obx("A"), "OBR|2||TUBE02", _obx("B"), _obx("C")) == [
        ("A", "TUBE01"),
        ("B", "TUBE02"),
        ("C", "TUBE02"),
    ]


def test_an_order_without_sample_id_never_takes_the_one_before() -> None:
    """Nobody's result is held; the neighbour's would be the wrong patient's."""
    assert _bound("OBR|1||TUBE01", _obx("A"), "OBR|2", _obx("B")) == [("A", "TUBE01"), ("B", "")]


def test_a_specimen_before_the_orders_serves_them_until_the_next_one() -> None:
    """OUL^R22: specimen, its containers, its orders."""
    assert _bound(
        "SPM|1|S-1&LAB", "SAC|||C-1", "OBR|1", _obx("A"), "OBR|2", _obx("B"),
        "SPM|2|S-2&LAB", "OBR|3", _obx("C"),
        "SPM|3", "OBR|4", _obx("D"), header=OUL,
    ) == [("A", "C-1"), ("B", "C-1"), ("C", "S-2"), ("D", "")]  # fmt: skip


def test_a_container_begins_a_group_of_its_own_below_its_specimen() -> None:
    """OUL^R23: several tubes of one specimen."""
    assert _bound(
        "SPM|1|S-1", "SAC|||C-1", "OBR|1", _obx("A"), "SAC|||C-2", "OBR|2", _obx("B"), header=OUL
    ) == [("A", "C-1"), ("B", "C-2")]


def test_a_specimen_after_an_order_serves_that_order_alone() -> None:
    """ORU^R01 of 2.5.1 and OUL^R24: the specimen follows the observations."""
    assert _bound(
        "OBR|1",
        _obx("A"),
        "SPM|1|S-1",
        "OBR|2",
        _obx("B"),
        "ORC|RE",
        "OBR|3",
        _obx("C"),
        "SPM|1|S-3",
    ) == [("A", "S-1"), ("B", ""), ("C", "S-3")]


def test_a_container_of_oul_r21_serves_one_order() -> None:
    """There each order has its own container or none."""
    assert _bound("SAC|||C-1", "OBR|1", _obx("A"), "OBR|2", _obx("B"), header=R21) == [
        ("A", "C-1"),
        ("B", ""),
    ]


def test_the_next_patient_takes_nothing_of_the_one_before() -> None:
    """Specimen, order and person end with PID."""
    one, two, three = results(
        "PID|1||P1^^^HOSP^MR||ONE^ANNA", "SPM|1|S-1", "OBR|1", _obx("A"),
        "PID|2||P2||TWO^BEN", "OBR|2", _obx("B"), "PID|3", _obx("C"),
    )  # fmt: skip
    assert one.specimen.patient is not None
    assert one.specimen.patient.identifiers[0].authority == "HOSP"
    assert (two.specimen.sample_id, two.specimen.patient and two.specimen.patient.name) == (
        "",
        "TWO^BEN",
    )
    assert (three.specimen.sample_id, three.specimen.patient) == ("", None)


def test_observations_without_order_belong_to_nobody() -> None:
    """A header and results: they are kept, and held for want of a sample id."""
    assert _bound(_obx("A")) == [("A", "")]


def test_two_specimens_of_one_order_put_the_sample_id_in_doubt() -> None:
    """Nothing says which of them was measured."""
    (one,) = results("OBR|1", _obx("A"), "SPM|1|S-1", "SPM|2|S-2")
    assert one.specimen.sample_id_doubt == "SPM-2.1 names more than one specimen"


def test_a_pool_is_no_patients_specimen() -> None:
    """Its result is of several patients."""
    (one,) = results("SPM|1|S-1|||||||||L^Pool", "OBR|1", _obx("A"), header=OUL)
    assert "pool" in one.specimen.sample_id_doubt


@pytest.mark.parametrize("role", ["Q", "C", "E", "B", "F", "O", "R", "V"])
def test_a_specimen_that_is_no_patients_is_told_by_its_role(role: str) -> None:
    """Table 0369 holds for every profile."""
    (one,) = results(f"SPM|1|S-1|||||||||{role}^Role", "OBR|1", _obx("A"), header=OUL)
    assert one.specimen.role is not SampleRole.PATIENT
    (two,) = results(f"OBR|1||S-1||||||||||||UR^^^^^^{role}", _obx("A"))
    assert two.specimen.role is not SampleRole.PATIENT


@pytest.mark.parametrize("processing", ["T", "D", "Q"])
def test_training_and_debugging_messages_are_nobodys(processing: str) -> None:
    """MSH-11 marks the whole message."""
    (one,) = results("OBR|1||T-1", _obx("A"), header=HEADER.replace("|P|", f"|{processing}|"))
    assert one.specimen.role is SampleRole.QC


def test_an_order_without_observations_is_told_with_its_status() -> None:
    """A cancelled test is found, not lost."""
    (unread,) = decode(
        "SPM|1|S-1", "OBR|1||||||||||||||||||||||||X", "ORC|SC||||CA", header=OUL
    ).unread
    assert unread.sample_id == "S-1"
    assert unread.reason == "the order has no result (OBR-25 is X, ORC-1 is SC, ORC-5 is CA)"


def test_a_specimen_without_order_is_told() -> None:
    """Both specimens are found; the second has the result."""
    envelope = decode("SPM|1|S-1", "SPM|2|S-2", "OBR|1", _obx("A"), header=OUL)
    assert [(one.sample_id, one.reason) for one in envelope.unread] == [
        ("S-1", "the specimen has no order")
    ]


def test_comments_stand_beside_what_they_are_about() -> None:
    """Of a result: its own; of an order, specimen or patient: beside each result below."""
    first, second = results(
        "PID|1", "NTE|1|L|of the patient", "OBR|1||T-1", "NTE|1|L|of the order",
        _obx("A"), "NTE|1|L|of the result~second line", "NTE|2|L|Clot|I", _obx("B"),
    )  # fmt: skip
    shared = ["of the patient", "of the order"]
    assert [one.text for one in first.comments] == [*shared, "of the result\nsecond line", "Clot"]
    assert first.instrument_flags == ("Clot",)
    assert [one.text for one in second.comments] == shared


def test_equal_tests_of_one_tube_are_runs_and_organisms_stay_apart() -> None:
    """OBX-4 is the run; a parent result keeps kinds of one test apart."""
    read = results(
        "OBR|1||T-1", _obx("A"), _obx("A"), _obx("B", sub_id="3"), _obx("C", sub_id="left"),
        "OBR|2||T-1|||||||||||||||||||||||^1^ECO", _obx("A"),
    )  # fmt: skip
    assert [(one.test_code, one.test_detail, one.run) for one in read] == [
        ("A", "", 1), ("A", "", 2), ("B", "", 3), ("C", "left", 1), ("A", "^1^ECO", 1),
    ]  # fmt: skip


SEGMENTS = st.sampled_from(
    ["PID|1||P1", "PV1|1", "SPM|1|S-{n}", "SAC|||C-{n}", "ORC|RE", "OBR|{n}||T-{n}", "OBR|{n}",
     "OBX|1|NM|A||1|||||||F", "NTE|1|L|x", "TCD|A", "INV|A", "ZZZ|1"]
)  # fmt: skip


@given(st.lists(SEGMENTS, max_size=14), st.sampled_from([HEADER, OUL, R21]))
def test_in_any_order_of_segments_every_result_names_its_own_group_or_none(
    segments: list[str], header: str
) -> None:
    """No order of segments loses an observation, or gives it an id of an earlier patient or of an ended order."""
    written = [one.format(n=n) for n, one in enumerate(segments, start=1)]
    envelope = decode(*written, header=header)
    assert len(envelope.results) == sum(one.startswith("OBX") for one in written)
    for result in envelope.results:
        at = result.source.record - 2  # the header is the first segment
        patient = max((n for n in range(at) if written[n].startswith("PID")), default=0)
        sample_id = result.specimen.sample_id
        if sample_id:
            named = next(n for n, one in enumerate(written) if sample_id in one)
            assert named >= patient, "an earlier patient's"
            orders = [n for n in range(at) if written[n].startswith("OBR")]
            if sample_id.startswith("T-"):
                assert named == orders[-1], "an ended order's"
