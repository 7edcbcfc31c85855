"""The link of a folder: one file, one message, one answer; and files for the peer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import (
    AcknowledgementConfirmed,
    FrameRefused,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
    SessionRefused,
)
from middleware.wire.whole import FileLink, FileReply, FileToWrite, FileVerdict, stored_before

LIMIT = 1000


def given_file(link: FileLink, *pieces: bytes, name: str = "a.txt") -> list[object]:
    """Give a file in pieces; the events of its end."""
    link.begin_file(name)
    events = [event for piece in pieces for event in link.receive_bytes(piece, 0.0)]
    assert events == []
    return list(link.receive_bytes(b"", 0.0))


def test_a_file_is_one_message_and_its_commit_the_answer() -> None:
    link = FileLink(LIMIT)
    (event,) = given_file(link, b"abc", b"def")
    assert event == MessageReceived(1, b"abcdef", b"abcdef", file_name="a.txt")
    assert link.is_awaiting_commit
    assert link.take() == []
    assert link.commit(1, 0.0) == [AcknowledgementConfirmed(1)]
    assert link.take() == [FileReply(FileVerdict.STORED)]
    assert link.bytes_to_send() == b"\x06"
    assert link.is_neutral


@pytest.mark.parametrize(
    ("reason", "reply"),
    [
        ("not_stored", FileReply(FileVerdict.NOT_STORED)),
        (stored_before(7), FileReply(FileVerdict.STORED_BEFORE, "7")),
        ("wrong_analyzer", FileReply(FileVerdict.NOT_TAKEN, "wrong_analyzer")),
    ],
)
def test_a_refusal_says_what_becomes_of_the_file(reason: str, reply: FileReply) -> None:
    """Left for later, known already, or never to be taken."""
    link = FileLink(LIMIT)
    given_file(link, b"abc")
    assert link.refuse(1, 0.0, reason) == []
    assert link.take() == [reply]


def test_a_stale_answer_changes_nothing() -> None:
    """A commit that comes after the folder was lost, or for the file before."""
    link = FileLink(LIMIT)
    given_file(link, b"abc")
    assert link.commit(2, 0.0) == []
    link.connection_lost(0.0)
    assert link.commit(1, 0.0) == []
    assert link.take() == []
    assert link.is_neutral


def test_empty_and_too_long_files_are_not_taken() -> None:
    link = FileLink(LIMIT)
    assert given_file(link) == [FrameRefused("received", "empty", "file drop")]
    assert given_file(link, b"x" * LIMIT, b"x") == [
        FrameRefused("received", "too_long", "file drop")
    ]
    assert [reply.verdict for reply in link.take() if isinstance(reply, FileReply)] == [
        FileVerdict.NOT_TAKEN
    ] * 2


def test_while_messages_are_not_accepted_files_are_left_for_later() -> None:
    link = FileLink(LIMIT)
    link.set_accepting(False)
    assert given_file(link, b"abc") == [SessionRefused("received", "not_accepting")]
    assert link.take() == [FileReply(FileVerdict.NOT_STORED)]


def test_one_file_at_a_time() -> None:
    link = FileLink(LIMIT)
    link.begin_file("a")
    with pytest.raises(LocalProtocolError):
        link.begin_file("b")


def test_messages_for_the_peer_are_files_in_order_with_their_outcomes() -> None:
    link = FileLink(LIMIT)
    assert [link.send_message(text, 0.0) for text in (b"1", b"2", b"3")] == [1, 2, 3]
    assert link.take() == [FileToWrite(1, b"1"), FileToWrite(2, b"2"), FileToWrite(3, b"3")]
    assert not link.is_neutral
    assert link.receive_bytes(b"\x06\x15", 0.0) == [
        MessageDelivered(1),
        MessageNotDelivered(2, "not_written", "file drop"),
    ]
    assert link.connection_lost(0.0) == [MessageNotDelivered(3, "connection_lost", "file drop")]


@given(st.lists(st.binary(max_size=40), max_size=40))
def test_cuts_do_not_matter_and_memory_is_bounded(pieces: list[bytes]) -> None:
    """Whole, byte by byte, or anyhow cut: the same message, or refused when it is too long."""
    pieces = [piece for piece in pieces if piece]
    whole = b"".join(pieces)
    link = FileLink(LIMIT // 2)
    events = given_file(link, *pieces)
    assert sum(map(len, link._pieces)) <= LIMIT
    if 0 < len(whole) <= LIMIT // 2:
        assert events == [MessageReceived(1, whole, whole, file_name="a.txt")]
    else:
        assert isinstance(events[0], FrameRefused)


@given(st.binary(max_size=60))
def test_bytes_that_nobody_asked_for_do_nothing(data: bytes) -> None:
    """No file was begun and none is to be written."""
    link = FileLink(LIMIT)
    assert link.receive_bytes(data, 0.0) == []
    assert link.take() == []
    assert link.is_neutral
