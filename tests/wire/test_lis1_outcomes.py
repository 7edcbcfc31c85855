"""How a link counts frames: the words on which alerts are built."""

from __future__ import annotations

import pytest

from middleware.wire.lis1 import Lis1Link, Lis1Options, Role, encode_frame
from middleware.wire.lis1.frame import Fault
from middleware.wire.lis1.outcomes import OF_RECEIVED, OF_SENT, FrameOutcome, outcome_of
from tests.kit.lis1_peer import ACK, ENQ, EOT, NAK, NOW, RESULT, feed, ready_link

HEADER = encode_frame(1, b"H|\\^&\r")


def _counted(link: Lis1Link, direction: str) -> dict[str, int]:
    return {name: count for (what, name), count in link.counts().items() if what == direction}


@pytest.mark.parametrize(
    ("bad", "outcome"),
    [
        (HEADER.replace(b"H", b"h"), "bad_checksum"),
        (encode_frame(3, b"H|\\^&\r"), "bad_sequence"),
        (encode_frame(1, b"C|" + b"x" * 500 + b"\r"), "oversize"),
        (encode_frame(1, b"H|\x11\r"), "other"),
    ],
)
def test_a_refused_frame_is_counted_by_its_reason(bad: bytes, outcome: str) -> None:
    """A worn cable shows as wrong checksums, and a technician is told so."""
    link = ready_link(options=Lis1Options(max_frame_text=400))
    feed(link, ENQ + bad)
    assert _counted(link, "received") == {outcome: 1}


def test_good_and_repeated_frames_are_counted_apart() -> None:
    """A repetition is no second frame."""
    link = ready_link()
    feed(link, ENQ + HEADER + HEADER)
    assert _counted(link, "received") == {"ok": 1, "repeated": 1}


def test_a_frame_that_never_comes_and_one_that_is_stored_too_late_are_timeouts() -> None:
    """Both mean that somebody waited in vain."""
    link = ready_link()
    link.receive_bytes(ENQ + encode_frame(1, b"H|\\^&\rL|1\r"), NOW)
    link.on_deadline(NOW + 14)
    link.on_deadline(NOW + 44)
    assert _counted(link, "received") == {"timeout": 2}


def test_frames_of_ours_are_counted_by_their_answer() -> None:
    """Accepted, refused and sent again, never answered."""
    link = ready_link(Role.INSTRUMENT)
    link.send_message(RESULT, NOW)
    link.receive_bytes(ACK + ACK + NAK, NOW)
    link.on_deadline(NOW + 15)
    assert link.bytes_to_send().endswith(EOT)
    assert _counted(link, "sent") == {"ok": 1, "nak": 1, "repeated": 1, "timeout": 1}


def test_every_fault_has_a_word_that_the_metrics_know() -> None:
    """No outcome appears that a dashboard was not promised."""
    assert {outcome_of(fault) for fault in Fault} <= set(OF_RECEIVED)
    assert set(OF_RECEIVED) | set(OF_SENT) == set(FrameOutcome)
