"""A relay changes nothing for either side: bytes pass at once and unchanged, and a shadow keeps what it heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.pair import PairListener
from middleware.wire.mllp import MllpLink, encode_block
from middleware.wire.passage import MOST_HELD_BYTES, OVERRUN, PassageLink
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, NAK, TEXT, Analyzer, LineBench, PlainDriver
from tests.kit.scripted_link import ScriptedLink

DIALLED = {"type": "tcp_connect", "host": "127.0.0.1", "port": 9}
LISTENING = {"type": "tcp_listen", "port": 0}
SERIAL = {"type": "serial", "port": "/dev/null-modem"}
RESULT = b"MSH|^~\\&|CHEM||||20310304093000||ORU^R01|A-1|P|2.5.1\rOBX|1|NM|GLU||5.4\r"
ORDER = b"MSH|^~\\&|HOST||||20310304093000||OML^O33|H-1|P|2.5.1\rORC|NW\r"


class RelayBench(LineBench):
    """A line between an analyzer and a host, both in the test's hands."""

    def __init__(self, relay: dict[str, Any] = DIALLED, driver: Any = None) -> None:
        self.hosts: list[PairListener] = []
        self.host = Analyzer()  # it keeps what arrives; nothing of an analyzer in it
        super().__init__(driver, relay=relay)
        self.line.start()

    def _make_transport(self, settings: Any, reactor: Any, owner: Any, random: Any) -> PairListener:
        made = PairListener(self.clock, owner)
        if owner is getattr(self, "line", None) or not hasattr(self, "listener"):
            self.listener = made
        else:
            self.hosts.append(made)
        return made

    def host_answers(self) -> None:
        """The dialled host is there (or: it connects)."""
        self.host = Analyzer()
        self.host_end = self.hosts[-1].connect(self.host, "the host")
        self.turn()

    def host_says(self, data: bytes) -> bytes:
        self.host_end.write(data)
        self.turn()
        return self.hear()


class BlockDriver(PlainDriver):
    """An analyzer that speaks MLLP."""

    def make_link(  # type: ignore[override]
        self, _options: Mapping[str, object], _context: LinkContext = NO_CONTEXT
    ) -> MllpLink:
        return MllpLink()


@pytest.fixture
def bench() -> RelayBench:
    bench = RelayBench()
    bench.connect()
    bench.host_answers()
    return bench


def test_bytes_pass_both_ways_unchanged_whatever_they_are(bench: RelayBench) -> None:
    """Also what no protocol allows: it is not ours to judge."""
    odd = bytes(range(256))
    assert bench.send(odd) == b""
    assert bench.host.heard == odd
    assert bench.host_says(odd[::-1]) == odd[::-1]
    assert bench.line.status().detail == "relaying between pair and the host"


def test_a_session_is_answered_by_the_host_and_kept_by_the_shadow(bench: RelayBench) -> None:
    """The analyzer hears only its host; the message is in the journal all the same."""
    for one in (ENQ, *FRAMES):
        assert bench.send(one) == b""  # nothing of ours is ever heard
        assert bench.host_says(ACK) == ACK
    bench.send(EOT)
    assert bench.host.heard == ENQ + b"".join(FRAMES) + EOT
    bench.writer.commit()
    bench.turn()
    (entry,) = bench.writer.journal()
    assert entry["text"] == TEXT
    assert bench.hear() == b""


def test_a_store_that_cannot_be_written_stops_no_byte(bench: RelayBench) -> None:
    """The analyzer and its host must not suffer for our disk."""
    bench.writer.fail_commit()
    for one in (ENQ, *FRAMES, EOT, ENQ, *FRAMES, EOT):
        bench.send(one)
        bench.pass_time(5.0, 0.5)
        bench.host_says(ACK)
    assert bench.host.heard == (ENQ + b"".join(FRAMES) + EOT) * 2


def test_a_frame_that_the_host_refuses_is_heard_once(bench: RelayBench) -> None:
    """The host answers NAK for reasons of its own: the repetition is no second result."""
    bench.send(ENQ, FRAMES[0])
    bench.host_says(NAK)
    bench.send(FRAMES[0], *FRAMES[1:], EOT)
    bench.writer.commit()
    bench.turn()
    (entry,) = bench.writer.journal()
    assert entry["text"] == TEXT


def test_what_the_host_sends_is_no_message_of_the_analyzer(bench: RelayBench) -> None:
    """Orders of the present host pass; the analyzer's ACKs to them disturb no shadow."""
    bench.host_says(ENQ)
    bench.send(ACK)
    for one in FRAMES:
        bench.host_says(one)
        bench.send(ACK)
    bench.host_says(EOT)
    bench.send(ENQ, *FRAMES, EOT)
    bench.writer.commit()
    bench.turn()
    assert len(bench.writer.journal()) == 1


def test_what_comes_before_the_host_is_there_waits_for_it() -> None:
    """An analyzer that speaks at once loses nothing."""
    bench = RelayBench()
    bench.connect()
    bench.send(ENQ)
    bench.host_answers()
    assert bench.host.heard == ENQ


def test_an_analyzer_without_a_host_is_let_go() -> None:
    """It sees what it would see without us, before its own patience is over."""
    bench = RelayBench()
    bench.connect()
    bench.pass_time(5.5)
    assert bench.analyzer.is_lost
    assert "the host was not there within 5 s" in bench.line.status().last_error


def test_a_host_that_does_not_answer_the_dial_is_told() -> None:
    """The words say which side is missing."""
    bench = RelayBench()
    bench.connect()
    relay = bench.hosts[-1]._owner  # what the dialler of a real relay tells
    relay.connection_seen(ConnectionOutcome.DIAL_FAILED, "the host")
    relay.transport_changed(TransportState.WAITING, "127.0.0.1:9 does not answer")
    bench.turn()
    assert bench.analyzer.is_lost
    assert "the host is not there: 127.0.0.1:9 does not answer" in bench.line.status().last_error


@pytest.mark.parametrize("side", ["analyzer", "host"])
def test_when_one_side_ends_the_other_is_ended(bench: RelayBench, side: str) -> None:
    """Neither talks to nobody."""
    (bench.end if side == "analyzer" else bench.host_end).loseConnection()
    bench.turn()
    assert (bench.host if side == "analyzer" else bench.analyzer).is_lost


def test_the_analyzer_comes_back_and_is_joined_anew(bench: RelayBench) -> None:
    """A late end of the old host's connection does not touch the new one."""
    bench.end.loseConnection()
    bench.turn()
    bench.connect()
    bench.host_answers()
    assert bench.send(b"again") == b""
    assert bench.host.heard == b"again"
    assert not bench.analyzer.is_lost


@pytest.mark.parametrize("relay", [LISTENING, SERIAL], ids=["tcp_listen", "serial"])
def test_a_host_that_is_there_by_itself_is_joined_too(relay: dict[str, Any]) -> None:
    """Where the analyzer is the one who listens its host dials; and a serial host's port is always open."""
    bench = RelayBench(relay)
    bench.host_answers()
    bench.connect()
    bench.send(ENQ)
    assert bench.host.heard == ENQ
    bench.end.loseConnection()
    bench.turn()
    assert bench.host.is_lost


def test_a_side_that_takes_no_bytes_makes_the_other_wait(bench: RelayBench) -> None:
    """Memory stays bounded: the bytes stay with whoever sends them."""
    host_shim = bench.line._relay._host.shim  # type: ignore[union-attr]
    assert host_shim is not None
    host_shim._is_blocked = True
    bench.send(b"one")
    assert bench.listener.end is not None
    assert bench.listener.end.is_paused
    host_shim._drained()
    bench.turn()
    assert not bench.listener.end.is_paused


def test_a_shadow_that_fails_is_left_behind(bench: RelayBench) -> None:
    """A driver's fault is no reason to stop an analyzer."""

    class Broken(ScriptedLink):
        def receive_bytes(self, data: bytes, now: float) -> list[Any]:
            raise ZeroDivisionError

    passed: list[bytes] = []
    link = PassageLink(passed.append, Broken())
    link.connection_made(0.0)
    assert link.receive_bytes(b"a", 0.0) == []
    assert link.receive_bytes(b"b", 0.0) == []
    assert passed == [b"a", b"b"]
    assert link.counts()["received", "shadow_failed"] == 1


def test_a_shadow_that_cannot_keep_up_begins_anew() -> None:
    """What it may lag behind is bounded."""

    busy = ScriptedLink()
    busy.is_awaiting_commit = True
    link = PassageLink(lambda _: None, busy)
    piece = bytes(1024 * 1024)
    for _ in range(MOST_HELD_BYTES // len(piece) + 2):
        link.receive_bytes(piece, 0.0)
    assert link.counts()[OVERRUN] == 1


def test_what_an_analyzer_said_before_it_left_reaches_a_slow_host(bench: RelayBench) -> None:
    """It hangs up while its host still reads: the host's connection ends after the last byte, not before."""
    bench.host_end.pauseProducing()
    bench.send(b"all I have")
    bench.end.loseConnection()
    bench.pass_time(30.0)
    assert not bench.host.is_lost
    bench.host_end.resumeProducing()
    bench.turn()
    assert bench.host.heard == b"all I have"
    assert bench.host.is_lost


def test_what_an_analyzer_said_before_the_host_was_there_reaches_it_though_it_left() -> None:
    """It connects, says all it has and hangs up: without us its host would have heard that."""
    bench = RelayBench()
    bench.connect()
    bench.send(b"all I have")
    bench.end.loseConnection()
    bench.turn()
    bench.host_answers()
    assert bench.host.heard == b"all I have"
    assert bench.host.is_lost


def test_a_host_that_was_left_says_nothing_to_the_next_connection(bench: RelayBench) -> None:
    """The analyzer came back meanwhile: late bytes and the late end of the old host are not its own."""
    side = bench.line._relay._host  # type: ignore[union-attr]
    assert side is not None
    bench.end.loseConnection()
    bench.clock.advance(0)
    bench.connect()
    bench.host_answers()
    side._heard(b"late")
    side.transport_changed(TransportState.WAITING, "the old host is gone")
    bench.turn()
    assert bench.hear() == b""
    assert bench.send(b"mine") == b""
    assert bench.host.heard == b"mine"
    assert not bench.analyzer.is_lost


def test_an_analyzer_that_its_host_answers_makes_no_storm(bench: RelayBench) -> None:
    """One connection for each message is a habit, also where the answer is not ours."""
    shim = bench.line._shim
    assert shim is not None and not shim.has_served
    bench.send(ENQ)
    bench.host_says(ACK)
    assert shim.has_served


def test_blocks_are_answered_by_the_host_and_kept_by_the_shadow() -> None:
    """HL7 both ways: the analyzer's result and the host's order, each with the other side's answer."""
    bench = RelayBench(driver=BlockDriver())
    bench.connect()
    bench.host_answers()
    assert bench.send(encode_block(RESULT)) == b""  # nothing of ours, before the commit or after
    bench.writer.commit()
    bench.turn()
    assert bench.hear() == b""
    answer = encode_block(b"MSH|^~\\&|HOST||||||ACK|H-0|P|2.5.1\rMSA|AA|A-1\r")
    assert bench.host_says(answer) == answer
    assert bench.host_says(encode_block(ORDER)) == encode_block(ORDER)
    taken = encode_block(b"MSH|^~\\&|CHEM||||||ORL^O34|A-2|P|2.5.1\rMSA|AA|H-1\r")
    bench.send(taken)
    assert bench.host.heard == encode_block(RESULT) + taken
    (entry,) = bench.writer.journal()  # the answer to the host's order is no message
    assert entry["text"] == RESULT
