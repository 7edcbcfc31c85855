"""What a link reports upward. Frozen, past tense; a link never calls anybody, it returns these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The peer opened a session and we granted it (LIS01: ENQ answered ACK)."""


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session ended; the link is neutral again."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A complete message waits for our acknowledgement: answer with `commit(token)` or `refuse(token)`.

    `text` is the reassembled message (LIS2 records ended by CR; HL7 segments), never decoded. `wire` is every byte as
    it came since the previous message ended, refused frames included. `quirks` names the tolerances that it needed.
    `file_name` is the file's, where the message is a whole file.
    """

    token: int
    text: bytes
    wire: bytes
    quirks: tuple[str, ...] = ()
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class MessageAbandoned:
    """A message ended before its terminator. Its frames may have been acknowledged, so it is kept for a person.

    `reason` is one of: `terminator_missing` (session ended without L), `header_repeated` (a new H before L),
    `session_restarted` (ENQ inside a session), `receive_timeout`, `connection_lost`, `message_too_long`.
    """

    text: bytes
    wire: bytes
    reason: str
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AcknowledgementConfirmed:
    """The peer went on after our acknowledgement of `token`, so it is known to have arrived (DESIGN 8.6)."""

    token: int


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """A frame was answered NAK (`direction` "received"), or ours was (`direction` "sent"). No text is kept in it."""

    direction: str
    reason: str
    clause: str


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """ENQ was answered NAK: by us (`direction` "received", `reason` "not_accepting") or by the peer ("sent")."""

    direction: str
    reason: str


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """A protocol timer ran out: `timer` is `enquiry_reply`, `frame_reply`, `receive`, `reply_deadline` …"""

    timer: str
    clause: str


@dataclass(frozen=True, slots=True)
class ContentionSeen:
    """Both ends sent ENQ at once (LIS01-A2 6.2.7.1)."""


@dataclass(frozen=True, slots=True)
class MessageDelivered:
    """The peer acknowledged all of the message given to `send_message` as `send_id`. `reply` is its answer (HL7)."""

    send_id: int
    reply: bytes = b""


@dataclass(frozen=True, slots=True)
class MessageNotDelivered:
    """The message given as `send_id` did not get through; the caller still owns it."""

    send_id: int
    reason: str
    clause: str


Event = (
    SessionOpened
    | SessionClosed
    | MessageReceived
    | MessageAbandoned
    | AcknowledgementConfirmed
    | FrameRefused
    | SessionRefused
    | TimerExpired
    | ContentionSeen
    | MessageDelivered
    | MessageNotDelivered
)
