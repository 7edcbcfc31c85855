"""Another analyzer on the line's cable: refused with an alarm, and what it sent is kept for evidence."""

from __future__ import annotations

import pytest

from middleware.driver.api import AnalyzerIdentity
from middleware.line.identity import MOST_KEPT_AN_HOUR, IdentityGate
from middleware.line.status import LineState
from middleware.observe.health import Health, WarnableCode
from middleware.observe.metrics import REGISTRY
from middleware.wire.lis1.frame import encode_frame
from tests.kit.fake_clock import FakeClock
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, NAK, RECORDS, LineBench, PlainDriver


class KnowingDriver(PlainDriver):
    """Expects the analyzer DEMO and reads a serial number after it."""

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        name, _, serial = text.split(b"|")[4].decode(encoding).partition("^")
        wrong = name not in ("", "DEMO")
        return AnalyzerIdentity(
            name, serial, complaint=f"wrong analyzer: {name!r}, not 'DEMO'" if wrong else ""
        )


class CarelessDriver(PlainDriver):
    """Breaks its promise never to raise."""

    def identify(self, text: bytes, encoding: str = "latin-1") -> AnalyzerIdentity:
        raise ValueError("text of a patient")


def frames_of(name: bytes, number: int = 1) -> list[bytes]:
    header = RECORDS[0].replace(b"DEMO^1", name)
    texts = [header, b"P|%d\r" % number, *RECORDS[2:]]
    return [encode_frame((at + 1) % 8, text) for at, text in enumerate(texts)]


def started(driver: PlainDriver | None = None, **settings: object) -> LineBench:
    bench = LineBench(driver=driver or KnowingDriver(), **settings)
    bench.line.start()
    bench.connect()
    bench.writer.is_automatic = True
    return bench


def is_raised(bench: LineBench) -> bool:
    return bench.health.is_raised(WarnableCode.WRONG_ANALYZER, "chem-1")


def test_another_analyzers_message_is_refused_and_kept_as_refused() -> None:
    """The other analyzer keeps its results, a person hears of it, and the bytes are found again."""
    bench = started()
    assert bench.send(ENQ, *frames_of(b"DxH^9")) == ACK * 5 + NAK
    (entry,) = bench.writer.journal()
    assert (entry["state"], entry["ack_confirmed"]) == ("refused", False)
    assert "'DxH'" in entry["reason"]
    (warning,) = bench.health.current()
    assert warning.code is WarnableCode.WRONG_ANALYZER
    assert "'DxH'" in warning.text
    assert bench.line.messages == 0


def test_the_alarm_ends_when_the_right_analyzer_speaks() -> None:
    """Nobody has to tell us that the cable was put right."""
    bench = started()
    bench.send(ENQ, *frames_of(b"DxH^9"), EOT)
    assert bench.send(ENQ, *FRAMES) == ACK * 6
    assert not is_raised(bench)
    assert [entry["state"] for entry in bench.writer.journal()][-1] == "received"


def test_a_line_on_which_another_analyzer_speaks_is_not_called_connected() -> None:
    """It speaks the protocol, and proves nothing; the right one does, with its first message."""
    bench = started()
    bench.send(ENQ, *frames_of(b"DxH^9"), EOT)
    assert bench.line.state is LineState.OPEN
    assert "'DxH'" in bench.line.status().last_error
    bench.send(ENQ)
    assert bench.line.state is LineState.OPEN
    bench.send(*FRAMES)
    assert bench.line.state is LineState.CONNECTED


def test_a_refused_message_that_comes_again_and_again_is_kept_once() -> None:
    """Six tries, the session given up, and all of it over and over: one entry, one line of log, all counted."""
    bench = started()
    name = {"line": "chem-1", "reason": "wrong_analyzer"}
    before = REGISTRY.get_sample_value("labwire_messages_rejected_total", name) or 0.0
    frames = frames_of(b"DxH^9")
    for _ in range(3):
        assert bench.send(ENQ, *frames, *[frames[-1]] * 5, EOT) == ACK * 5 + NAK * 6
    assert [entry["state"] for entry in bench.writer.journal()] == ["refused"]
    after = REGISTRY.get_sample_value("labwire_messages_rejected_total", name)
    assert after == before + 18


def test_a_message_that_does_not_say_whose_it_is_goes_on() -> None:
    """Refusing what cannot be told would stop analyzers that send an empty header."""
    bench = started()
    assert bench.send(ENQ, *frames_of(b"")) == ACK * 6
    assert not is_raised(bench)


def test_an_analyzer_with_another_serial_number_is_refused() -> None:
    """Two analyzers of one model are mixed up as easily as two models."""
    bench = started(serial_number="sn-1")
    assert bench.send(ENQ, *frames_of(b"DEMO^SN-1"), EOT) == ACK * 6
    assert bench.send(ENQ, *frames_of(b"DEMO^SN-2")) == ACK * 5 + NAK
    assert is_raised(bench)
    assert "'SN-2'" in bench.writer.journal()[-1]["reason"]


def test_a_refused_message_is_refused_even_when_it_cannot_be_kept() -> None:
    """A full disk is no reason to take another analyzer's results."""
    bench = started()
    bench.writer.is_automatic = False
    bench.send(ENQ, *frames_of(b"DxH^9"))
    bench.writer.fail_commit()
    bench.pass_time(9)
    assert bench.hear().endswith(NAK)


def test_a_driver_that_fails_to_identify_stops_no_message() -> None:
    """The line goes on; the broken promise is counted."""
    bench = started(driver=CarelessDriver())
    assert bench.send(ENQ, *FRAMES) == ACK * 6
    assert [entry["state"] for entry in bench.writer.journal()] == ["received"]


@pytest.fixture
def gate(clock: FakeClock) -> IdentityGate:
    return IdentityGate("chem-1", "", Health(clock))


def test_what_is_kept_for_evidence_is_bounded(gate: IdentityGate) -> None:
    """An analyzer that writes its message anew each time does not fill the disk."""
    kept = [gate.should_keep(b"H|%d" % number, number) for number in range(1000)]
    assert kept.count(True) == MOST_KEPT_AN_HOUR
    assert gate.should_keep(b"H|later", 3700.0)


def test_the_beginning_of_a_kept_message_is_not_kept_again(gate: IdentityGate) -> None:
    """After six refusals the analyzer ends the session: what came is the part that stands in the journal already."""
    assert gate.should_keep(b"H|\\^&\rP|1\rL|1|N\r", 1.0)
    assert not gate.should_keep(b"H|\\^&\rP|1\r", 2.0)
