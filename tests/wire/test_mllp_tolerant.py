"""Blocks of analyzers that leave out start or end byte, or put several messages into one: by named quirks only."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.events import Event, MessageAbandoned, MessageReceived
from middleware.wire.mllp import (
    QUIRKS,
    Block,
    BlockReader,
    MllpLink,
    MllpLinkOptions,
    Oversize,
    PartialDropped,
    Skipped,
    TolerantBlockReader,
    encode_block,
)
from middleware.wire.mllp.quirks import (
    END_MISSING,
    END_SILENCE_S,
    SEVERAL_IN_BLOCK,
    START_MISSING,
)

ONE = b"MSH|^~\\&|A||||||ORU^R01|1\rOBX|1\r"
TWO = b"MSH|^~\\&|A||||||ORU^R01|2\rOBX|2\r"
ALL = frozenset(QUIRKS)
PIECES = st.sampled_from(
    (b"\x0b", b"\x1c", b"\r", b"\n", b"\x1c\r", b"MSH|", b"MS", b"H|", b"M", b"x", b"OBX|1", ONE, b"\x02\x00", b" ")
)  # fmt: skip
STREAMS = st.lists(PIECES, max_size=14).map(b"".join)


def _read(reader: BlockReader, *pieces: bytes) -> list[object]:
    """All events."""
    return [event for piece in pieces for event in reader.feed(piece)]


def _reader(*names: str) -> TolerantBlockReader:
    return TolerantBlockReader(10_000, frozenset(names))


def test_a_message_without_start_byte_is_taken_and_named() -> None:
    """The analyzer begins with MSH at once; noise before it is skipped and counted."""
    assert _read(_reader(START_MISSING), b"\x02\x02" + ONE + b"\x1c\r") == [
        Skipped(2, b"\x02\x02"),
        Block(ONE, (START_MISSING,)),
    ]


def test_without_the_quirk_a_message_without_start_byte_is_noise() -> None:
    """Strict by default: nothing is guessed to be a message."""
    assert _read(_reader(END_MISSING), ONE + b"\x1c\r") == []


def test_letters_that_only_look_like_a_header_begin_no_message() -> None:
    """`XMSH|` is a word of something else."""
    assert _read(_reader(START_MISSING), b"XMSH|1\r") == []


def test_the_next_start_byte_ends_a_message_without_end_byte() -> None:
    """What is whole is a message; what breaks off inside a segment is not."""
    reader = _reader(END_MISSING)
    assert _read(reader, b"\x0b" + ONE + b"\x0b" + TWO[:-1] + b"\x0b" + TWO + b"\x1c\r") == [
        Block(ONE, (END_MISSING,)),
        PartialDropped(TWO[:-1]),
        Block(TWO),
    ]


def test_a_header_ends_a_message_that_began_with_a_header() -> None:
    """An analyzer without any framing sends one message after another."""
    quirks = (START_MISSING, END_MISSING)
    assert _read(_reader(START_MISSING, END_MISSING), ONE + TWO + ONE[:9]) == [
        Block(ONE, quirks),
        Block(TWO, quirks),
    ]


def test_several_messages_in_a_block_are_cut_at_their_headers() -> None:
    """Each is stored and acknowledged by itself."""
    block = encode_block(ONE + TWO)
    assert _read(_reader(SEVERAL_IN_BLOCK), block) == [
        Block(ONE, (SEVERAL_IN_BLOCK,)),
        Block(TWO, (SEVERAL_IN_BLOCK,)),
    ]
    assert _read(_reader(START_MISSING), block) == [Block(ONE + TWO)]


@given(STREAMS, st.lists(st.integers(0, 400), max_size=6), st.sets(st.sampled_from(sorted(ALL))))
def test_how_the_bytes_were_cut_changes_nothing(
    stream: bytes, cuts: list[int], names: set[str]
) -> None:
    """Whole, byte by byte or in random pieces: the same events."""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    made = [TolerantBlockReader(60, frozenset(names)) for _ in range(3)]
    whole = _read(made[0], stream)
    assert _read(made[1], *pieces) == whole
    assert _read(made[2], *(stream[n : n + 1] for n in range(len(stream)))) == whole
    assert made[0].is_inside == made[1].is_inside == made[2].is_inside


@given(STREAMS)
def test_without_tolerances_it_reads_as_the_strict_reader(stream: bytes) -> None:
    """A quirk changes only what it names."""
    assert _read(TolerantBlockReader(60), stream) == _read(BlockReader(60), stream)


@given(st.lists(st.sampled_from((ONE, TWO, ONE[:-1])), max_size=5))
def test_proper_blocks_are_read_alike_with_all_tolerances(messages: list[bytes]) -> None:
    """An analyzer that frames its messages well is not treated differently."""
    stream = b"".join(encode_block(one) for one in messages)
    assert _read(_reader(*ALL), stream) == [Block(one) for one in messages]


@pytest.mark.slow
@pytest.mark.parametrize("flood", [b"M", b"MSH|", b"\rMSH|", b"\x0b", b"x", b"\x1c", b"\x0bMSH|\r"])
def test_floods_take_bounded_memory_and_linear_time(flood: bytes) -> None:
    """Hostile input: a million bytes without an end cost no more than a look at each."""
    reader = TolerantBlockReader(64_000, ALL)
    data = (flood * 64_000)[:64_000]
    began = time.process_time()
    events = [event for _ in range(16) for event in reader.feed(data)]
    assert time.process_time() - began < 5
    assert len(reader.drop_partial()) <= 64_000
    assert not any(isinstance(event, Oversize) and event.limit != 64_000 for event in events)


def _link(*names: str) -> MllpLink:
    link = MllpLink(MllpLinkOptions(tolerances=frozenset(names)))
    link.connection_made(0.0)
    return link


def _after_silence(link: MllpLink) -> list[Event]:
    deadline = link.next_deadline()
    assert deadline is not None
    return link.on_deadline(deadline)


def test_silence_ends_a_whole_message_without_end_byte_and_it_is_acknowledged() -> None:
    """The analyzer waits for its acknowledgement; nothing but silence says that it is done."""
    link = _link(START_MISSING, END_MISSING)
    assert link.receive_bytes(ONE, 1.0) == []
    assert link.next_deadline() == 1.0 + END_SILENCE_S
    (event,) = _after_silence(link)
    assert isinstance(event, MessageReceived)
    assert (event.text, event.quirks) == (ONE, (START_MISSING, END_MISSING))
    link.commit(event.token, 5.0)
    assert b"MSA|AA|1" in link.bytes_to_send()
    assert link.counts()["quirk", END_MISSING] == 1


def test_silence_inside_a_segment_ends_no_message() -> None:
    """What broke off is kept for a person and never acknowledged."""
    link = _link(START_MISSING, END_MISSING)
    link.receive_bytes(ONE + b"OBX|2|NM", 1.0)
    events = _after_silence(link)
    assert [event.text for event in events if isinstance(event, MessageAbandoned)] == [
        ONE + b"OBX|2|NM"
    ]
    assert not link.bytes_to_send()


def test_what_comes_after_silence_ended_a_message_is_kept_as_incomplete() -> None:
    """The network stalled in the middle: the rest is no noise, though it has no header."""
    link = _link(END_MISSING)
    link.receive_bytes(b"\x0b" + ONE, 1.0)
    (event,) = _after_silence(link)
    assert isinstance(event, MessageReceived)
    link.commit(event.token, 5.0)
    events = link.receive_bytes(b"OBX|2|NM|LATE\r\x1c\r", 6.0)
    assert [one.text for one in events if isinstance(one, MessageAbandoned)] == [b"OBX|2|NM|LATE\r"]
    after = link.receive_bytes(encode_block(TWO), 7.0)
    assert [one.text for one in after if isinstance(one, MessageReceived)] == [TWO]


@given(st.lists(STREAMS, max_size=6))
def test_a_tolerant_link_takes_any_bytes_and_acknowledges_nothing_that_is_not_committed(
    pieces: list[bytes],
) -> None:
    """Hostile input, with silences between: no exception, no answer before `commit`, every message said once."""
    link = MllpLink(MllpLinkOptions(tolerances=ALL, max_block_bytes=200))
    link.connection_made(0.0)
    now = 0.0
    for piece in pieces:
        now += 10.0
        pending = link.on_deadline(now) + link.receive_bytes(piece, now)
        while pending:
            event = pending.pop(0)
            if isinstance(event, MessageReceived):
                assert link.bytes_to_send() == b""
                pending += link.commit(event.token, now)
                link.bytes_to_send()
    link.connection_lost(now)
    assert link.is_neutral


@pytest.mark.parametrize("flood", [b"\x0bA", b"\x0bMSH|", b"\rMSH|"])
def test_a_flood_of_fragments_becomes_one_incomplete_message(flood: bytes) -> None:
    """A megabyte of beginnings must not become a hundred thousand rows of the journal; nothing of it is lost."""
    link = _link(START_MISSING, SEVERAL_IN_BLOCK)
    events = link.receive_bytes(flood * 10_000, 0.0)
    (one,) = [event for event in events if isinstance(event, MessageAbandoned)]
    assert len(one.text) >= 10_000


def test_each_message_of_a_block_is_acknowledged_under_its_own_number() -> None:
    """The second one is looked at when the first one is stored."""
    link = _link(SEVERAL_IN_BLOCK)
    (first,) = link.receive_bytes(encode_block(ONE + TWO), 1.0)
    assert isinstance(first, MessageReceived)
    events = link.commit(first.token, 1.1)
    (second,) = [event for event in events if isinstance(event, MessageReceived)]
    assert b"MSA|AA|1" in link.bytes_to_send()
    link.commit(second.token, 1.2)
    assert b"MSA|AA|2" in link.bytes_to_send()
