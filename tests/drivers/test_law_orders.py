"""LAB-28 with work: what is written for steps of orders, and what the analyzer's answer means for each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.protocols.law.answers import read_broadcast_answer
from drivers.protocols.law.encode import encode_orders
from drivers.protocols.law.work import (
    ContainerWork,
    OrderHeader,
    StepAction,
    StepAnswer,
    WorkOrderStep,
)
from middleware.errors import DriverError
from middleware.model import Identifier, Patient, Priority, SampleRole
from middleware.wire.hl7 import parse
from tests.kit.law_messages import NOW, header, lines, message

HEADER = OrderHeader("M-502", NOW, "Europe/Berlin", sender="MW", receiver="DEMO-CHEM^SN0042^SN")
GLUCOSE = WorkOrderStep("AWOS-9001", "GLU", "Glucose", "99DEMO", dilution=10)
POTASSIUM = WorkOrderStep("AWOS-9002", "K", "Potassium", "99DEMO", priority=Priority.STAT)
PATIENT = Patient(
    identifiers=(Identifier(id="PT1001", authority="HOSP"),),
    name="TESTCASE^ADA^M",
    birth_date="19791105",
    sex="F",
)
WORK = ContainerWork(
    "2603140001",
    (GLUCOSE, POTASSIUM),
    specimen_type="SER",
    specimen_type_name="Serum",
    carrier="R07",
    position="3",
    collected_at_text="20310304081000",
    patient=PATIENT,
)


def test_work_is_written_as_one_message_for_the_container() -> None:
    """Each step with its own id, priority and test; the patient once."""
    assert lines(encode_orders([WORK], HEADER)) == [
        "MSH|^~\\&|MW||DEMO-CHEM^SN0042^SN||20310304095901+0100||OML^O33^OML_O33|M-502|P|2.5.1"  # noqa: ISC004
        "|||NE|AL||UNICODE UTF-8|||LAB-28^IHE",
        "PID|||PT1001^^^HOSP||TESTCASE^ADA^M||19791105|F",
        "PV1||U",
        "SPM|1|2603140001||SER^Serum^HL70487|||||||P^^HL70369||||||20310304081000",
        "SAC|||2603140001|||||||R07|3",
        "ORC|NW||||||||20310304095901+0100",
        "TQ1|||||||||R^^HL70485",
        "OBR||AWOS-9001||GLU^Glucose^99DEMO",
        "TCD|GLU^Glucose^99DEMO|^1^:^10",
        "ORC|NW||||||||20310304095901+0100",
        "TQ1|||||||||S^^HL70485",
        "OBR||AWOS-9002||K^Potassium^99DEMO",
    ]


def test_a_cancellation_names_the_step_and_nothing_to_do() -> None:
    """CA with the same id; a cancelled step has no priority and no dilution."""
    step = replace(GLUCOSE, action=StepAction.CANCEL)
    written = lines(encode_orders([replace(WORK, steps=(step,), patient=None)], HEADER))
    assert written[-2:] == [
        "ORC|CA||||||||20310304095901+0100",
        "OBR||AWOS-9001||GLU^Glucose^99DEMO",
    ]


def test_controls_are_ordered_as_controls_of_unknown_type() -> None:
    """SPM-11 says what the container holds; an unknown type is an explicit null."""
    work = ContainerWork("CTRL-L2", (GLUCOSE,), role=SampleRole.QC)
    assert 'SPM|1|CTRL-L2||""|||||||Q^^HL70369' in lines(encode_orders([work], HEADER))


def test_no_text_of_an_order_can_begin_a_field() -> None:
    """Names with delimiters are escaped."""
    odd = PATIENT.model_copy(update={"name": "O|RLY^A&B"})
    assert "PID|||PT1001^^^HOSP||O\\F\\RLY^A\\T\\B||19791105|F" in lines(
        encode_orders([replace(WORK, patient=odd)], HEADER)
    )


@pytest.mark.parametrize(
    "works",
    [
        [replace(WORK, steps=(replace(GLUCOSE, awos_id=""),))],
        [replace(WORK, steps=(replace(GLUCOSE, awos_id="x" * 21),))],
        [replace(WORK, steps=(GLUCOSE, GLUCOSE))],
        [WORK, ContainerWork("9", (WorkOrderStep("A-1", "GLU"),))],
        [replace(WORK, role=SampleRole.BLANK)],
    ],
)
def test_orders_that_could_be_mistaken_are_not_written(works: list[ContainerWork]) -> None:
    """Ids that are missing, too long or named twice, and two patients in one message."""
    with pytest.raises(DriverError):
        encode_orders(works, HEADER)


def orl(*segments: str, code: str = "AA") -> bytes:
    return message(header("ORL^O34^ORL_O42", "A-1002"), f"MSA|{code}|M-502", *segments)


SENT = ("AWOS-9001", "AWOS-9002")


def read(reply: bytes, *, silence_accepts: bool = False) -> tuple[bool, list[StepAnswer]]:
    answer = read_broadcast_answer(reply, "M-502", SENT, silence_accepts=silence_accepts)
    return answer.is_taken, [answer.steps[one] for one in SENT]


@pytest.mark.parametrize(
    ("first", "second", "answers"),
    [
        ("ORC|OK|AWOS-9001|||SC", "ORC|UA|AWOS-9002|||CA", [StepAnswer.ACCEPTED, StepAnswer.REFUSED]),
        ("ORC|CR|AWOS-9001|||CA", "ORC|UC|AWOS-9002|||IP", [StepAnswer.CANCELLED, StepAnswer.NOT_CANCELLED]),
        ("ORC|OK|AWOS-9002|||SC", "ORC|UA|AWOS-9001|||CA", [StepAnswer.REFUSED, StepAnswer.ACCEPTED]),
        ("ORC|OK||||SC", "ORC|UA||||CA", [StepAnswer.ACCEPTED, StepAnswer.REFUSED]),
        ("ORC|OK|AWOS-9001|||SC", "ORC|OK|STRANGE|||SC", [StepAnswer.ACCEPTED, StepAnswer.UNKNOWN]),
        ("ORC|??|AWOS-9001", "ORC|OK|AWOS-9002", [StepAnswer.UNKNOWN, StepAnswer.ACCEPTED]),
    ],
)  # fmt: skip
def test_each_step_has_the_answer_that_names_it(
    first: str, second: str, answers: list[StepAnswer]
) -> None:
    """By its id; by the order only where the analyzer names none."""
    assert read(orl("SPM|1|2603140001", "SAC|||2603140001", first, second)) == (True, answers)


def test_a_step_may_be_named_behind_its_answer() -> None:
    """Some write the id into OBR only."""
    reply = orl("ORC|OK", "OBR||AWOS-9002", "ORC|UA", "OBR||AWOS-9001")
    assert read(reply) == (True, [StepAnswer.REFUSED, StepAnswer.ACCEPTED])


def test_fewer_unnamed_answers_than_steps_say_nothing() -> None:
    """Which step is meant must not be guessed."""
    assert read(orl("ORC|OK||||SC")) == (True, [StepAnswer.UNKNOWN] * 2)


def test_an_answer_without_steps_takes_them_all_only_where_the_profile_says_so() -> None:
    """MSH and MSA alone: accepted by some analyzers, by others only read."""
    assert read(orl()) == (True, [StepAnswer.UNKNOWN] * 2)
    assert read(orl(), silence_accepts=True) == (True, [StepAnswer.ACCEPTED] * 2)


@pytest.mark.parametrize("reply", [orl(code="AR"), orl(code="AE"), b"nonsense", b""])
def test_a_message_that_was_not_taken_took_no_step(reply: bytes) -> None:
    """Refused or unreadable: nothing is known of any step, and the words are kept."""
    answer = read_broadcast_answer(reply, "M-502", SENT, silence_accepts=True)
    assert not answer.is_taken
    assert answer.text
    assert set(answer.steps.values()) == {StepAnswer.UNKNOWN}


def test_an_answer_to_another_message_says_nothing_of_this_one() -> None:
    """Matched by MSA-2 and nothing else."""
    assert read(orl("ORC|OK|AWOS-9001").replace(b"M-502", b"M-501"))[0] is False


@pytest.mark.parametrize(
    ("name", "charset"), [("TESTCASE^ADA", "ASCII"), ("ŁUCZAK^EWA", "UNICODE UTF-8")]
)
def test_version_and_letters_are_the_analyzers_own_where_they_can_be(
    name: str, charset: str
) -> None:
    """An analyzer that declares ASCII hears ASCII, unless a name would lose a letter."""
    work = replace(WORK, patient=PATIENT.model_copy(update={"name": name}))
    text = encode_orders([work], replace(HEADER, version="2.5", charset="ASCII"))
    said = parse(text)
    assert (said.get("MSH-12"), said.get("MSH-18")) == ("2.5", charset)
    assert said.get("PID-5") == name
