"""The emulated LIS over real sockets: each conduct as its sender sees it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from emulators.lis import Change, Conduct, EmulatedLis, parse_conduct, parse_plan, read_arrival
from emulators.oracle import Book, read_arrivals
from middleware.clock import SystemClock
from middleware.transport.base import Address
from tests.kit.small_reactor import SmallReactor

MESSAGE = (
    b"MSH|^~\\&|LABWIRE|LAB|LIS|H|20310304093000+0000||ORU^R01^ORU_R01|%s|P|2.5.1\r"
    b"OBR|1|S-1|S-1|GLU^Glucose^99LAB\r"
    b"OBX|1|NM|GLU^Glucose^99LAB|1|5.4|mmol/L|||||F\r"
    b"OBX|2|NM|K^Potassium^99LAB|1|4.1|mmol/L|||||F\r"
    b"SPM|1|S-1\r"
)


class Sender:
    """A blocking MLLP sender; the LIS's reactor turns while it waits."""

    def __init__(self, small: SmallReactor, lis: EmulatedLis) -> None:
        self._small = small
        self._socket = socket.create_connection(("127.0.0.1", lis.address.port), timeout=2)
        self._socket.setblocking(False)
        self.data = b""

    def send(self, control_id: bytes) -> None:
        self._socket.sendall(b"\x0b" + MESSAGE % control_id + b"\x1c\r")

    def hear(self) -> bytes:
        """The next reply; b"" when the connection is closed."""
        self.data = b""
        self._small.until(self._has_reply)
        return self.data

    def close(self) -> None:
        self._socket.close()

    def _has_reply(self) -> bool:
        try:
            got = self._socket.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        self.data += got
        return not got or self.data.endswith(b"\x1c\r")


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Book(tmp_path / "arrivals") as book:
        yield book


@pytest.fixture
def lis(small: SmallReactor, book: Book) -> Iterator[EmulatedLis]:
    lis = EmulatedLis(Address("127.0.0.1", 0), small.reactor, SystemClock(), book)
    lis.start()
    yield lis
    small.finish(Deferred.fromCoroutine(lis.stop()))


@pytest.mark.slow
def test_an_accepting_lis_answers_and_remembers(
    small: SmallReactor, lis: EmulatedLis, tmp_path: Path
) -> None:
    """AA for the control id that was sent; values by test code in its book."""
    sender = Sender(small, lis)
    sender.send(b"LW-1")
    assert b"\rMSA|AA|LW-1" in sender.hear()
    (arrival,) = read_arrivals(tmp_path / "arrivals")
    assert (arrival.control_id, arrival.sample_id) == ("LW-1", "S-1")
    assert arrival.values == {"GLU": "5.4", "K": "4.1"}
    sender.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conduct", "answer", "error"),
    [("refuse", b"AE", b"103"), ("reject", b"AR", b"103"), ("busy", b"AE", b"207")],
)
def test_a_refusing_lis_says_why(
    small: SmallReactor, lis: EmulatedLis, conduct: str, answer: bytes, error: bytes
) -> None:
    """Refused, rejected, or come again later: three different answers."""
    lis.conduct(parse_conduct(conduct))
    sender = Sender(small, lis)
    sender.send(b"LW-1")
    reply = sender.hear()
    assert b"\rMSA|" + answer + b"|LW-1|refused" in reply
    assert b"|" + error + b"^" in reply
    assert (lis.accepted, lis.refused) == (0, 1)
    sender.close()


@pytest.mark.slow
def test_every_second_message_can_be_refused(small: SmallReactor, lis: EmulatedLis) -> None:
    """Bad ones among good ones."""
    lis.conduct(Change(0, Conduct.REFUSE, every=2))
    sender = Sender(small, lis)
    answers = []
    for number in range(4):
        sender.send(b"LW-%d" % number)
        answers.append(b"MSA|AA" in sender.hear())
    assert answers == [True, False, True, False]
    sender.close()


@pytest.mark.slow
def test_a_late_lis_answers_in_the_end(small: SmallReactor, lis: EmulatedLis) -> None:
    """Slow, not dead."""
    lis.conduct(Change(0, Conduct.LATE, seconds=0.05))
    sender = Sender(small, lis)
    before = small.reactor.seconds()
    sender.send(b"LW-1")
    assert b"MSA|AA" in sender.hear()
    assert small.reactor.seconds() - before >= 0.05
    sender.close()


@pytest.mark.slow
def test_a_mute_lis_takes_and_says_nothing(small: SmallReactor, lis: EmulatedLis) -> None:
    """The sender waits in vain."""
    lis.conduct(Change(0, Conduct.MUTE))
    sender = Sender(small, lis)
    sender.send(b"LW-1")
    small.until(lambda: lis.unanswered)
    small.turn(20)
    assert not sender._has_reply()
    sender.close()


@pytest.mark.slow
def test_a_lis_goes_away_and_comes_back_on_its_port(small: SmallReactor, lis: EmulatedLis) -> None:
    """Connections are closed, nobody listens, then all is as before."""
    sender = Sender(small, lis)
    sender.send(b"LW-1")
    sender.hear()
    lis.conduct(Change(0, Conduct.AWAY))
    assert sender.hear() == b""
    with pytest.raises(ConnectionRefusedError):
        Sender(small, lis)
    lis.conduct(Change(0, Conduct.ACCEPT))
    again = Sender(small, lis)
    again.send(b"LW-1")
    assert b"MSA|AA" in again.hear()
    again.close()
    sender.close()


def test_conducts_are_typed_as_people_say_them() -> None:
    """On the command line."""
    assert parse_conduct("late 2") == Change(0, Conduct.LATE, seconds=2)
    assert parse_conduct("refuse /10") == Change(0, Conduct.REFUSE, every=10)
    assert [change.at_s for change in parse_plan("5:away, 15:accept,20:late 0.5 /2")] == [5, 15, 20]


@pytest.mark.parametrize("wrong", ["dance", "late x", "refuse /0", "late -1"])
def test_a_conduct_that_is_none_is_refused(wrong: str) -> None:
    """A ValueError for the command line to show."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_conduct(wrong)


def test_what_is_no_hl7_is_remembered_as_nothing() -> None:
    """Noise owes nobody anything."""
    assert read_arrival(b"hello") == {"control_id": "", "sample_id": "", "values": {}}
