"""Changes one character of a case after the other, checksums put right again, and says where nobody noticed.

`python -m tests.kit.mutations [driver ...]` changes every character of every value, unit, code and identifier of every
case, and lists what was not noticed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from middleware.driver.api import Driver
from middleware.driver.catalogue import load_catalogue
from middleware.wire.framed import ChecksumKind
from middleware.wire.framed.checksums import CHECKSUMS
from tests.kit.driver_cases import CONTEXT, FILE, SESSION, case_folders, driver_of
from tests.kit.driver_session import Played, play, play_file, read_session
from tests.kit.mutation_fields import (
    WITH_PATHS,
    field_of,
    is_wanted,
    marks_of,
    texts_read,
    wanted_fields,
)

_LIS1_FRAME = re.compile(rb"\x02([0-7])(.*)([\x03\x17])([0-9A-Fa-f]{2})?([\r\n]*)", re.DOTALL)
_CONTROL = 0x20
_FRAMED_START, _FRAMED_ENDS = 0x02, (0x03, 0x17, 0x1D)


class Place(NamedTuple):
    """One character of a case: which write, which byte of it, and which character of the whole text."""

    step: int
    offset: int
    at: int


@dataclass(frozen=True)
class Case:
    """A case with the driver that reads it."""

    folder: Path
    driver: Driver
    steps: tuple[bytes, ...]
    is_file: bool

    @property
    def name(self) -> str:
        return f"{driver_of(self.folder)}/{self.folder.name}"

    @property
    def protocol(self) -> str:
        return self.driver.profile.driver.protocol

    def read(self, steps: tuple[bytes, ...]) -> dict[str, Any]:
        """What is compared with expected.json."""
        if self.is_file:
            return _words(play_file(self.driver, b"".join(steps), CONTEXT))
        return _words(play(self.driver, steps, CONTEXT))

    def mutated(self, place: Place) -> tuple[bytes, ...]:
        """The writes of the case with one character changed."""
        step = bytearray(self.steps[place.step])
        step[place.offset] = _another(step[place.offset])
        changed = self._repaired(self.steps[place.step], bytes(step))
        return (*self.steps[: place.step], changed, *self.steps[place.step + 1 :])

    def _repaired(self, before: bytes, after: bytes) -> bytes:
        """`after` with the checksum that it needs, when `before` had the right one."""
        if self.is_file:
            return after
        if self.protocol == "framed":
            return _repaired_telegram(self.driver, before, after)
        return _repaired_frame(before, after)

    def text(self) -> tuple[bytes, list[Place]]:
        """All text without the framing, and where each of its characters stands."""
        body, places = bytearray(), []
        for number, step in enumerate(self.steps):
            begin, end = self._text_of(step)
            places += [
                Place(number, offset, len(body) + offset - begin) for offset in range(begin, end)
            ]
            body += step[begin:end]
        return bytes(body), places

    def _text_of(self, step: bytes) -> tuple[int, int]:
        frame = _LIS1_FRAME.fullmatch(step) if self.protocol == "lis2" else None
        if frame is not None and not self.is_file:
            return frame.start(2), frame.end(2)
        if self.protocol == "framed" and step[:1] == b"\x02":
            ends = [step.rfind(end) for end in _FRAMED_ENDS]
            return 1, max(ends) if max(ends) > 0 else len(step)
        return 0, len(step)


def _words(played: Played) -> dict[str, Any]:
    return {
        "quirks": sorted(played.quirks),
        "refused_frames": played.refused,
        "unreadable": [str(error) for error in played.errors],
        "messages": [
            envelope.model_dump(mode="json", exclude_defaults=True) for envelope in played.envelopes
        ],
    }


def _another(byte: int) -> int:
    """Another character of the same kind: the next digit or letter; `x` for what is neither."""
    for first, last in (b"09", b"az", b"AZ"):
        if first <= byte <= last:
            return byte + 1 if byte < last else first
    return b"x"[0]


def _repaired_frame(before: bytes, after: bytes) -> bytes:
    old, new = _LIS1_FRAME.fullmatch(before), _LIS1_FRAME.fullmatch(after)
    if old is None or new is None or old[4] is None or int(old[4], 16) != _sum(old):
        return after
    return after[: new.start(4)] + b"%02X" % _sum(new) + after[new.end(4) :]


def _sum(frame: re.Match[bytes]) -> int:
    return sum(frame[1] + frame[2] + frame[3]) % 256


def _repaired_telegram(driver: Driver, before: bytes, after: bytes) -> bytes:
    frame = driver.profile.protocol.get("frame", {})
    kind = ChecksumKind(frame.get("checksum", ChecksumKind.NONE))
    length, function = CHECKSUMS[kind]
    end = max(before.rfind(one) for one in _FRAMED_ENDS)
    if not length or end < 0 or before[0] != _FRAMED_START:
        return after
    begin = 0 if frame.get("covers_start") else 1
    stop = end + (1 if frame.get("covers_end", True) else 0)
    sent = before[end + 1 : end + 1 + length]
    if function(before[begin:stop]).lower() != sent.lower():
        return after
    right = function(after[begin:stop])
    right = right.lower() if sent.islower() else right
    return after[: end + 1] + right + after[end + 1 + length :]


def cases() -> Iterator[Case]:
    """Every case of every driver in the tree."""
    catalogue = load_catalogue()
    for folder in case_folders():
        is_file = (folder / FILE).exists()
        text = (folder / (FILE if is_file else SESSION)).read_text(encoding="utf-8")
        yield Case(folder, catalogue.driver(driver_of(folder)), tuple(read_session(text)), is_file)


def unnoticed(case: Case, places: Iterable[Place]) -> list[Place]:
    """The places whose change leaves everything that is compared as it was."""
    expected = case.read(case.steps)
    return [place for place in places if case.read(case.mutated(place)) == expected]


def checked_places(case: Case) -> list[Place]:
    """Every character of a value, unit, code or identifier that the case's profile names."""
    text, places = case.text()
    wanted, marks = wanted_fields(case.driver.profile), marks_of(text)
    return [
        place
        for place in places
        if text[place.at] >= _CONTROL and is_wanted(field_of(text, place.at, marks), wanted)
    ]


def occurrences(case: Case) -> Iterator[tuple[str, list[list[Place]]]]:
    """Each text that was read, and the places of its characters wherever it stands."""
    text, places = case.text()
    for read in sorted(texts_read(case.read(case.steps), case.driver.profile, text)):
        sought = re.escape(read.encode("latin-1", "replace"))
        spans = [found.span() for found in re.finditer(b"(?=(" + sought + b"))", text)]
        yield read, [places[begin : begin + len(read)] for begin, _ in spans]


def survivors(case: Case) -> list[str]:
    """What could be changed without notice, in words."""
    if case.protocol in WITH_PATHS:
        text, _ = case.text()
        left = unnoticed(case, checked_places(case))
        return sorted({f"{case.name} {_name_of(text, place.at)}" for place in left})
    return [
        f"{case.name} {read}"
        for read, found in occurrences(case)
        if not any(not unnoticed(case, one) for one in found)
    ]


def _name_of(text: bytes, at: int) -> str:
    name, field, component = field_of(text, at, marks_of(text)) or ("", 0, 0)
    return f"{name}-{field}.{component}"


def main(wanted: list[str]) -> None:
    left: list[str] = []
    for case in cases():
        if not wanted or driver_of(case.folder) in wanted:
            found = survivors(case)
            left += found
            print(case.name, case.protocol, len(checked_places(case)), len(found), flush=True)
    print("\n".join(left), f"\n{len(left)} not noticed")


if __name__ == "__main__":
    main(sys.argv[1:])
