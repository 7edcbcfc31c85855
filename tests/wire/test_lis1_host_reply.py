"""A recorded answer of a host, taken by the link in the analyzer's role: both ends come from one core."""

from __future__ import annotations

from middleware.wire.lis1 import Lis1Link, Lis1Options, Role
from middleware.wire.lis2 import RECORDS_NUMBERED, Path, parse_message
from tests.kit.lis1_peer import NOW, feed, texts_of
from tests.kit.recordings import recordings


def test_an_instrument_takes_the_recorded_reply_of_a_host() -> None:
    """The host numbers its records inside the frame and so hides its L record: two named quirks read it."""
    (reply,) = [one for one in recordings("astm") if one.name.endswith("host_reply")]
    quirks = frozenset({"terminator_missing"})
    link = Lis1Link(Role.INSTRUMENT, Lis1Options(quirks=quirks))
    link.connection_made(NOW)
    texts = texts_of([event for step in reply.steps() for event in feed(link, step)])
    assert len(texts) == 1
    message = parse_message(texts[0], quirks=frozenset({RECORDS_NUMBERED}))
    orders = message.all("O")
    assert [Path.parse("O-3.1").of(order) for order in orders] == ["1068687"]
    assert message.terminator is not None
