"""Queries that come together: a rack in one session, two at once, while we send, and answers that nobody takes."""

from __future__ import annotations

import pytest

from middleware.line.answer_words import MOST_OPEN, MOST_TRIES
from middleware.line.work import MOST_NAMED
from middleware.wire.control import Control
from middleware.wire.lis1.frame import encode_frame
from tests.kit.orders import claimer, request
from tests.line.test_work_on_query import AstmBench

RACK = 100
ENQ, ACK = Control.ENQ.byte, Control.ACK.byte
NAK, EOT = Control.NAK.byte, Control.EOT.byte


def query(sample_id: str) -> bytes:
    return f"H|\\^&|||DEMO\rQ|1|^{sample_id}||ALL||||||||O\rL|1|N\r".encode()


def named(records: list[str]) -> list[str]:
    return [one.split("|")[2] for one in records if one.startswith("O|")]


def with_orders(count: int) -> AstmBench:
    bench = AstmBench()
    bench.writer.give_orders(*[request(f"S{at}", "GLU") for at in range(count)])
    return bench


def reasons(bench: AstmBench) -> set[str]:
    return {str(row["reason"]) for row in bench.writer.journal()}


@pytest.mark.slow
def test_a_whole_rack_asked_for_at_once_is_answered_tube_by_tube() -> None:
    """A hundred queries before the first answer: each gets its own, in the order asked."""
    bench = with_orders(RACK)
    for at in range(RACK):
        bench.link.send_message(query(f"S{at}"), bench.clock.seconds())
    assert named(bench.run()) == [f"S{at}" for at in range(RACK)]
    assert {row["state"] for row in bench.writer.steps()} == {"sent"}
    assert reasons(bench) == {"answered with 1 tests"}


@pytest.mark.slow
def test_a_rack_in_one_query_is_answered_in_one_message() -> None:
    bench = with_orders(RACK)
    asked = "\\".join(f"^S{at}" for at in range(RACK))
    answer = bench.ask(f"Q|1|{asked}||ALL||||||||O")
    assert named(answer) == [f"S{at}" for at in range(RACK)]
    assert sum(one.startswith("L") for one in answer) == 1


def test_the_same_tube_asked_for_twice_gets_the_same_answer_twice() -> None:
    """The barcode was read again: the second answer is the first one, and nothing is sent or freed twice."""
    bench = with_orders(1)
    for _ in range(2):
        bench.link.send_message(query("S0"), bench.clock.seconds())
    assert named(bench.run()) == ["S0", "S0"]
    assert [row["state"] for row in bench.writer.steps()] == ["sent"]
    assert [row["state"] for row in bench.writer.history()].count("sent") == 1


def test_a_query_while_we_send_is_answered_after_it() -> None:
    """The analyzer contends with its next query: it goes first, and both answers arrive."""
    bench = with_orders(2)
    now = bench.clock.seconds
    bench.link.send_message(query("S0"), now())
    heard = b""
    while ENQ not in heard:  # until our answer asks for the line
        bench.link.receive_bytes(heard, now())
        heard = bench.send(bench.link.bytes_to_send())
    bench.link.send_message(query("S1"), now())
    assert bench.link.bytes_to_send() == ENQ  # both at once: the analyzer has the right of way
    contended = bench.send(ENQ)
    bench.link.receive_bytes(heard + contended, now())
    assert sorted(named(bench.run(patience=60))) == ["S0", "S1"]
    assert {row["state"] for row in bench.writer.steps()} == {"sent"}


@pytest.mark.slow
def test_a_rack_of_messages_in_one_session_is_answered_when_the_session_ends() -> None:
    """The analyzer has the line until EOT; so many answers wait until then."""
    bench = with_orders(RACK)
    bench.send(ENQ)
    for at in range(RACK):
        assert bench.send(encode_frame((at + 1) % 8, query(f"S{at}"))) == ACK
    bench.link.receive_bytes(bench.send(EOT), bench.clock.seconds())
    assert named(bench.run()) == [f"S{at}" for at in range(RACK)]


@pytest.mark.slow
def test_more_answers_than_may_wait_are_refused_and_their_work_is_free() -> None:
    """The bound holds, and the journal says which query it hit."""
    bench = with_orders(MOST_OPEN + 1)
    bench.send(ENQ)
    for at in range(MOST_OPEN + 1):
        bench.send(encode_frame((at + 1) % 8, query(f"S{at}")))
    states = [row["state"] for row in bench.writer.steps()]
    assert states.count("claimed") == MOST_OPEN
    assert states.count("pending") == 1
    assert "wait for the analyzer already" in bench.writer.journal()[-1]["reason"]


def refuse_the_line(bench: AstmBench, reply: bytes) -> int:
    """The analyzer asks, and answers every ENQ of ours so; how often that was."""
    bench.send(ENQ)
    bench.send(encode_frame(1, query("S0")))
    heard, count = bench.send(EOT), 0
    for _ in range(400):
        if ENQ in heard:
            count += 1
            heard = bench.send(reply)
        else:
            bench.turn(1.0)
            heard = bench.hear()
    return count


def test_a_busy_analyzer_is_asked_again_and_then_given_up() -> None:
    """NAK to every ENQ: bounded, the work is free, and nobody blames the cable."""
    bench = with_orders(1)
    assert refuse_the_line(bench, NAK) >= MOST_TRIES
    assert [row["state"] for row in bench.writer.steps()] == ["pending"]
    assert "too busy" in bench.writer.journal()[0]["reason"]


def test_an_analyzer_that_asks_and_is_gone_is_told_apart_from_a_lost_connection() -> None:
    """ENQ gets no reply at all; the connection stands."""
    bench = with_orders(1)
    bench.send(ENQ)
    bench.send(encode_frame(1, query("S0")))
    bench.send(EOT)
    bench.pass_time(60.0, step=1.0)
    assert "did not react" in bench.writer.journal()[0]["reason"]
    assert [row["state"] for row in bench.writer.steps()] == ["pending"]


def test_a_refused_frame_is_told_as_such() -> None:
    bench = with_orders(1)
    bench.send(ENQ)
    bench.send(encode_frame(1, query("S0")))
    heard = bench.send(EOT)
    assert ENQ in heard
    bench.send(ACK)
    for _ in range(10):
        bench.send(NAK)
    assert "refused a frame" in bench.writer.journal()[0]["reason"]


def test_work_of_two_answers_is_free_when_both_were_not_taken() -> None:
    """Asked twice for one tube and then gone: the first answer alone frees nothing, the last does."""
    bench = with_orders(1)
    bench.send(ENQ)
    for at in (1, 2):
        bench.send(encode_frame(at, query("S0")))
    assert [row["state"] for row in bench.writer.steps()] == ["claimed"]
    bench.end.loseConnection()
    bench.turn()
    assert [row["state"] for row in bench.writer.steps()] == ["pending"]
    assert [row["state"] for row in bench.writer.history()] == ["pending", "claimed", "pending"]


def test_a_query_for_results_claims_nothing_and_says_why() -> None:
    bench = with_orders(1)
    answer = bench.ask("Q|1|^S0||ALL||||||||F")
    assert [one[0] for one in answer] == ["H", "L"]
    assert [row["state"] for row in bench.writer.steps()] == ["pending"]
    assert "asks for results" in bench.writer.journal()[0]["reason"]


def test_a_query_for_more_tubes_than_any_analyzer_holds_is_not_looked_up() -> None:
    """Damaged or hostile: the writer is not held up, and the entry says how many it named."""
    bench = with_orders(1)
    asked = "\\".join(f"^S{at}" for at in range(MOST_NAMED + 1))
    text = f"H|\\^&|||DEMO\rQ|1|{asked}\rL|1|N\r".encode()
    bench.link.send_message(text, bench.clock.seconds())
    assert bench.run() == []
    assert f"names {MOST_NAMED + 1} tubes" in bench.writer.journal()[0]["reason"]


def test_a_range_is_claimed_from_the_store() -> None:
    bench = with_orders(5)
    assert named(bench.ask("Q|1|^S1|^S3|ALL||||||||O")) == ["S1", "S2", "S3"]
    states = {row["sample_id"]: row["state"] for row in bench.writer.steps()}
    assert [one for one, state in states.items() if state == "pending"] == ["S0", "S4"]


def test_a_test_that_cannot_be_written_does_not_take_the_others_with_it() -> None:
    """A letter that the line's encoding does not have: that tube is left out and free, the other is answered."""
    bench = AstmBench(by=claimer(GLU="GLU", ALB="µ€-ALB"))
    bench.writer.give_orders(request("S1", "ALB"), request("S2", "GLU"))
    assert named(bench.ask("Q|1|^S1\\^S2||ALL||||||||O")) == ["S2"]
    assert bench.states() == {"ALB": "pending", "GLU": "sent"}


def test_an_id_that_no_barcode_reader_writes_is_answered_like_any_other() -> None:
    """Nothing is claimed, the answer is negative, and the line goes on."""
    bench = with_orders(1)
    for odd in ("??????", "\x7f", "é€".encode("latin-1", "replace").decode("latin-1"), "S0 " * 9):
        assert [one[0] for one in bench.ask(f"Q|1|^{odd}||ALL||||||||O")] == ["H", "L"]
    assert [row["state"] for row in bench.writer.steps()] == ["pending"]
    assert named(bench.ask("Q|1|^  S0  ||ALL||||||||O")) == ["S0"]
