"""A line from the analyzer's point of view: what is answered, when, and what is kept."""

from __future__ import annotations

import gc
import weakref

import pytest
from twisted.internet.defer import Deferred

from middleware.line.status import LineState
from middleware.observe.health import WarnableCode
from middleware.observe.metrics import REGISTRY
from middleware.transport.base import TransportState
from middleware.transport.pair import READ_BYTES
from middleware.wire.lis1.frame import encode_frame
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, NAK, TEXT, LineBench, PlainDriver

SESSION = ENQ + b"".join(FRAMES) + EOT


@pytest.fixture
def bench() -> LineBench:
    bench = LineBench()
    bench.line.start()
    bench.connect()
    return bench


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"line": "chem-1", **labels}) or 0.0


def test_the_last_frame_is_acknowledged_only_after_the_commit(bench: LineBench) -> None:
    """Promise 1: until the disk has it, the analyzer has it."""
    assert bench.send(ENQ, *FRAMES[:-1]) == ACK * 5
    assert bench.send(FRAMES[-1]) == b""
    assert bench.writer.journal() == []

    bench.writer.commit()
    bench.turn()
    assert bench.hear() == ACK
    (entry,) = bench.writer.journal()
    assert entry["text"] == TEXT
    assert entry["wire"] == ENQ + b"".join(FRAMES)
    assert (entry["line"], entry["driver"]) == ("chem-1", "plain")
    assert (entry["kind"], entry["state"]) == ("result", "received")


@pytest.mark.slow
def test_a_whole_session_joined_into_one_write_is_answered_in_order(bench: LineBench) -> None:
    """An analyzer that does not wait gets the same answers; nothing overflows."""
    bench.writer.is_automatic = True
    assert bench.send(SESSION * 20) == ACK * 6 * 20
    assert [entry["text"] for entry in bench.writer.journal()] == [TEXT] * 20


@pytest.mark.slow
def test_more_than_one_read_joined_waits_for_each_commit(bench: LineBench) -> None:
    """With commits that take their time nothing is dropped, and nothing is answered too early."""
    sessions = READ_BYTES * 2 // len(SESSION)
    bench.end.write(SESSION * sessions)
    for stored in range(sessions):
        bench.turn()
        assert len(bench.analyzer.heard) == 6 * stored + 5
        assert len(bench.writer.waiting) == 1
        bench.writer.commit()
    bench.turn()
    assert bench.hear() == ACK * 6 * sessions
    assert len(bench.writer.journal()) == sessions


def test_an_analyzer_that_sends_all_and_hangs_up_loses_nothing(bench: LineBench) -> None:
    """It waits for no answer; what it sent before it hung up is still looked at."""
    bench.end.write(SESSION * 3)
    bench.end.loseConnection()
    for _ in range(3):
        bench.turn()
        bench.writer.commit()
    bench.turn()
    assert [entry["text"] for entry in bench.writer.journal()] == [TEXT] * 3
    assert bench.line.state is LineState.LISTENING


def test_the_transport_rests_while_the_commit_is_awaited(bench: LineBench) -> None:
    """What is sent meanwhile stays with the peer."""
    bench.send(ENQ, *FRAMES)
    bench.send(EOT + ENQ)
    assert bench.listener.end is not None
    assert bench.listener.end.is_paused
    bench.writer.commit()
    bench.turn()
    assert bench.hear().endswith(ACK + ACK)
    assert not bench.listener.end.is_paused


def test_the_acknowledgement_is_marked_as_arrived_when_the_analyzer_goes_on(
    bench: LineBench,
) -> None:
    """DESIGN 8.6: EOT proves that our ACK was heard; it is written with the next commit."""
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES)
    assert bench.writer.journal()[0]["ack_confirmed"] is False
    bench.send(EOT)
    bench.pass_time(0.1, step=0.05)
    assert bench.writer.journal()[0]["ack_confirmed"] is True


def test_a_confirmation_rides_in_the_next_message_of_the_line(bench: LineBench) -> None:
    """It counts when the next message is judged, so it is there with it; and costs no commit."""
    bench.send(ENQ, *FRAMES)
    bench.writer.commit()
    bench.send(EOT, ENQ, *FRAMES)
    assert len(bench.writer.waiting) == 1
    bench.writer.commit()
    assert [entry["ack_confirmed"] for entry in bench.writer.journal()] == [True, False]
    assert bench.writer.submitted == 2


def test_an_acknowledgement_that_is_lost_is_never_called_arrived(bench: LineBench) -> None:
    """The connection broke after our ACK: the analyzer may not have heard it and may repeat."""
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES)
    bench.end.abortConnection()
    bench.turn()
    bench.connect()
    bench.send(ENQ, *FRAMES, EOT)
    bench.pass_time(0.1, step=0.05)
    assert [entry["ack_confirmed"] for entry in bench.writer.journal()] == [False, True]


def test_a_connection_that_died_before_its_acknowledgement_leaves_nothing_behind(
    bench: LineBench,
) -> None:
    """An analyzer that hangs up each time before our ACK must not fill the memory with old connections."""
    bench.send(ENQ, *FRAMES)
    assert bench.listener.end is not None
    gone = weakref.ref(bench.listener.end.protocol)
    bench.end.abortConnection()
    bench.turn()
    bench.writer.commit()
    bench.connect()
    gc.collect()
    assert gone() is None
    assert len(bench.writer.journal()) == 1


def test_a_failed_commit_is_tried_again_and_then_acknowledged(bench: LineBench) -> None:
    """A disk that is full for a moment is not even noticed by the analyzer."""
    assert bench.send(ENQ, *FRAMES) == ACK * 5
    bench.writer.fail_commit()
    bench.pass_time(3)
    assert bench.hear() == b""
    bench.writer.recover()
    bench.pass_time(0.6)
    bench.writer.commit()
    bench.turn()
    assert bench.hear() == ACK
    assert len(bench.writer.journal()) == 1


def test_a_store_that_stays_full_refuses_once_and_the_message_comes_again(
    bench: LineBench,
) -> None:
    """No ACK on a full disk; once there is space the analyzer's own repetition gets through."""
    before = metric("labwire_messages_rejected_total", reason="not_stored")
    assert bench.send(ENQ, *FRAMES) == ACK * 5
    bench.writer.fail_commit()
    bench.pass_time(7.4)
    assert bench.hear() == b""
    bench.pass_time(1)
    assert bench.hear() == NAK
    assert metric("labwire_messages_rejected_total", reason="not_stored") == before + 1
    assert bench.writer.journal() == []

    bench.writer.recover()
    bench.send(FRAMES[-1])
    bench.writer.commit()
    bench.turn()
    assert bench.hear() == ACK
    assert bench.send(EOT) == b""
    assert [entry["text"] for entry in bench.writer.journal()] == [TEXT]


def test_new_sessions_are_refused_while_the_store_cannot_be_written(bench: LineBench) -> None:
    """ENQ is answered NAK, so results wait in the analyzer; it ends by itself."""
    bench.writer._change(False)
    assert bench.send(ENQ) == NAK
    assert not bench.line.status().is_accepting
    bench.writer.recover()
    assert bench.send(ENQ) == ACK
    assert bench.line.status().is_accepting


def test_a_connection_made_while_the_store_is_full_is_refused_too(bench: LineBench) -> None:
    """A reconnecting analyzer meets the same answer."""
    bench.writer._change(False)
    bench.connect()
    assert bench.send(ENQ) == NAK


def test_the_node_can_refuse_sessions_when_the_disk_is_nearly_full(bench: LineBench) -> None:
    """DESIGN 5.4: results wait in the analyzers rather than vanish."""
    bench.line.set_accepting(False)
    assert bench.send(ENQ) == NAK
    bench.line.set_accepting(True)
    assert bench.send(ENQ) == ACK


def test_a_commit_that_hangs_is_refused_before_the_analyzer_gives_up(bench: LineBench) -> None:
    """The link answers by itself; the stored message stays stored and a late ACK is not sent."""
    bench.send(ENQ, *FRAMES)
    bench.hear()
    bench.pass_time(14.5)
    assert bench.hear() == NAK
    bench.writer.commit()
    bench.turn()
    assert bench.hear() == b""
    assert len(bench.writer.journal()) == 1


def test_a_session_that_ends_without_its_last_record_is_kept_for_a_person(
    bench: LineBench,
) -> None:
    """Its frames were acknowledged, so they may not vanish; but nothing is made of them."""
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES[:-1], EOT)
    (entry,) = bench.writer.journal()
    assert entry["text"] == TEXT[: -len(b"L|1|N\r")]
    assert (entry["state"], entry["reason"]) == ("incomplete", "terminator_missing")


def test_a_cable_pulled_in_mid_message_leaves_what_came(bench: LineBench) -> None:
    """Unplugged after three frames: kept as incomplete."""
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES[:3])
    bench.end.abortConnection()
    bench.turn()
    (entry,) = bench.writer.journal()
    assert (entry["state"], entry["reason"]) == ("incomplete", "connection_lost")
    assert bench.line.state is LineState.LISTENING


def test_an_incomplete_message_waits_for_the_store(bench: LineBench) -> None:
    """It cannot be asked for again, so it is tried until it is kept."""
    bench.send(ENQ, *FRAMES[:3], EOT)
    bench.writer.fail_commit()
    bench.pass_time(30, step=0.5)
    bench.writer.recover()
    bench.pass_time(1.5, step=0.5)
    bench.writer.commit()
    assert [entry["state"] for entry in bench.writer.journal()] == ["incomplete"]


def test_a_host_query_is_kept_and_marked_as_not_answered(bench: LineBench) -> None:
    """Orders are not there yet: the query is acknowledged, stored, and shown as such."""
    bench.writer.is_automatic = True
    texts = (b"H|\\^&\r", b"Q|1|^S-1||ALL\r", b"L|1|N\r")
    frames = [encode_frame(at + 1, text) for at, text in enumerate(texts)]
    assert bench.send(ENQ, *frames, EOT) == ACK * 4
    (entry,) = bench.writer.journal()
    assert (entry["kind"], entry["state"]) == ("query", "not_answered")


def test_a_line_is_connected_only_when_the_analyzer_has_spoken(bench: LineBench) -> None:
    """A socket proves nothing; a session does (promise 4)."""
    assert bench.line.state is LineState.OPEN
    bench.send(ENQ)
    assert bench.line.state is LineState.CONNECTED
    bench.end.loseConnection()
    bench.turn()
    assert bench.line.state is LineState.LISTENING
    bench.connect()
    assert bench.line.state is LineState.OPEN


def test_a_line_without_its_analyzer_is_shown_after_a_while(bench: LineBench) -> None:
    """The technician is told when it lasts, not at each reconnect."""
    assert not bench.health.is_raised(WarnableCode.LINE_DOWN, "chem-1")
    bench.end.loseConnection()
    bench.turn()
    assert bench.health.is_raised(WarnableCode.LINE_DOWN, "chem-1")
    assert bench.health.current() == []
    bench.turn(61)
    assert [warning.subject for warning in bench.health.current()] == ["chem-1"]
    bench.connect()
    assert bench.health.current() == []


def test_the_status_says_what_happened_on_the_wire(bench: LineBench) -> None:
    """Frames, bytes, messages, and the last trouble in words."""
    bench.writer.is_automatic = True
    bad = FRAMES[1].replace(b"P|1", b"P|2")
    bench.send(ENQ, FRAMES[0], bad, *FRAMES[1:], EOT)
    status = bench.line.status()
    assert status.messages == 1
    assert status.frames["received ok"] == 5
    assert status.frames["received bad_checksum"] == 1
    assert "frame received" in status.last_error
    assert status.bytes_in == 2 + len(b"".join(FRAMES)) + len(bad)
    assert status.bytes_out == 7
    assert status.peer == "pair"
    assert status.last_message_at is not None


def test_the_time_from_last_byte_to_acknowledgement_is_measured(bench: LineBench) -> None:
    """The metric that a laboratory watches: 2 s of commit are 2 s, not more and not less."""
    count = metric("labwire_line_ack_seconds_count")
    total = metric("labwire_line_ack_seconds_sum")
    bench.send(ENQ, *FRAMES)
    bench.turn(2.0)
    bench.writer.commit()
    assert metric("labwire_line_ack_seconds_count") == count + 1
    assert metric("labwire_line_ack_seconds_sum") - total == pytest.approx(2.0)


def test_a_stopping_line_lets_the_running_session_finish(bench: LineBench) -> None:
    """A restart in the middle of a message costs no repetition."""
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES[:2])
    stopping = Deferred.fromCoroutine(bench.line.stop())
    bench.turn()
    assert not stopping.called
    bench.send(*FRAMES[2:], EOT)
    assert stopping.called
    assert len(bench.writer.journal()) == 1
    assert bench.analyzer.is_lost
    assert bench.line.state is LineState.STOPPED


def test_a_stopping_line_does_not_wait_for_ever(bench: LineBench) -> None:
    """An analyzer that says nothing more cannot keep the node from stopping."""
    bench.writer.is_automatic = True
    bench.send(ENQ, *FRAMES[:2])
    stopping = Deferred.fromCoroutine(bench.line.stop())
    bench.pass_time(4)
    assert stopping.called
    assert [entry["state"] for entry in bench.writer.journal()] == ["incomplete"]


def test_a_second_connection_leaves_nothing_of_the_first(bench: LineBench) -> None:
    """The commit of the old connection's message answers nobody; the new one starts neutral."""
    bench.send(ENQ, *FRAMES)
    bench.connect()
    bench.writer.commit()
    bench.turn()
    assert bench.hear() == b""
    assert bench.send(ENQ) == ACK
    assert len(bench.writer.journal()) == 1


class BrokenDriver(PlainDriver):
    """Its link fails with the first bytes."""

    def make_link(self, options, context=None):
        link = super().make_link(options)
        link.receive_bytes = self._break
        return link

    def _break(self, data: bytes, now: float) -> list:
        raise ValueError("text of a patient")


def test_a_broken_driver_is_reported_without_the_text_that_broke_it() -> None:
    """A person learns which line failed; the log learns nothing of a patient."""
    bench = LineBench(driver=BrokenDriver())
    bench.line.start()
    bench.connect()
    bench.send(ENQ)
    assert bench.analyzer.is_lost
    assert bench.health.is_raised(WarnableCode.LINE_DRIVER_FAULT, "chem-1")
    assert "ValueError" in bench.line.status().last_error
    assert "patient" not in bench.line.status().last_error


def test_a_line_whose_analyzer_connects_only_to_send_is_not_down_between_messages() -> None:
    """Its `connection` is `when_sending`: nobody is alarmed by an analyzer that has nothing to say."""
    transport = {"type": "tcp_listen", "port": 0, "connection": "when_sending"}
    bench = LineBench(transport=transport)
    bench.line.start()
    bench.connect()
    bench.end.loseConnection()
    bench.turn()
    bench.turn(120)
    assert bench.line.state is LineState.LISTENING
    assert not bench.health.is_raised(WarnableCode.LINE_DOWN, "chem-1")


def test_the_reason_for_being_down_is_the_present_one() -> None:
    """A port that was pulled out, and is then held by another program: what to do has changed."""
    bench = LineBench()
    bench.line.start()
    bench.line.transport_changed(TransportState.WAITING, "the port is gone: unplugged?")
    bench.line.transport_changed(TransportState.WAITING, "the port is in use by another program")
    bench.pass_time(300.0, 10.0)  # a line that is down is told when it lasts
    (warning,) = [one for one in bench.health.current() if one.code is WarnableCode.LINE_DOWN]
    assert "in use by another program" in warning.text
    assert bench.line.status().detail == "the port is in use by another program"
