"""Plays a recording of any folder of the corpus into a driver, and mends what a logger lost of one."""

from __future__ import annotations

import re
from dataclasses import replace

from middleware.driver.api import DecodeContext, Driver
from tests.kit.driver_session import Played, play, play_file
from tests.kit.framed_recordings import DRIVERS, steps_of, with_right_check
from tests.kit.hl7_recordings import blocks, framed
from tests.kit.recordings import Recording

FOLDERS = ("astm", "astm-records", "hl7", "other", "file")
CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")
_OF_FILES = frozenset({"astm-records", "file"})
_FRAME = re.compile(rb"\x02(?:[0-7](?=[A-Z]\|))?(?P<text>[^\x02\x03]*\x03).*", re.DOTALL)


def context_of(folder: str) -> DecodeContext:
    """How the texts of a folder are decoded."""
    return replace(CONTEXT, is_file=folder in _OF_FILES)


def play_recording(folder: str, recording: Recording, driver: Driver, mend: bool = False) -> Played:
    """Everything that the driver's own link takes of a recording, or of a file as it is."""
    if folder in _OF_FILES:
        return play_file(driver, recording.data, CONTEXT)
    if folder == "hl7":
        return play(driver, blocks(framed(recording.data)), CONTEXT)
    if folder == "other" and recording.name in DRIVERS:
        steps = steps_of(recording)
        return play(driver, [with_right_check(one) for one in steps] if mend else steps, CONTEXT)
    return play(driver, _mended(recording.steps()) if mend else recording.steps(), CONTEXT)


def _mended(steps: list[bytes]) -> list[bytes]:
    """The same frames with the numbers and checksums that LIS01-A2 6.3.2.1 and 6.3.3 give them."""
    mended, number = [], 0
    for step in steps:
        frame = _FRAME.fullmatch(step)
        if frame is None:
            mended.append(step)
            continue
        number = (number + 1) % 8
        body = b"%d" % number + frame["text"]
        mended.append(b"\x02" + body + b"%02X\r\n" % (sum(body) % 256))
    return mended
