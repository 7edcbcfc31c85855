"""The faults found in existing receivers, each tried against a whole node over TCP with a plain analyzer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import (
    ACK,
    ENQ,
    EOT,
    NAK,
    PlainAnalyzer,
    frame,
    frames,
    result_records,
)
from tests.kit.plain_lis import Arrival, PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Bench:
    """One node with one line, one LIS, and an analyzer that counts its specimens."""

    def __init__(self, folder: Path) -> None:
        self.lis = PlainLis().start()
        self.port = free_port()
        self.node = NodeProcess(
            folder, [("line-0", "generic_astm", self.port)], self.lis.port
        ).start()
        self.count = 0

    def analyzer(self) -> PlainAnalyzer:
        analyzer = PlainAnalyzer(self.port)
        analyzer.connect()
        return analyzer

    def next_id(self) -> str:
        self.count += 1
        return f"FF{self.count:04d}"

    def delivered(self, sample_id: str) -> Arrival:
        assert self.lis.wait_for(lambda got: any(one.sample_id == sample_id for one in got))
        return next(one for one in self.lis.first_arrivals() if one.sample_id == sample_id)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("faults"))
    yield made
    made.node.stop()
    made.lis.stop()


def _expect(analyzer: PlainAnalyzer, sent: bytes, reply: bytes) -> None:
    analyzer.write(sent)
    assert analyzer.read_reply() == reply


def test_a_frame_split_over_two_reads_is_one_frame(bench: Bench) -> None:
    """TCP has no message boundaries; half a frame is not a bad frame."""
    sample_id = bench.next_id()
    analyzer = bench.analyzer()
    _expect(analyzer, ENQ, ACK)
    for one in frames(result_records(sample_id)):
        analyzer.write(one[: len(one) // 2])
        time.sleep(0.005)
        _expect(analyzer, one[len(one) // 2 :], ACK)
    analyzer.write(EOT)
    assert len(bench.delivered(sample_id).observations()) == 12


def test_enquiry_and_first_frame_in_one_read_are_both_answered(bench: Bench) -> None:
    """The frame behind ENQ must not vanish."""
    sample_id = bench.next_id()
    made = frames(result_records(sample_id, tests=2))
    analyzer = bench.analyzer()
    analyzer.write(ENQ + made[0])
    assert analyzer.read_reply() + analyzer.read_reply() == ACK + ACK
    for one in made[1:]:
        _expect(analyzer, one, ACK)
    analyzer.write(EOT)
    assert len(bench.delivered(sample_id).observations()) == 2


def test_frames_and_end_of_session_in_one_read_lose_nothing(bench: Bench) -> None:
    """A whole session in one write, and the next session behind it."""
    first, second = bench.next_id(), bench.next_id()
    analyzer = bench.analyzer()
    session = [
        ENQ + b"".join(frames(result_records(one, tests=3))) + EOT for one in (first, second)
    ]
    analyzer.write(b"".join(session))
    replies = b"".join(analyzer.read_reply() for _ in range(2 * (1 + 7)))
    assert replies == ACK * 16
    assert len(bench.delivered(first).observations()) == 3
    assert len(bench.delivered(second).observations()) == 3


def test_a_corrupted_intermediate_frame_is_refused_and_its_good_copy_counts(bench: Bench) -> None:
    """5.4 turned into 9.4 on the way, in a frame ended by ETB, must never be believed."""
    sample_id = bench.next_id()
    records = result_records(sample_id, tests=1)
    analyzer = bench.analyzer()
    _expect(analyzer, ENQ, ACK)
    made = [
        frame(n, record + b"\r", last=n == len(records))
        for n, record in enumerate(records, start=1)
    ]
    for one in made:
        if b"R|1|" in one:
            value = one.split(b"|")[3]
            _expect(analyzer, one.replace(value, b"9" + value[1:]), NAK)
        _expect(analyzer, one, ACK)
    analyzer.write(EOT)
    observation = bench.delivered(sample_id).observations()[0]
    assert observation[5].encode() == records[3].split(b"|")[3]


def test_a_retransmitted_frame_is_acknowledged_and_stored_once(bench: Bench) -> None:
    """The analyzer missed our ACK and sends the frame again."""
    sample_id = bench.next_id()
    analyzer = bench.analyzer()
    _expect(analyzer, ENQ, ACK)
    for one in frames(result_records(sample_id, tests=4)):
        _expect(analyzer, one, ACK)
        _expect(analyzer, one, ACK)
    analyzer.write(EOT)
    assert len(bench.delivered(sample_id).observations()) == 4


def test_a_latin_1_letter_in_a_name_does_not_break_the_checksum(bench: Bench) -> None:
    """The checksum is over bytes; the letter reaches the LIS as itself."""
    sample_id = bench.next_id()
    records = result_records(sample_id, tests=1)
    records[1] = "P|1||L-55012||Testfrau^Jördis".encode("latin-1")
    analyzer = bench.analyzer()
    analyzer.send(frames(records))
    assert "Jördis" in bench.delivered(sample_id).payload.decode("utf-8")


def test_a_constant_frame_number_is_refused_not_swallowed(bench: Bench) -> None:
    """Frames that all carry number 1 are no repetitions of the first: strict lines say NAK and lose nothing."""
    sample_id = bench.next_id()
    records = result_records(sample_id, tests=1)
    analyzer = bench.analyzer()
    _expect(analyzer, ENQ, ACK)
    _expect(analyzer, frame(1, records[0] + b"\r"), ACK)
    _expect(analyzer, frame(1, records[1] + b"\r"), NAK)
    _expect(analyzer, frame(2, records[1] + b"\r"), ACK)
    analyzer.write(EOT)


def test_an_enquiry_inside_a_session_starts_it_again(bench: Bench) -> None:
    """The analyzer was switched off and on: what it had sent is kept for a person, the new session counts."""
    sample_id = bench.next_id()
    made = frames(result_records(sample_id, tests=2))
    analyzer = bench.analyzer()
    _expect(analyzer, ENQ, ACK)
    for one in made[:4]:
        _expect(analyzer, one, ACK)
    _expect(analyzer, ENQ, ACK)
    for one in made:
        _expect(analyzer, one, ACK)
    analyzer.write(EOT)
    assert len(bench.delivered(sample_id).observations()) == 2
    kept = bench.node.listing("messages", "list", "--state", "incomplete")
    assert any(item["reason"] == "session_restarted" for item in kept)


def test_a_nul_before_the_enquiry_is_ignored(bench: Bench) -> None:
    """Seen on a real analyzer: NUL ENQ EOT NUL ENQ."""
    sample_id = bench.next_id()
    analyzer = bench.analyzer()
    analyzer.write(b"\x00" + ENQ)
    assert analyzer.read_reply() == ACK
    analyzer.write(EOT + b"\x00" + ENQ)
    assert analyzer.read_reply() == ACK
    for one in frames(result_records(sample_id, tests=1)):
        _expect(analyzer, one, ACK)
    analyzer.write(EOT)
    bench.delivered(sample_id)


def test_a_session_without_terminator_is_kept_for_a_person_and_not_processed(bench: Bench) -> None:
    """EOT came before L: nobody knows whether all results were there."""
    sample_id = bench.next_id()
    analyzer = bench.analyzer()
    _expect(analyzer, ENQ, ACK)
    for one in frames(result_records(sample_id, tests=2)[:-1]):
        _expect(analyzer, one, ACK)
    analyzer.write(EOT)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        kept = bench.node.listing("messages", "list", "--state", "incomplete")
        if any(item["reason"] == "terminator_missing" for item in kept):
            break
    assert any(item["reason"] == "terminator_missing" for item in kept)
    assert not any(one.sample_id == sample_id for one in bench.lis.arrivals)
