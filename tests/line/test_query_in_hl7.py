"""Host queries of analyzers that speak HL7 and not LAW: what goes out in which order, and what becomes of the work."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.driver.catalogue import load_catalogue
from middleware.wire.hl7 import Message, parse
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.kit.line_bench import LineBench
from tests.kit.orders import claimer, patient, request

CATALOGUE = load_catalogue()
QRY = (
    "MSH|^~\\&|BS-DEMO|Vendor|||20310304092959||QRY^Q02|7|P|2.3.1||||||ASCII|||",
    "QRD|20310304092959|R|D|7|||RD|S1|OTH|||T|",
    "QRF|BS-DEMO|||||RCT|COR|ALL||",
)
ORM = (
    "MSH|^~\\&|BC-5300|Mindray|||20310304092959||ORM^O01|9|P|2.3.1||||||UNICODE",
    "ORC|RF||S1||IP",
)
QBP = (
    "MSH|^~\\&|ICU^GeneXpert^1.0||LIS||20310304092959||QBP^Z03^QBP_Z03|662f|P|2.5",
    "QPD|Z03^HOST QUERY|662f||S1",
    "RCP|I",
)


class Hl7Bench(LineBench):
    """A line with one of the drivers, and an analyzer that speaks in whole messages."""

    def __init__(self, name: str, **codes: str) -> None:
        super().__init__(CATALOGUE.driver(name), {"chem-1": claimer(**codes)})
        self.writer.give_store_id("TEST01")
        self.writer.is_automatic = True
        self.writer.give_orders(request("OTHER", "GLU"))
        self.line.start()
        self.connect()

    def say(self, *segments: str) -> list[Message]:
        text = "".join(one + "\r" for one in segments).encode()
        return self.heard(self.send(encode_block(text)))

    def heard(self, data: bytes = b"") -> list[Message]:
        self.turn()
        data += self.hear()
        return [parse(one.data) for one in BlockReader().feed(data) if isinstance(one, Block)]

    def states(self) -> list[str]:
        return [row["state"] for row in self.writer.steps() if row["sample_id"] != "OTHER"]

    def entry(self) -> tuple[str, str]:
        row = self.writer.journal()[0]
        return str(row["state"]), str(row["reason"])


def kinds(messages: list[Message]) -> list[str]:
    return [one.get("MSH-9") for one in messages]


@pytest.fixture
def chemistry() -> Hl7Bench:
    made = Hl7Bench("mindray_bs")
    made.writer.give_orders(request("S1", "GLU", patient=patient()), request("S1", "K"))
    return made


def ack(number: str, code: str = "AA") -> tuple[str, str]:
    header = "MSH|^~\\&|BS-DEMO|Vendor|||20310304093001||ACK^Q03|8|P|2.3.1||||||ASCII|||"
    return header, f"MSA|{code}|{number}|Message accepted|||0|"


def test_the_query_is_acknowledged_with_its_status_and_then_answered(chemistry: Hl7Bench) -> None:
    """QCK says OK, DSR brings the tests: no other acknowledgement stands before them."""
    answer = chemistry.say(*QRY)
    assert kinds(answer) == ["QCK^Q02", "DSR^Q03"]
    assert answer[0].get("QAK-2") == "OK"
    tests = [one.get("DSP-3.1") for one in answer[1].segments("DSP") if int(one.get("DSP-1")) > 28]
    assert tests == ["GLU", "K"]
    assert chemistry.states() == ["claimed", "claimed"]
    assert chemistry.say(*ack(answer[1].get("MSH-10"))) == []
    assert chemistry.states() == ["sent", "sent"]
    assert chemistry.entry() == ("answered", "answered with 2 tests")


def test_work_that_the_analyzer_refuses_is_free_again(chemistry: Hl7Bench) -> None:
    answer = chemistry.say(*QRY)
    chemistry.say(*ack(answer[1].get("MSH-10"), "AE"))
    assert chemistry.states() == ["pending", "pending"]
    assert chemistry.entry()[0] == "not_answered"
    assert "AE" in chemistry.entry()[1]


def test_a_connection_that_ends_between_answer_and_acknowledgement_frees_the_work(
    chemistry: Hl7Bench,
) -> None:
    chemistry.say(*QRY)
    chemistry.end.loseConnection()
    chemistry.turn()
    assert chemistry.states() == ["pending", "pending"]


def test_without_work_the_acknowledgement_alone_says_so() -> None:
    bench = Hl7Bench("mindray_bs")
    (answer,) = bench.say(*QRY)
    assert (answer.get("MSH-9.1"), answer.get("QAK-2")) == ("QCK", "NF")
    bench.turn(0.1)
    assert bench.entry() == ("answered", "answered that there is no work")


def test_an_answer_that_waits_does_not_hold_up_the_next_query(chemistry: Hl7Bench) -> None:
    """DSR waits for its acknowledgement; QCK, a response, waits for nobody."""
    chemistry.say(*QRY)
    second = [line.replace("|S1|", "|S2|").replace("|7|P", "|8|P") for line in QRY]
    assert kinds(chemistry.say(*second)) == ["QCK^Q02"]


@pytest.mark.parametrize(
    ("name", "asked", "wanted"),
    [("mindray_bc", ORM, "ORR"), ("cepheid_genexpert_hl7", QBP, "RSP")],
)
def test_a_response_is_taken_when_it_is_written(
    name: str, asked: tuple[str, ...], wanted: str
) -> None:
    """Nobody replies to a response; the analyzer asks again when it did not come."""
    bench = Hl7Bench(name)
    bench.writer.give_orders(request("S1", "CBC"))
    (answer,) = bench.say(*asked)
    assert answer.get("MSH-9.1") == wanted
    assert answer.get("MSA-1") == "AA"
    bench.turn(0.1)
    assert bench.states() == ["sent"]
    assert bench.entry() == ("answered", "answered with 1 tests")


def test_a_haematology_analyzer_without_work_is_refused_in_its_own_words() -> None:
    (answer,) = Hl7Bench("mindray_bc").say(*ORM)
    assert (answer.get("MSH-9"), answer.get("MSA-1"), answer.get("MSA-2")) == ("ORR^O02", "AR", "9")


def test_a_query_that_says_how_it_counts_is_still_a_query() -> None:
    """Some versions send their modes as OBX with the query."""
    mode = "OBX|1|IS|08001^Take Mode^99MRC||O||||||F"
    bench = Hl7Bench("mindray_bc")
    assert kinds(bench.say(*ORM, mode)) == ["ORR^O02"]


def test_a_cancelled_query_gets_a_plain_acknowledgement() -> None:
    bench = Hl7Bench("cepheid_genexpert_hl7")
    cancel = "MSH|^~\\&|ICU^GeneXpert^1.0||LIS||20310304||QCN^J01^QCN_J01|UDC000|P|2.5|||AL|NE"
    (answer,) = bench.say(cancel, "QID|662f|N/D")
    assert (answer.get("MSH-9.1"), answer.get("MSA-1")) == ("ACK", "CA")
    assert bench.entry() == ("answered", "the analyzer took its query back")


def test_a_query_that_could_not_be_stored_is_refused_and_not_answered() -> None:
    """The refusal goes out: only the acknowledgement that accepts is left to the answer."""
    bench: Any = Hl7Bench("mindray_bs")
    bench.writer.is_automatic = False
    bench.say(*QRY)
    bench.writer.fail_commit()
    bench.pass_time(9.0)
    (answer,) = bench.heard()
    assert answer.get("MSA-1") == "AE"
