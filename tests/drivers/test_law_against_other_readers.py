"""What we write for LAW, read by two other libraries: they find in it what we meant."""

from __future__ import annotations

import pytest

from drivers.protocols.law.encode import encode_orders
from drivers.protocols.law.work import ContainerWork, OrderHeader, WorkOrderStep
from tests.kit.law_messages import ANSWERED, NOW, generic_law, query, replies

hl7 = pytest.importorskip("hl7")
parser = pytest.importorskip("hl7apy.parser")

STEPS = (WorkOrderStep("A-1", "GLU", "Glucose", "99DEMO"), WorkOrderStep("A-2", "K"))
ORDERS = encode_orders([ContainerWork("S-1", STEPS, "S-1", "SER")], OrderHeader("M-1", NOW))


def test_the_answer_that_there_is_no_work_is_a_valid_message_to_hl7apy() -> None:
    """OML^O33 of 2.5.1 with its specimen group, by a reader that knows the structure."""
    (answer,) = generic_law().negative_answers(query(), ANSWERED)
    message = parser.parse_message(answer.decode(), find_groups=True)
    assert message.validate()
    specimen = message.oml_o33_specimen
    assert specimen.sac.sac_3.to_er7() == "2603140001"
    assert specimen.oml_o33_order.orc.orc_1.to_er7() == "DC"


def test_both_readers_find_the_steps_of_an_order() -> None:
    """Each with its own id, under its own ORC."""
    plain = hl7.parse(ORDERS.decode())
    assert [str(one[2]) for one in plain.segments("OBR")] == ["A-1", "A-2"]
    assert [str(one[1]) for one in plain.segments("ORC")] == ["NW", "NW"]
    flat = parser.parse_message(ORDERS.decode(), find_groups=False)
    assert [one.obr_2.to_er7() for one in flat.children if one.name == "OBR"] == ["A-1", "A-2"]
    assert str(plain.segment("SAC")[3]) == "S-1"


def test_both_readers_find_the_response_to_a_query() -> None:
    """MSA, QAK and QPD say the same to all three."""
    (response,) = replies(query())
    plain = hl7.parse(response.decode())
    flat = parser.parse_message(response.decode(), find_groups=False)
    assert str(plain.segment("MSA")[1]) == flat.msa.msa_1.to_er7() == "AA"
    assert str(plain.segment("QAK")[1]) == flat.qak.qak_1.to_er7() == "Q-77"
    assert str(plain.segment("QPD")[3]) == flat.qpd.qpd_3.to_er7() == "2603140001"
