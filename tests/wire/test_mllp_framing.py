"""Blocks are cut out of a stream the same way however it was cut into reads."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.mllp import (
    Block,
    BlockEvent,
    BlockReader,
    CommitBlock,
    EmptyBlock,
    Oversize,
    PartialDropped,
    Skipped,
    encode_block,
)

A, B = b"MSH|^~\\&|A\r", b"MSH|^~\\&|B\rPID|1\r"


def events(data: bytes, limit: int = 1000) -> list[BlockEvent]:
    return BlockReader(limit).feed(data)


def test_a_block_is_written_and_read_back() -> None:
    """<SB> message <EB> <CR>."""
    assert encode_block(A) == b"\x0b" + A + b"\x1c\r"
    assert events(encode_block(A)) == [Block(A)]


def test_several_blocks_in_one_read_come_in_order() -> None:
    """A fast sender's messages arrive joined."""
    assert events(encode_block(A) + encode_block(B) + encode_block(A)) == [
        Block(A), Block(B), Block(A),
    ]  # fmt: skip


def test_bytes_before_a_block_are_skipped_and_counted() -> None:
    """A heartbeat of STX or CR before the start byte harms nothing."""
    assert events(b"\x02\x02\x02" + encode_block(A) + b"\n \r" + encode_block(B)) == [
        Skipped(3, b"\x02\x02\x02"),
        Block(A),
        Skipped(3, b"\n \r"),
        Block(B),
    ]


def test_of_much_noise_only_the_beginning_is_kept() -> None:
    """A peer that sends noise for ever cannot fill the memory."""
    (skipped, block) = events(b"x" * 100_000 + encode_block(A))
    assert isinstance(skipped, Skipped)
    assert skipped.count == 100_000
    assert skipped.head == b"x" * 256
    assert block == Block(A)


@pytest.mark.parametrize("closing", [b"\x1c", b"\x1c\r", b"\x1c\n"])
def test_the_return_after_the_end_byte_may_be_missing(closing: bytes) -> None:
    """The message is complete at the end byte; one CR or LF after it is swallowed."""
    assert events((b"\x0b" + A + closing) * 2) == [Block(A), Block(A)]


def test_a_start_byte_inside_a_block_begins_anew() -> None:
    """The end byte was lost: what came before is given up, the next message is whole."""
    assert events(b"\x0bMSH|half" + encode_block(A)) == [PartialDropped(b"MSH|half"), Block(A)]
    assert events(b"\x0b\x0b" + encode_block(A)) == [Block(A)]


def test_an_empty_block_is_recognised() -> None:
    """Some engines send it to keep the connection."""
    assert events(b"\x0b\x1c\r" + encode_block(A)) == [EmptyBlock(), Block(A)]


def test_commit_blocks_of_release_two_are_recognised() -> None:
    """Reported, not required."""
    assert events(encode_block(b"\x06") + encode_block(b"\x15")) == [
        CommitBlock(True), CommitBlock(False),
    ]  # fmt: skip


def test_a_block_at_the_limit_passes_and_one_byte_more_does_not() -> None:
    """And the reader finds the next block after it."""
    assert events(encode_block(b"x" * 10) + encode_block(A[:10]), 10) == [
        Block(b"x" * 10), Block(A[:10]),
    ]  # fmt: skip
    assert events(encode_block(b"x" * 15) + encode_block(A[:10]), 10) == [
        Oversize(10),
        Skipped(6, b"xxxx\x1c\r"),
        Block(A[:10]),
    ]


def test_an_endless_block_never_holds_more_than_the_limit() -> None:
    """Threat T6: no end byte."""
    reader = BlockReader(1000)
    found = reader.feed(b"\x0b")
    for _ in range(100):
        found += reader.feed(b"x" * 100)
        assert len(reader._partial) <= 1000
    assert found == [Oversize(1000)]


STREAM = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\x0b", b"\x1c", b"\r", b"\n", b"\x06", b"MSH|", b"x" * 12, b"\x1c\r\x0b"]
        ),
        st.binary(max_size=5),
    ),
    max_size=40,
).map(b"".join)


@pytest.mark.slow
@given(STREAM, st.integers(1, 20), st.lists(st.integers(1, 9), min_size=1))
def test_the_events_depend_on_the_bytes_alone(data: bytes, limit: int, sizes: list[int]) -> None:
    """Whole, byte by byte, or cut anywhere: the same events, the same rest."""
    whole = BlockReader(limit)
    expected = whole.feed(data)
    single = BlockReader(limit)
    assert [event for byte in data for event in single.feed(bytes([byte]))] == expected
    cut, found, at = BlockReader(limit), [], 0
    for number in range(len(data)):
        size = sizes[number % len(sizes)]
        found += cut.feed(data[at : at + size])
        at += size
    assert found == expected
    assert whole.is_inside == single.is_inside == cut.is_inside
    assert whole.drop_partial() == single.drop_partial() == cut.drop_partial()


@pytest.mark.slow
@pytest.mark.usefixtures("no_collector")
def test_hostile_streams_cost_time_in_proportion_to_their_length() -> None:
    """A megabyte of start bytes, or of single bytes, is read at once."""
    data = (b"\x0ba" * 32_768 + b"\x1c") * 16
    begin = time.process_time()  # other programs do not change it
    reader = BlockReader()
    for at in range(0, len(data), 65_536):
        reader.feed(data[at : at + 65_536])
    assert time.process_time() - begin < 5.0
