"""From a file that somebody recorded to what the analyzer sent, however it was written down."""

from __future__ import annotations

import re
from dataclasses import dataclass

from middleware.draft.log_lines import Line, cut_lines, mark_of_analyzer
from middleware.draft.text_forms import (
    Form,
    form_of,
    from_carets,
    from_escapes,
    from_hex,
    from_names,
    from_numbers,
    without_pictures,
)
from middleware.errors import WireError
from middleware.wire.capture import FIRST_LINE, Way, read_capture
from middleware.wire.lis1.frame import checksum

LARGEST_RECORDING = 8 * 1024 * 1024
_FRAME = re.compile(rb"\x02([^\x02\x03\x17]*?)([\r\n]*)([\x03\x17])[\r\n]*([0-9A-Fa-f]{2})?[\r\n]*")
_AFTER_SESSION = re.compile(rb"([\x04\x05])[\r\n]+")
_REPLIES = b"\x06\x15"
_OUTSIDE = re.compile(rb"(\x02[^\x02\x03\x17]*[\x03\x17][^\x02\x05\x04]*)|[\x06\x15]+")


@dataclass(frozen=True, slots=True)
class Recording:
    """What the analyzer sent, in order. `notes` say what was done to the recording, as sentences.

    `is_exact`: the bytes are those of the wire; False where a log had lost some and they were put back.
    """

    data: bytes
    form: Form
    is_exact: bool
    notes: tuple[str, ...] = ()


_BACK = {
    Form.NAMES: from_names,
    Form.CARETS: from_carets,
    Form.ESCAPES: from_escapes,
    Form.NUMBERS: from_numbers,
    Form.HEX: from_hex,
}


class NoRecording(WireError):
    """The file holds nothing that an analyzer could have sent."""

    code = "no-recording"


def read_recording(data: bytes) -> Recording:
    """Read a file. Raises NoRecording when nothing is in it, RemoteProtocolError when a capture is damaged."""
    if len(data) > LARGEST_RECORDING:
        raise NoRecording(
            f"the file has {len(data)} bytes; at most {LARGEST_RECORDING} are read",
            what_to_do="Cut out some sessions that show everything.",
        )
    if not data.strip():
        raise NoRecording("the file is empty", what_to_do="Record at least one result.")
    if data.startswith(FIRST_LINE.encode()):
        return _of_capture(data)
    data = without_pictures(data)
    text = data.decode("latin-1")
    lines, is_fronted = ([], False) if _is_plain(data) else cut_lines(text)
    body = "\n".join(line.text for line in lines) if is_fronted else text
    form = form_of(body.encode("latin-1"))
    if form is Form.BYTES and not is_fronted:
        return Recording(_without_replies(data), form, is_exact=True)
    if form is Form.BYTES and not _looks_like_traffic(body):
        return Recording(data, form, is_exact=True)
    return _of_log(lines if is_fronted else [Line("", body)], form, is_fronted=is_fronted)


def _is_plain(data: bytes) -> bool:
    """Control characters of frames are there as bytes: no logger wrote lines of its own."""
    return any(byte in data for byte in (b"\x02", b"\x05", b"\x0b", b"\x1c"))


def _looks_like_traffic(body: str) -> bool:
    return bool(re.search(r"(?m)^\W?\d?(?:H[|!;][\\^&~]|MSH[|]\^)", body))


def _of_capture(data: bytes) -> Recording:
    moments = read_capture(data.decode("utf-8").splitlines(keepends=True))
    sent = b"".join(one.data for one in moments if one.way is Way.FROM_ANALYZER)
    if not sent:
        raise NoRecording(
            "the capture holds nothing that an analyzer sent",
            what_to_do="Record again while the analyzer sends results.",
        )
    return Recording(sent, Form.CAPTURE, is_exact=True)


def _of_log(lines: list[Line], form: Form, *, is_fronted: bool) -> Recording:
    notes = [f"The recording is {form.value}."]
    ours = mark_of_analyzer(lines)
    if is_fronted:
        notes.append("Times and marks in front of its lines were dropped.")
    if ours:
        notes.append(
            f"Lines marked {ours!r} were taken as the analyzer's; the others as answers to it."
        )
        lines = [line for line in lines if line.mark in (ours, "")]
    text = "\n".join(line.text for line in lines)
    back = _BACK.get(form)
    data = back(text) if back is not None else text.encode("latin-1")
    data = _without_replies(data)
    mended = _with_line_ends(data)
    if mended != data:
        notes.append("Carriage returns and line feeds that the log had lost were put back.")
    return Recording(mended, form, is_exact=mended == data, notes=tuple(notes))


def _without_replies(data: bytes) -> bytes:
    """Without the ACK and NAK of the other end, which a log of both directions holds between the frames."""
    if not any(byte in data for byte in _REPLIES) or b"\x02" not in data:
        return data
    return _OUTSIDE.sub(lambda found: _no_reply(found[1]) if found[1] else b"", data)


def _no_reply(frame: bytes) -> bytes:
    end = max(frame.rfind(b"\x03"), frame.rfind(b"\x17"))
    return frame[:end] + frame[end:].translate(None, _REPLIES)


def _with_line_ends(data: bytes) -> bytes:
    """Frames as they were on the wire: the checksum says whether CR, CR LF or nothing stood before the end."""
    return _FRAME.sub(_mended_frame, _AFTER_SESSION.sub(rb"\1", data))


def _mended_frame(found: re.Match[bytes]) -> bytes:
    text, line_end, end, said = found[1], found[2], found[3], found[4]
    if said is None:
        return found[0]
    text = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r")
    for ending in (b"\r", line_end, b"", b"\r\n"):
        for body in (text + ending, text.replace(b"\r", b"\r\n") + ending):
            if checksum(body + end) == said.upper():
                return b"\x02" + body + end + said + b"\r\n"
    return b"\x02" + text + (b"\r" if end == b"\x03" else b"") + end + said + b"\r\n"
