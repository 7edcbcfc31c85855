"""How telegrams that follow no standard are framed: start, end, checksum, found by trying."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from middleware.draft.evidence import Findings, Literal
from middleware.wire.capture import lossless
from middleware.wire.framed.checksums import CHECKSUMS, ChecksumKind

_ENDS = (b"\x03", b"\x1d", b"\x17", b"\x1e", b"\x04")
_MOST_FRAMES = 200
_FEWEST_MARKS = 8


@dataclass
class Framed:
    """Telegrams and the words of `[protocol.frame]`; `steps` as an analyzer would send them."""

    texts: list[str]
    frame: dict[str, Literal] = field(default_factory=dict)
    steps: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_frames(data: bytes) -> Framed | None:
    """The telegrams in a recording; None when nothing separates them."""
    if b"\x02" in data:
        return _between_marks(data)
    if b"\x05" in data or b"\x04" in data:
        return _without_start(data)
    return _lines(data)


def _between_marks(data: bytes) -> Framed | None:
    frames = data.split(b"\x02")[1:][:_MOST_FRAMES]
    ends = Counter(end for frame in frames for end in _ENDS if end in frame)
    if not ends:
        return None
    end = next(
        one for one in _ENDS if ends[one] >= len(frames) / 2 or one == ends.most_common(1)[0][0]
    )
    whole = [frame for frame in frames if end in frame]
    cut = [frame.partition(end)[::2] for frame in whole]
    found = Framed([body.decode("latin-1") for body, _ in cut])
    found.frame |= {"start": "<STX>", "ends": (lossless(end),)}
    kind, covers_start, covers_end = _checksum(cut, end)
    if kind is not ChecksumKind.NONE:
        found.frame |= {"checksum": str(kind)}
        found.frame |= {} if covers_end else {"covers_end": False}
        found.frame |= {"covers_start": True} if covers_start else {}
    if b"\x05" in data:
        found.frame["enquiry"] = "<ENQ>"
    behind = {byte for _, rest in cut for byte in rest[-2:]} & set(b"\r\n\x04\x03")
    if behind:
        found.frame["ignored"] = "".join(
            lossless(bytes((byte,))) for byte in sorted(behind - set(end))
        )
    starts = [at.start() for at in re.finditer(b"\x02", data)]
    found.steps = [
        data[a:b] for a, b in zip([0, *starts[1:]], [*starts[1:], len(data)], strict=True)
    ]
    return found


def _checksum(cut: Sequence[tuple[bytes, bytes]], end: bytes) -> tuple[ChecksumKind, bool, bool]:
    """The kind that is right in every telegram, and what it covers."""
    kinds = [kind for kind in ChecksumKind if kind is not ChecksumKind.NONE]
    for kind, covers_start, covers_end in product(kinds, (False, True), (True, False)):
        covers = (covers_start, covers_end)
        if all(
            rest.upper().startswith(_sum(kind, body, end, covers).upper()) for body, rest in cut
        ):
            return kind, covers_start, covers_end
    return ChecksumKind.NONE, False, True


def _sum(kind: ChecksumKind, body: bytes, end: bytes, covers: tuple[bool, bool]) -> bytes:
    return CHECKSUMS[kind][1]((b"\x02" if covers[0] else b"") + body + (end if covers[1] else b""))


def _without_start(data: bytes) -> Framed | None:
    """A log that lost STX and ETX: what stands between ENQ and EOT."""
    texts = [text.decode("latin-1") for text in re.findall(rb"[^\x00-\x08\x0b-\x1f]{4,}", data)]
    if not texts:
        return None
    found = Framed(
        texts, {"start": "<STX>", "ends": ("<ETX>",), "enquiry": "<ENQ>", "ignored": "<EOT>"}
    )
    found.steps = [b"\x02" + text.encode("latin-1") + b"\x03" for text in texts]
    found.notes.append(
        "STX and ETX are not in the recording and were put around each telegram: record again as bytes."
    )
    return found


def _lines(data: bytes) -> Framed | None:
    if data.count(b",") + data.count(b"|") + data.count(b";") + data.count(b"\t") < _FEWEST_MARKS:
        return None
    end = b"\n" if b"\n" in data else b"\r"
    lines = [line for line in data.split(end) if line.strip()]
    texts = [line.rstrip(b"\r").decode("latin-1") for line in lines]
    frame: dict[str, Literal] = {"start": "", "ends": (lossless(end),), "ack": "", "nak": ""}
    if end == b"\n":
        frame["ignored"] = "<CR>"
    return Framed(texts, frame, [line + end for line in lines])


def say_frame(found: Framed, findings: Findings) -> None:
    """The guesses about the frame."""
    for name, value in found.frame.items():
        if name == "checksum":
            findings.certain(
                f"protocol.frame.{name}", value, "right in every telegram of the recording"
            )
        else:
            findings.likely(f"protocol.frame.{name}", value, "as recorded")
    if "checksum" not in found.frame and found.frame.get("start"):
        findings.missing.append(
            "No checksum was recognised: ask the maker's manual whether there is one."
        )
    findings.notes += found.notes
