"""A line is called connected only when its analyzer has proved it, whatever the link (promise 4)."""

from __future__ import annotations

from collections.abc import Mapping

from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.line.status import LineState
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink
from tests.kit.line_bench import ENQ, LineBench, PlainDriver

MESSAGE = b"\x0bMSH|^~\\&|A||L||20310304||ORU^R01|1|P|2.5.1\rOBX|1\r\x1c\r"


class MllpDriver(PlainDriver):
    """Its links open their session with the connection."""

    def make_link(self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT) -> Link:
        return MllpLink()


def started(driver: PlainDriver) -> LineBench:
    bench = LineBench(driver=driver)
    bench.writer.is_automatic = True
    bench.line.start()
    bench.connect()
    return bench


def test_an_hl7_line_is_connected_with_its_first_message_and_not_before() -> None:
    """A TCP connection alone says nothing about who is at its end."""
    bench = started(MllpDriver())
    assert bench.line.state is LineState.OPEN
    bench.send(b"GET / HTTP/1.1\r\n\r\n")
    assert bench.line.state is LineState.OPEN
    assert b"MSA|AA" in bench.send(MESSAGE)
    assert bench.line.state is LineState.CONNECTED


def test_noise_on_an_astm_line_proves_nothing() -> None:
    """Only an enquiry that was granted does."""
    bench = started(PlainDriver())
    bench.send(b"\x00\xffhello")
    assert bench.line.state is LineState.OPEN
    bench.send(ENQ)
    assert bench.line.state is LineState.CONNECTED


def test_a_new_connection_has_to_prove_itself_again() -> None:
    """What the one before proved is over with it."""
    bench = started(MllpDriver())
    bench.send(MESSAGE)
    bench.connect()
    assert bench.line.state is LineState.OPEN


def test_a_message_of_the_connection_before_proves_nothing_of_this_one() -> None:
    """Its commit took long; meanwhile somebody else connected."""
    bench = started(MllpDriver())
    bench.writer.is_automatic = False
    bench.send(MESSAGE)
    bench.connect()
    bench.writer.commit()
    bench.turn()
    assert bench.line.messages == 1
    assert bench.line.state is LineState.OPEN
