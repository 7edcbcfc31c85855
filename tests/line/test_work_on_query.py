"""Host queries answered with work from the store, and what becomes of that work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from drivers.protocols.lis2 import PROTOCOL
from middleware.driver.profile import read_profile
from middleware.model import OrderAction, OrderAnswer, Priority
from middleware.model.sample_id import CheckDigit, SampleIdSteps
from middleware.store.schema import SPECIMENS
from middleware.store.work import Claimer
from middleware.wire.events import Event, MessageReceived
from middleware.wire.hl7 import parse
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.lis2 import parse_message
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.kit.law_messages import generic_law, header, message, query
from tests.kit.line_bench import LineBench
from tests.kit.orders import claimer, patient, request

ANALYZERS = Path(__file__).parents[2] / "drivers" / "analyzers"
TUBE = "2603140001"


def lis2_driver(name: str = "generic_astm") -> Any:
    text = (ANALYZERS / name / "driver.toml").read_text(encoding="utf-8")
    return PROTOCOL.make_driver(read_profile(text, name))


class AstmBench(LineBench):
    """A line and an analyzer that speak LIS01 with each other, frame by frame."""

    def __init__(self, driver: Any = None, by: Claimer | None = None) -> None:
        super().__init__(driver or lis2_driver(), {"chem-1": by or claimer()})
        self.writer.give_store_id("TEST01")
        self.writer.is_automatic = True
        self.line.start()
        self.connect()
        self.link = Lis1Link(Role.INSTRUMENT, Lis1Options())
        self.is_taking = True
        self.link.connection_made(self.clock.seconds())

    def ask(self, *records: str, sender: str = "DEMO") -> list[str]:
        """Send a query; returns the records of all answers."""
        text = "".join(record + "\r" for record in (f"H|\\^&|||{sender}", *records, "L|1|N"))
        self.link.send_message(text.encode(), self.clock.seconds())
        return self.run()

    def run(self, patience: int = 5) -> list[str]:
        said: list[str] = []
        idle = 0
        while idle < patience:
            out = self.link.bytes_to_send()
            heard = self.send(out) if out else self.hear()
            now = self.clock.seconds()
            events: list[Event] = self.link.receive_bytes(heard, now) if heard else []
            for event in events:
                if isinstance(event, MessageReceived):
                    said += event.text.decode().split("\r")[:-1]
                    self.link.commit(event.token, now)
            idle = 0 if out or heard else idle + 1
            if idle:
                self.turn(0.5)
                self.link.on_deadline(self.clock.seconds())
        return said

    def states(self) -> dict[str, str]:
        return {row["lis_code"]: row["state"] for row in self.writer.steps()}


@pytest.fixture
def bench() -> AstmBench:
    made = AstmBench()
    made.writer.give_orders(
        request("S1", "GLU", priority=Priority.STAT, patient=patient()), request("S1", "UREA")
    )
    return made


def test_a_query_is_answered_with_the_work_of_that_tube(bench: AstmBench) -> None:
    answer = bench.ask("Q|1|^S1||ALL||||||||O")
    assert [one[0] for one in answer] == ["H", "P", "O", "L"]
    fields = answer[2].split("|")
    assert fields[2] == "S1"
    assert fields[4] == "^^^GLU\\^^^UREA"
    assert fields[5] == "S"
    assert fields[25] == "Q"
    assert answer[3] == "L|1|F"
    assert bench.states() == {"GLU": "sent", "UREA": "sent"}
    entry = bench.writer.journal()[0]
    assert (entry["state"], entry["reason"]) == ("answered", "answered with 2 tests")


def test_no_more_is_told_of_a_patient_than_the_profile_names(bench: AstmBench) -> None:
    assert not any("Sample" in one or "1970" in one for one in bench.ask("Q|1|^S1||ALL"))


def test_a_tube_without_work_gets_the_word_of_the_standard(bench: AstmBench) -> None:
    answer = bench.ask("Q|1|^S9||ALL||||||||O")
    assert [one[0] for one in answer] == ["H", "L"]
    assert answer[1] == "L|1|I"
    assert bench.writer.journal()[0]["reason"] == "answered that there is no work"


def test_several_tubes_of_one_query_are_answered_in_one_message(bench: AstmBench) -> None:
    bench.writer.give_orders(request("S2", "TSH"))
    answer = bench.ask("Q|1|^S2\\^S9\\^S1||ALL||||||||O")
    assert [one.split("|")[2] for one in answer if one.startswith("O")] == ["S2", "S1"]


def test_a_query_for_everything_brings_all_open_work(bench: AstmBench) -> None:
    bench.writer.give_orders(request("S2", "TSH"))
    answer = bench.ask("Q|1|ALL||ALL||||||||O")
    assert [one.split("|")[2] for one in answer if one.startswith("O")] == ["S1", "S2"]


def test_a_query_taken_back_is_not_answered_and_claims_nothing(bench: AstmBench) -> None:
    assert bench.ask("Q|1|^S1||ALL||||||||A") == []
    assert set(bench.states().values()) == {"pending"}


def test_a_cancelled_test_is_not_in_the_answer(bench: AstmBench) -> None:
    cancel = request("S1", "GLU", OrderAction.CANCEL)
    assert bench.writer.give_orders(cancel)[0].answer is OrderAnswer.CANCELLED
    answer = bench.ask("Q|1|^S1||ALL||||||||O")
    assert answer[2].split("|")[4] == "^^^UREA"


def test_what_was_not_taken_is_open_again(bench: AstmBench) -> None:
    """The cable is pulled in the middle of the answer."""
    bench.link.send_message(b"H|\\^&\rQ|1|^S1||ALL\rL|1|N\r", bench.clock.seconds())
    for _ in range(12):
        bench.link.receive_bytes(bench.send(bench.link.bytes_to_send()), bench.clock.seconds())
        if set(bench.states().values()) == {"claimed"}:
            break
    assert set(bench.states().values()) == {"claimed"}
    bench.end.loseConnection()
    bench.turn()
    assert set(bench.states().values()) == {"pending"}
    assert bench.writer.journal()[0]["state"] == "not_answered"


def test_the_analyzers_own_codes_are_written_and_other_tests_are_not() -> None:
    bench = AstmBench(by=claimer(GLU="767"))
    bench.writer.give_orders(request("S1", "GLU"), request("S1", "TSH"))
    assert bench.ask("Q|1|^S1||ALL")[2].split("|")[4] == "^^^767"
    assert bench.states() == {"GLU": "sent", "TSH": "pending"}


def test_an_e411_hears_its_place_again_as_it_said_it() -> None:
    """Sequence, rack, position and types come back unchanged, or it drops the answer."""
    bench = AstmBench(lis2_driver("roche_cobas_e411"), claimer(TSH="10", FT4="30"))
    bench.writer.give_orders(request("000004", "TSH"), request("000004", "FT4"))
    text = b"H|\\^&|||cobas-e411^1|||||host|TSREQ^REAL|P|1\rQ|1|^^000004^40^0^5^^S1^SC||ALL||||||||O\rL|1|N\r"
    bench.link.send_message(text, bench.clock.seconds())
    answer = bench.run()
    head = answer[0].split("|")
    assert (head[4], head[9], head[10]) == ("host", "cobas-e411^1", "TSDWN^REPLY")
    order = answer[2].split("|")
    assert order[2:5] == ["000004", "40^0^5^^S1^SC", "^^^10\\^^^30"]
    assert answer[3] == "L|1|N"


def test_a_centaur_is_answered_as_recorded() -> None:
    bench = AstmBench(lis2_driver("siemens_advia_centaur"), claimer(VITD="VitD"))
    bench.writer.give_orders(request("K403911", "VITD", patient=patient("188875")))
    text = b"H|\\^&|||UIW_LIS|||||LIS_ID||P||20211101082913\rQ|1|^K403911^0024^A|^K403911^0024^A|ALL||||||||O\rL|1|N\r"
    bench.link.send_message(text, bench.clock.seconds())
    answer = bench.run()
    assert answer[1:] == [
        "P|1|188875",
        "O|1|K403911||^^^VitD|R||||||||||||||||||||O\\Q",
        "L|1|F",
    ]


def test_the_delimiters_of_the_answer_are_those_of_the_query() -> None:
    bench = AstmBench()
    bench.writer.give_orders(request("S1", "GLU"), request("S1", "K"))
    bench.link.send_message(b"H|`^&\rQ|1|^S1`^S2|||S|||||||O\rL|1|N\r", bench.clock.seconds())
    answer = bench.run()
    assert answer[0].startswith("H|`^&|")
    assert answer[2].split("|")[4] == "^^^GLU`^^^K"
    parse_message("".join(one + "\r" for one in answer).encode(), "latin-1")


class LawBench(LineBench):
    """A line with the LAW driver, and an analyzer that speaks in whole messages."""

    def __init__(self) -> None:
        super().__init__(generic_law(), {"chem-1": claimer()})
        self.writer.give_store_id("TEST01")
        self.writer.is_automatic = True
        self.line.start()
        self.connect()

    def say(self, text: bytes) -> list[bytes]:
        heard = self.send(encode_block(text))
        self.turn()
        heard += self.hear()
        return [one.data for one in BlockReader().feed(heard) if isinstance(one, Block)]


def test_a_law_analyzer_takes_some_steps_and_refuses_others() -> None:
    """UA on one of two: a person must know, and the other runs."""
    bench = LawBench()
    bench.writer.give_orders(request(TUBE, "GLU", patient=patient()), request(TUBE, "K"))
    _, given = bench.say(query())
    orders = parse(given)
    assert [one.get("OBR-2") for one in orders.segments("OBR")] == ["TEST011", "TEST012"]
    assert (orders.get("SAC-3"), orders.get("ORC-1")) == (TUBE, "NW")
    reply = message(
        header("ORL^O34^ORL_O42", "A-7"),
        "MSA|AA|TEST01Q1",
        "ORC|OK|TEST011",
        "ORC|UA|TEST012",
    )
    assert bench.say(reply) == []
    assert [row["state"] for row in bench.writer.steps()] == ["sent", "refused"]


def test_a_law_analyzer_that_rejects_the_message_leaves_the_work_open() -> None:
    bench = LawBench()
    bench.writer.give_orders(request(TUBE, "GLU"))
    bench.say(query())
    bench.say(message(header("ORL^O34^ORL_O42", "A-7"), "MSA|AR|TEST01Q1"))
    assert [row["state"] for row in bench.writer.steps()] == ["pending"]


def test_a_law_tube_without_work_is_told_so() -> None:
    bench = LawBench()
    bench.writer.give_orders(request("OTHER", "GLU"))
    _, given = bench.say(query())
    assert parse(given).get("ORC-1") == "DC"


def test_a_query_for_a_rack_gives_what_the_lis_put_on_it_and_nothing_else() -> None:
    bench = LawBench()
    on_rack = request(TUBE, "GLU", carrier="R07", position="3")
    bench.writer.give_orders(on_rack, request("ELSEWHERE", "GLU"), request("NOWHERE", "K"))
    _, given = bench.say(query("QPD|WOS_BY_RACK^x^IHELAW|Q||R07"))
    assert [one.get("SAC-3") for one in parse(given).segments("SAC")] == [TUBE]
    assert [row["state"] for row in bench.writer.steps()] == ["claimed", "pending", "pending"]


def test_a_tube_without_readable_barcode_is_known_by_its_place() -> None:
    """The LIS said where it stands; the answer repeats the place as the query wrote it."""
    bench = AstmBench(lis2_driver("roche_cobas_e411"))
    bench.writer.give_orders(request("S1", "10", carrier="0", position="5"))
    answer = bench.ask("Q|1|^^^40^0^5^^S1^SC||ALL||||||||O", sender="cobas-e411^1")
    assert answer[2].split("|")[2:5] == ["S1", "40^0^5^^S1^SC", "^^^10"]
    assert bench.states() == {"10": "sent"}


def test_queries_of_one_message_keep_their_own_places() -> None:
    """Two request records, each with a rack place: the store learns where each tube was seen."""
    bench = AstmBench(lis2_driver("roche_cobas_e411"))
    bench.writer.give_orders(request("S1", "10"), request("S2", "10"))
    both = "Q|1|^^S1^1^7^1^^S1^SC||ALL||||||||O", "Q|2|^^S2^2^7^2^^S1^SC||ALL||||||||O"
    bench.ask(*both, sender="cobas-e411^1")
    rows = bench.writer.run(
        lambda conn: [
            tuple(row)
            for row in conn.execute(
                select(
                    SPECIMENS.c.sample_id, SPECIMENS.c.seen_carrier, SPECIMENS.c.seen_position
                ).order_by(SPECIMENS.c.id)
            )
        ]
    )
    assert rows == [("S1", "7", "1"), ("S2", "7", "2")]


def test_an_analyzer_that_strips_zeros_is_answered_under_the_id_that_it_wrote() -> None:
    """The line's rule finds the tube; the answer names it as the analyzer knows it."""
    by = replace(claimer(), names=SampleIdSteps(pad_zeros_to=7))
    bench = AstmBench(by=by)
    bench.writer.give_orders(request("0000387", "GLU"), request("0000388", "K"))
    answer = bench.ask("Q|1|^387\\^389||ALL||||||||O")
    assert [one.split("|")[2] for one in answer if one.startswith("O")] == ["387"]
    assert bench.states() == {"GLU": "sent", "K": "pending"}


def test_a_misread_check_digit_gets_no_work() -> None:
    by = replace(claimer(), names=SampleIdSteps(check_digit=CheckDigit.LUHN))
    bench = AstmBench(by=by)
    bench.writer.give_orders(request("79927398713", "GLU"), request("79927398714", "GLU"))
    assert [one[0] for one in bench.ask("Q|1|^79927398714||ALL")] == ["H", "L"]
    assert [one[0] for one in bench.ask("Q|1|^79927398713||ALL")] == ["H", "P", "O", "L"]
