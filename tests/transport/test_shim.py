"""The shim joins bytes and a link: what it writes, when it reads, and its one timer."""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.protocols.policies import ProtocolWrapper

from middleware.transport.pair import PairEnd, connect_pair
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageReceived
from tests.kit.scripted_link import ScriptedLink


class Owner:
    """Remembers what the shim told it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.opened = 0
        self.closed: list[str] = []
        self.failures: list[Exception] = []

    def connection_opened(self, shim: Shim) -> None:
        self.opened += 1

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        self.events += events

    def connection_closed(self, shim: Shim, reason: str) -> None:
        self.closed.append(reason)

    def link_failed(self, shim: Shim, error: Exception) -> None:
        self.failures.append(error)


class Peer(Protocol):
    """The other end; keeps what arrives."""

    def __init__(self) -> None:
        self.data = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object = None) -> None:
        self.is_lost = True


class Bench:
    """A shim on a pair with a clock that moves when told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.link = ScriptedLink()
        self.owner = Owner()
        self.peer = Peer()
        self.shim = Shim(self.link, self.clock, self.owner, "pair")
        self.end: PairEnd
        self.end, self.theirs = connect_pair(self.clock, self.shim, self.peer)

    def receive(self, data: bytes) -> None:
        self.theirs.write(data)
        self.run()

    def run(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        for _ in range(4):
            self.clock.advance(0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


MESSAGE = MessageReceived(1, b"H|\r", b"wire")


def test_the_reply_of_the_link_is_written_after_each_read(bench: Bench) -> None:
    """An analyzer gets its ACK with the read that completed its frame."""
    bench.link.replies.append((b"\x06", []))
    bench.receive(b"\x05")
    assert bench.peer.data == b"\x06"
    assert (bench.shim.bytes_in, bench.shim.bytes_out) == (1, 1)


def test_nothing_is_read_while_a_commit_is_awaited(bench: Bench) -> None:
    """A recording joined into one write overflows nothing: it waits in the peer's kernel."""
    bench.link.is_awaiting_commit = True
    bench.link.replies.append((b"", [MESSAGE]))
    bench.receive(b"message")
    bench.receive(b"more")
    assert bench.end.is_paused
    assert bench.link.received == [b"message"]
    assert bench.peer.data == b""

    assert bench.shim.commit(1)
    bench.run()
    assert bench.peer.data == b"\x06"
    assert bench.link.received == [b"message", b"more"]


def test_a_refusal_is_sent_and_reading_goes_on(bench: Bench) -> None:
    """After a failed commit the analyzer hears NAK and may send again."""
    bench.link.is_awaiting_commit = True
    bench.link.replies.append((b"", [MESSAGE]))
    bench.receive(b"message")
    assert bench.shim.refuse(1)
    bench.run()
    assert bench.peer.data == b"\x15"
    assert not bench.end.is_paused


def test_the_deadline_of_the_link_fires_once_and_on_time(bench: Bench) -> None:
    """A protocol timer runs out when the standard says, neither earlier nor twice."""
    bench.link.deadline = 30.0
    bench.receive(b"x")
    bench.run(29.9)
    assert bench.link.deadlines == []
    bench.run(0.2)
    assert bench.link.deadlines == [pytest.approx(30.1)]
    assert bench.peer.data == b"\x04"
    bench.run(100)
    assert len(bench.link.deadlines) == 1


def test_a_later_deadline_makes_no_new_timer(bench: Bench) -> None:
    """Each frame moves the deadline; a timer for each of them would cost more than the frame."""
    for moment in range(100):
        bench.link.deadline = moment + 30.0
        bench.receive(b"x")
        bench.run(1.0)
    assert len(bench.clock.getDelayedCalls()) == 1
    bench.run(29.0)
    assert len(bench.link.deadlines) == 1


def test_an_earlier_deadline_moves_the_timer(bench: Bench) -> None:
    """From a 30 s wait to a 15 s wait: the shorter one counts."""
    bench.link.deadline = 30.0
    bench.receive(b"x")
    bench.link.deadline = 15.0
    bench.receive(b"y")
    bench.run(15.0)
    assert len(bench.link.deadlines) == 1


def test_a_lost_connection_ends_the_link_and_the_timer(bench: Bench) -> None:
    """The unfinished message is abandoned at once, and nothing fires later."""
    bench.link.deadline = 30.0
    bench.receive(b"x")
    bench.theirs.loseConnection()
    bench.run()
    assert bench.link.is_lost
    assert len(bench.owner.closed) == 1
    assert bench.clock.getDelayedCalls() == []


def test_an_abort_tells_the_owner_before_it_returns(bench: Bench) -> None:
    """A replaced connection is finished before the new one begins."""
    bench.shim.abort("replaced")
    assert bench.owner.closed == ["replaced"]
    assert bench.link.is_lost
    bench.run()
    assert bench.peer.is_lost
    assert bench.owner.closed == ["replaced"]


def test_a_commit_after_the_connection_is_gone_sends_nothing(bench: Bench) -> None:
    """The message is stored all the same; nobody is there to be told."""
    bench.shim.abort("gone")
    assert not bench.shim.commit(1)
    assert bench.link.committed == []


def test_a_link_that_raises_ends_its_own_connection_only(bench: Bench) -> None:
    """A fault in a driver is reported and the analyzer can connect again."""
    bench.link.fails = True
    bench.receive(b"x")
    assert [str(error) for error in bench.owner.failures] == ["the link is broken"]
    assert bench.owner.closed == ["the link failed: RuntimeError"]
    assert bench.peer.is_lost


def test_closing_sends_first_what_was_written(bench: Bench) -> None:
    """We close in good order: the last ACK is not cut off."""
    bench.link.replies.append((b"\x06", []))
    bench.theirs.write(b"x")
    bench.clock.advance(0)
    bench.shim.close("stopped")
    bench.run()
    assert bench.peer.data == b"\x06"
    assert bench.owner.closed == ["stopped"]


class Wrapped(ProtocolWrapper):
    """As Twisted's TLS: it answers for everything that the transport below it has."""

    def __init__(self, below: object) -> None:
        self.transport = below
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class BareSocket:
    """What lies below a TLS layer."""

    disconnecting = False

    def __init__(self) -> None:
        self.data = b""

    def writeSomeData(self, data: bytes) -> int:
        self.data += data
        return len(data)


def test_nothing_is_written_past_a_layer_that_encrypts() -> None:
    """A result under TLS never goes to the bare socket below."""
    link, below = ScriptedLink(), BareSocket()
    transport = Wrapped(below)
    shim = Shim(link, Clock(), Owner())
    shim.makeConnection(transport)
    link.replies.append((b"\x06", []))
    shim.dataReceived(b"x")
    assert transport.data == b"\x06"
    assert below.data == b""


class FullSocket(PairEnd):
    """A socket that takes a few bytes at a time, then tells its producer when it has run empty."""

    room = 2
    producer = None

    def writeSomeData(self, data: bytes) -> int:
        taken = min(len(data), self.room)
        self.room -= taken
        super().write(data[:taken])
        return taken

    def registerProducer(self, producer, streaming) -> None:
        self.producer = producer
        producer.resumeProducing()  # as Twisted does with a pull producer

    def unregisterProducer(self) -> None:
        self.producer = None


def test_reading_rests_while_the_peer_does_not_take_our_bytes() -> None:
    """A peer that sends and never reads cannot make us hoard replies."""
    clock, link, owner, peer = Clock(), ScriptedLink(), Owner(), Peer()
    shim = Shim(link, clock, owner)
    end, theirs = FullSocket(clock, shim), PairEnd(clock, peer)
    end.peer, theirs.peer = theirs, end
    end.is_open = theirs.is_open = True
    peer.makeConnection(theirs)
    shim.makeConnection(end)

    link.replies.extend([(b"abcde", []), (b"fg", [])])
    theirs.write(b"1")
    clock.advance(0)
    assert end.is_paused
    theirs.write(b"2")
    clock.advance(0)
    assert link.received == [b"1"]

    end.room = 100
    end.producer.resumeProducing()
    for _ in range(3):
        clock.advance(0)
    assert link.received == [b"1", b"2"]
    assert peer.data == b"abcdefg"
