"""The link of a folder: each file is one message, and its acknowledgement is what becomes of the file.

Theory. A file has no framing: its transport names it (`begin_file`), gives all of it and then no bytes at all, which is
its end. The link holds it until it is committed or refused, and answers with a `FileReply`. What the link wants of its
transport stands in `take`; `bytes_to_send` only rings, so that a shim that knows nothing of files carries the call:
ACK, NAK or CAN for a reply, ENQ for a file that is to be written. Bytes that come while no file is begun answer the
oldest file that was to be written: ACK when it is there, NAK when it could not be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import (
    AcknowledgementConfirmed,
    Event,
    FrameRefused,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
    SessionRefused,
)

CLAUSE = "file drop"

ENQ, ACK, NAK, CAN = b"\x05", b"\x06", b"\x15", b"\x18"

NOT_STORED = "not_stored"
"""The reason of a refusal after which the same file is tried again."""

_STORED_BEFORE = "stored_before "


class FileVerdict(StrEnum):
    """What becomes of a file that was given to the link."""

    STORED = "stored"
    STORED_BEFORE = "stored_before"  # the same content is a message already
    NOT_STORED = "not_stored"  # leave it, and try again later
    NOT_TAKEN = "not_taken"  # trying again would not help


_RINGS = {
    FileVerdict.STORED: ACK,
    FileVerdict.STORED_BEFORE: CAN,
    FileVerdict.NOT_STORED: NAK,
    FileVerdict.NOT_TAKEN: CAN,
}


@dataclass(frozen=True, slots=True)
class FileReply:
    """The answer to the file that was given. `detail` is the number of the earlier message, or why it is not taken."""

    verdict: FileVerdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FileToWrite:
    """A message for the peer: one file."""

    send_id: int
    text: bytes


def stored_before(journal_id: int) -> str:
    """The reason to refuse a file with whose content message `journal_id` was stored."""
    return f"{_STORED_BEFORE}{journal_id}"


class FileLink:
    """I am responsible for one file at a time in, and any number out, in order (`middleware.wire.link.Link`)."""

    def __init__(self, max_file_bytes: int) -> None:
        self._limit = max_file_bytes
        self._name = ""
        self._is_begun = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._token = 0
        self._is_awaiting = False
        self._is_accepting = True
        self._replies: list[FileReply | FileToWrite] = []
        self._rings = b""
        self._unwritten: deque[int] = deque()
        self._send_id = 0
        self._counts: dict[tuple[str, str], int] = {}

    def begin_file(self, name: str) -> None:
        """The bytes that come now are of the file `name`. One file at a time."""
        if self._is_begun or self._is_awaiting:
            raise LocalProtocolError(
                "a file was begun before the one before it was answered",
                what_to_do="Report this as a fault of Labwire.",
            )
        self._name = name
        self._is_begun = True
        self._drop()

    def take(self) -> list[FileReply | FileToWrite]:
        """What the transport must do now, in order; empty when nothing."""
        taken, self._replies = self._replies, []
        return taken

    # -- Link -------------------------------------------------------------------------------------

    def connection_made(self, now: float) -> list[Event]:
        """The folder is there; nobody has spoken yet."""
        return []

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """A piece of the file that was begun; no bytes: its end. Else the outcome of a file that was written."""
        if not self._is_begun:
            return self._hear_written(data)
        if not data:
            return self._end()
        self._size += len(data)
        if self._size <= self._limit:
            self._pieces.append(data)
        else:
            self._pieces.clear()
        return []

    def commit(self, token: int, now: float) -> list[Event]:
        """Stored. The answer cannot be lost: the same content given again is known by it."""
        if not self._is_current(token):
            return []
        self._answer(FileVerdict.STORED)
        return [AcknowledgementConfirmed(token)]

    def refuse(self, token: int, now: float, reason: str = NOT_STORED) -> list[Event]:
        """Not stored: try again later; with another reason than `not_stored` the file is not taken at all."""
        if not self._is_current(token):
            return []
        if reason == NOT_STORED:
            self._answer(FileVerdict.NOT_STORED)
        elif reason.startswith(_STORED_BEFORE):
            self._answer(FileVerdict.STORED_BEFORE, reason.removeprefix(_STORED_BEFORE))
        else:
            self._answer(FileVerdict.NOT_TAKEN, reason)
        return []

    def send_message(self, text: bytes, now: float) -> int:
        """One file for the peer; delivered when it is written and has its name."""
        self._send_id += 1
        self._unwritten.append(self._send_id)
        self._replies.append(FileToWrite(self._send_id, text))
        self._rings += ENQ
        return self._send_id

    def set_accepting(self, accepting: bool) -> None:
        """When False, files are left where they are."""
        self._is_accepting = accepting

    def bytes_to_send(self) -> bytes:
        """Rings; see `take`."""
        rings, self._rings = self._rings, b""
        return rings

    def next_deadline(self) -> float | None:
        """None: a file waits as long as it must."""
        return None

    def on_deadline(self, now: float) -> list[Event]:
        """Nothing to do."""
        return []

    def connection_lost(self, now: float) -> list[Event]:
        """The folder is gone: what is in hand stays in it, what was not written is not delivered."""
        self._is_begun = self._is_awaiting = False
        self._drop()
        lost, self._unwritten = list(self._unwritten), deque()
        return [MessageNotDelivered(send_id, "connection_lost", CLAUSE) for send_id in lost]

    @property
    def is_neutral(self) -> bool:
        """No file is in hand."""
        return not (self._is_begun or self._is_awaiting or self._unwritten)

    @property
    def is_awaiting_commit(self) -> bool:
        """A file waits for `commit` or `refuse`."""
        return self._is_awaiting

    @property
    def state_name(self) -> str:
        """For status pages."""
        if self._is_awaiting:
            return "storing a file"
        if self._is_begun:
            return "reading a file"
        return "writing a file" if self._unwritten else "waiting for files"

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Files by what became of them."""
        return self._counts

    # -- inside -----------------------------------------------------------------------------------

    def _end(self) -> list[Event]:
        self._is_begun = False
        if not self._is_accepting:
            self._answer(FileVerdict.NOT_STORED)
            return [SessionRefused("received", "not_accepting")]
        if self._size > self._limit:
            self._answer(FileVerdict.NOT_TAKEN, f"it is longer than {self._limit} bytes")
            return [FrameRefused("received", "too_long", CLAUSE)]
        if not self._size:
            self._answer(FileVerdict.NOT_TAKEN, "it is empty")
            return [FrameRefused("received", "empty", CLAUSE)]
        text = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._drop()
        self._token += 1
        self._is_awaiting = True
        return [MessageReceived(self._token, text, text, file_name=self._name)]

    def _is_current(self, token: int) -> bool:
        return self._is_awaiting and token == self._token

    def _answer(self, verdict: FileVerdict, detail: str = "") -> None:
        self._is_awaiting = False
        self._drop()
        self._replies.append(FileReply(verdict, detail))
        self._rings += _RINGS[verdict]
        self._count("received", verdict.value)

    def _hear_written(self, data: bytes) -> list[Event]:
        """Each byte is the outcome of one file; what is neither ACK nor NAK comes of a fault and says nothing."""
        events: list[Event] = []
        for number in data[: len(self._unwritten)]:
            send_id = self._unwritten.popleft()
            if number == ACK[0]:
                self._count("sent", "written")
                events.append(MessageDelivered(send_id))
            else:
                self._count("sent", "not_written")
                events.append(MessageNotDelivered(send_id, "not_written", CLAUSE))
        return events

    def _count(self, direction: str, outcome: str) -> None:
        key = (direction, outcome)
        self._counts[key] = self._counts.get(key, 0) + 1

    def _drop(self) -> None:
        self._pieces = []
        self._size = 0
