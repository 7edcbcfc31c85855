"""An ENQ that its sender has given up is not answered: one answer too many would shift all that follow."""

from __future__ import annotations

import pytest

from middleware.wire.lis1 import Lis1Link, encode_message
from tests.kit.lis1_peer import ACK, ENQ, EOT, NOW, RESULT, ready_link, texts_of

FRAMES = encode_message(RESULT)


class WaitingSender:
    """A sender that takes each ACK for the answer to what it sent last, and never more than it is given."""

    def __init__(self, link: Lis1Link) -> None:
        self.link = link
        self.acknowledged = 0  # frames that it believes to be taken

    def play(self, waiting: bytes) -> None:
        """The link finds `waiting` when it begins to read; then the sender goes on, answer by answer."""
        self.link.receive_bytes(waiting, NOW)
        replies = self.link.bytes_to_send()
        assert replies[:1] == ACK
        replies = replies[1:]
        for frame in FRAMES:
            self.link.receive_bytes(frame, NOW)
            replies += self.link.bytes_to_send()
            if not replies:
                return
            replies = replies[1:]
            self.acknowledged += 1


@pytest.mark.parametrize("waiting", [ENQ + EOT + ENQ, ENQ + ENQ, (ENQ + EOT) * 3 + ENQ, ENQ])
def test_no_sender_believes_that_an_uncommitted_message_is_stored(waiting: bytes) -> None:
    """While the node was away the analyzer asked, gave up, and asked again; the port kept it all."""
    sender = WaitingSender(ready_link())
    sender.play(waiting)
    assert sender.acknowledged == len(FRAMES) - 1
    assert sender.link.is_awaiting_commit


def test_an_enquiry_that_was_given_up_is_not_answered_at_all() -> None:
    """Nobody waits for it; the next one is a beginning like any other."""
    link = ready_link()
    link.receive_bytes(ENQ + EOT, NOW)
    assert link.bytes_to_send() == b""
    link.receive_bytes(ENQ, NOW)
    assert link.bytes_to_send() == ACK
    events = link.receive_bytes(b"".join(FRAMES), NOW)
    assert texts_of(events) == [RESULT]


def test_an_answer_that_has_left_is_not_taken_back() -> None:
    """The end of a session whose frames were answered changes nothing that was said."""
    link = ready_link()
    link.receive_bytes(ENQ, NOW)
    assert link.bytes_to_send() == ACK
    link.receive_bytes(FRAMES[0] + EOT, NOW)
    assert link.bytes_to_send() == ACK
