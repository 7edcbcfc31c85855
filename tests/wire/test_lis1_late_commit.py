"""A message that was refused because its commit was late is never called acknowledged."""

from __future__ import annotations

from middleware.wire.events import AcknowledgementConfirmed, MessageReceived
from middleware.wire.lis1 import encode_message
from tests.kit.lis1_peer import EOT, NOW, RESULT, opened_link


def test_only_the_acknowledged_message_is_confirmed_after_a_late_commit() -> None:
    """The deadline refused the first; its resend alone was acknowledged."""
    link = opened_link()
    frames = encode_message(RESULT)
    link.receive_bytes(b"".join(frames), NOW)
    later = link.next_deadline()
    assert later is not None
    link.on_deadline(later)
    (again,) = link.receive_bytes(frames[-1], later)
    assert isinstance(again, MessageReceived)
    link.commit(again.token, later)
    events = link.receive_bytes(EOT, later)
    confirmed = [one.token for one in events if isinstance(one, AcknowledgementConfirmed)]
    assert confirmed == [again.token]
