"""How bytes are cut must not matter, and no bytes may break the link."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.wire.events import Event
from middleware.wire.lis1 import QUIRKS, Lis1Link, Lis1Options, Role, encode_frame, encode_message
from tests.kit.lis1_peer import ACK, ENQ, EOT, ETB, NAK, NOW, RESULT, feed, session_of

GOOD = encode_message(RESULT)
FRAGMENTS = [
    ENQ,
    EOT,
    ACK,
    NAK,
    b"\0",
    b"\r\n",
    b"\x02",
    b"\x03",
    b"\x17",
    b"noise",
    b"\x021",
    b"x" * 70,
    session_of(RESULT),
    *GOOD,
    GOOD[1][:-1],
    GOOD[0][:-1],
    GOOD[0][:-2] + b"\n",
    GOOD[0][:-2] + b"\n\r",
    GOOD[1].replace(b"4711", b"4712"),
    encode_frame(1, b"H|\\^&\rL|1\rH|\\^&\rR|1\rL|1\rH|\\^&\r"),
    encode_frame(1, b"H|\\^&\rR|", ETB),
    encode_frame(2, b"1|x\rL"),
    encode_frame(3, b"|1|N"),
    encode_frame(0, b"H|\\^&\n\0L|1\n"),
    b"\x021H|\\^&\rL|1\r\x03\r\n",
    b"\x021H|\\^&\rL|1\r\x0300\r",
]

streams = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=6), max_size=14).map(b"".join)
quirk_sets = st.frozensets(
    st.sampled_from(sorted(QUIRKS.keys() - {"echoes_sent_bytes"})), max_size=4
)


replies = st.lists(
    st.sampled_from([ACK, ACK, ACK, NAK, EOT, b"\r\n", b"\0", b"?", b"\x021x"]), max_size=25
).map(b"".join)


def _played(
    data: bytes, cuts: list[int], options: Lis1Options, outgoing: int = 0
) -> tuple[list[Event], bytes, str]:
    """Everything that can be seen from outside when `data` comes cut at these places."""
    link = Lis1Link(Role.COMPUTER, options)
    link.connection_made(NOW)
    for _ in range(outgoing):
        link.send_message(RESULT, NOW)
    events: list[Event] = []
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        events += feed(link, data[start:end])
    out = link.bytes_to_send()
    events += link.connection_lost(NOW)
    return events, out, str(dict(sorted(link.counts().items())))


@pytest.mark.slow
@settings(max_examples=200)
@given(data=streams, cuts=st.lists(st.integers(0, 5000), max_size=8), quirks=quirk_sets)
def test_whole_bytewise_and_random_cuts_give_the_same_events(
    data: bytes, cuts: list[int], quirks: frozenset[str]
) -> None:
    """TCP, a serial port and a slow device server all tell the same story."""
    options = Lis1Options(max_frame_text=60, max_message_bytes=400, quirks=quirks)
    whole = _played(data, [], options)
    assert _played(data, cuts, options) == whole
    assert _played(data, list(range(len(data) + 1)), options) == whole


@pytest.mark.slow
@given(data=replies, cuts=st.lists(st.integers(0, 100), max_size=8), honours=st.booleans())
def test_replies_are_understood_however_they_are_cut(
    data: bytes, cuts: list[int], honours: bool
) -> None:
    """The sending half hears the same answers in one read or in many."""
    options = Lis1Options(honours_interrupt=honours)
    whole = _played(data, [], options, outgoing=1)
    assert _played(data, cuts, options, outgoing=1) == whole
    assert _played(data, list(range(len(data) + 1)), options, outgoing=1) == whole


@pytest.mark.slow
@settings(max_examples=150)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["bytes", "commit", "refuse", "timer", "send", "lost"]), streams),
        max_size=12,
    ),
    quirks=quirk_sets | st.just(frozenset({"echoes_sent_bytes"})),
    role=st.sampled_from(Role),
)
def test_no_bytes_and_no_order_of_calls_break_the_link(
    steps: list[tuple[str, bytes]], quirks: frozenset[str], role: Role
) -> None:
    """Whatever a peer sends and whenever its owner answers: no error, and a clean end afterwards."""
    link = Lis1Link(role, Lis1Options(max_frame_text=60, max_message_bytes=400, quirks=quirks))
    now = NOW
    for index, (kind, data) in enumerate(steps):
        if kind == "bytes":
            link.connection_made(now) if link.state_name == "disconnected" else None
            link.receive_bytes(data, now)
        elif kind in ("commit", "refuse"):
            getattr(link, kind)(index, now)
        elif kind == "send":
            link.send_message(RESULT, now)
        elif kind == "timer":
            now = max(now, link.next_deadline() or now)
            link.on_deadline(now)
        else:
            link.connection_lost(now)
        link.bytes_to_send()
    link.connection_lost(now)
    link.connection_made(now)
    assert link.is_neutral or link.state_name.startswith("sending")
    assert not link.is_awaiting_commit
