"""A capture is played as the analyzer sent it: step by step, waiting for the host as the analyzer did."""

from __future__ import annotations

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from emulators.replay import Replay, Step, steps_of
from middleware.transport.pair import connect_pair
from middleware.transport.settings import TcpConnectSettings
from middleware.wire.capture import Moment, Way

ENQ, ACK, EOT = b"\x05", b"\x06", b"\x04"
MOMENTS = [
    Moment(0.0, Way.CONNECTION, b"opened 10.1.2.3"),
    Moment(1.0, Way.FROM_ANALYZER, ENQ),
    Moment(1.5, Way.TO_ANALYZER, ACK),
    Moment(2.0, Way.FROM_ANALYZER, b"\x021H|\r\x03E5\r\n"),
    Moment(2.1, Way.TO_ANALYZER, ACK),
    Moment(2.3, Way.FROM_ANALYZER, EOT),
    Moment(9.0, Way.CONNECTION, b"closed Connection was closed cleanly."),
]


class Host(Protocol):
    """Answers each read by one ACK, if it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.answers = True
        self.clock = Clock()

    def dataReceived(self, data: bytes) -> None:
        self.heard.append((self.clock.seconds(), data))
        if self.answers and data != EOT:
            self.transport.write(ACK)  # type: ignore[union-attr]


def _play(host: Host, *, speed: float = 1.0) -> Replay:
    clock = host.clock
    settings = TcpConnectSettings(type="tcp_connect", host="127.0.0.1", port=9)
    player = Replay(steps_of(MOMENTS), settings, clock, speed=speed, patience_s=5.0)
    connect_pair(clock, player.make_shim("pair"), host)
    for _ in range(400):
        clock.advance(0.1)
        clock.advance(0)
    return player


def test_a_capture_becomes_steps() -> None:
    """The pause before a step is the analyzer's own: since the host's answer, not since its last step."""
    assert [(one.answers, round(one.pause_s, 3), one.data) for one in steps_of(MOMENTS)] == [
        (0, 1.0, ENQ),
        (1, 0.5, MOMENTS[3].data),
        (1, 0.2, EOT),
        (0, 6.7, b""),
    ]
    assert steps_of([]) == []
    assert isinstance(steps_of(MOMENTS)[0], Step)


def test_the_analyzer_is_played_with_its_timing() -> None:
    """Each step after the answer that it waited for."""
    host = Host()
    player = _play(host)
    assert [data for _, data in host.heard] == [ENQ, MOMENTS[3].data, EOT]
    times = [at for at, _ in host.heard]
    assert 1.0 <= times[0] <= 1.3
    assert 0.5 <= times[1] - times[0] <= 0.8
    assert player.unanswered == 0
    assert player.finished.called


def test_a_host_that_does_not_answer_is_told() -> None:
    """That may be the very thing which somebody looks for."""
    host = Host()
    host.answers = False
    said: list[str] = []
    clock = host.clock
    settings = TcpConnectSettings(type="tcp_connect", host="127.0.0.1", port=9)
    player = Replay(steps_of(MOMENTS), settings, clock, speed=0.0, patience_s=5.0)
    player.say = said.append
    connect_pair(clock, player.make_shim("pair"), host)
    for _ in range(200):
        clock.advance(0.1)
    assert player.unanswered == 2
    assert "no answer within 5 s before step 2" in said
    assert [data for _, data in host.heard] == [ENQ, MOMENTS[3].data, EOT]
