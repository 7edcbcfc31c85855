"""Recorded HL7 messages as an analyzer would send them: in blocks, with what stood around them."""

from __future__ import annotations

START, END = b"\x0b", b"\x1c\r"


def framed(data: bytes) -> bytes:
    """The recording with the start and end byte that its logger left out; nothing else is changed."""
    text = data if START in data else START + data
    return text if END[:1] in text else text + END


def blocks(data: bytes) -> list[bytes]:
    """Each block with what stands before it, as it would be written before waiting for its acknowledgement."""
    pieces = framed(data).split(END[:1])
    whole = [piece + END for piece in pieces if START in piece]
    return [piece.lstrip(b"\r") if number else piece for number, piece in enumerate(whole)]
