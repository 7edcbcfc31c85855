"""The texts of the frames of one message, joined as the spec says, and all bytes that belong to it."""

from __future__ import annotations

from middleware.wire.framed.frames import Frame
from middleware.wire.framed.spec import FrameSpec

_WIRE_KEPT_BYTES = 256 * 1024

OTHER_TEXT = "text_not_continued"
TOO_LONG = "message_too_long"


class Parts:
    """I collect one message. A message that lost a frame is `is_spoiled`: it must not pass for a whole one."""

    def __init__(self, spec: FrameSpec) -> None:
        self.goes_on = False  # the text of the last frame is not at its end
        self._spec = spec
        self._has_several = bool(spec.ends_message or spec.silence_ends or spec.goes_on)
        self._texts: list[bytes] = []
        self._size = 0
        self._wire = bytearray()
        self._last = b""
        self._prefix = b""
        self._spoiled_until: float | None = None

    @property
    def is_empty(self) -> bool:
        """No frame of a message is here."""
        return not self._texts

    @property
    def is_spoiled(self) -> bool:
        """A frame of this message did not arrive and will not come again."""
        return self._spoiled_until is not None

    def keep_wire(self, wire: bytes) -> None:
        """Bytes that came, good or bad, as evidence; no more than fit."""
        if len(self._wire) < _WIRE_KEPT_BYTES + self._spec.max_message_bytes:
            self._wire += wire

    def spoil(self, now: float) -> None:
        """A frame is lost. What follows it at once is the rest of its message."""
        if self._has_several:
            self._spoiled_until = now + self._spec.silence_s

    def repeats(self, frame: Frame) -> bool:
        """The frame is the last one again: our reply to it was lost."""
        return self._spec.replies and bool(self._texts) and frame.wire == self._last

    def complaint(self, frame: Frame) -> str:
        """Why a frame cannot belong to this message; '' when it can."""
        prefix = frame.text[: self._spec.repeated_prefix]
        if self.goes_on and prefix != self._prefix:
            return OTHER_TEXT
        length = self._size + len(self._spec.joiner) + len(frame.text)
        return TOO_LONG if length > self._spec.max_message_bytes else ""

    def add(self, frame: Frame, now: float) -> None:
        """One more frame of the message."""
        spec, text = self._spec, frame.text
        if self.goes_on:
            text = text[spec.repeated_prefix + spec.block_mark :]
        elif self._texts:
            text = spec.joiner + text
        elif self._spoiled_until is not None and now > self._spoiled_until:
            self._spoiled_until = None  # the line was silent: another message begins
        if frame.goes_on and not self.goes_on:
            self._prefix = frame.text[: spec.repeated_prefix]
        self.goes_on = frame.goes_on
        self._texts.append(text)
        self._size += len(text)
        self._last = frame.wire

    def take(self, rest: bytes = b"") -> tuple[bytes, bytes]:
        """Text and bytes of the message; then nothing is here. `rest` is the text of a frame that has no end."""
        text, wire = b"".join(self._texts), bytes(self._wire) + rest
        if rest:
            text += self._spec.joiner + rest if text else rest
        self._texts.clear()
        self._size = 0
        self._wire.clear()
        self.goes_on = False
        self._spoiled_until = None
        return text, wire
