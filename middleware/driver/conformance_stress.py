"""What lines really do to a driver: bytes one by one, cuts anywhere, damaged and hostile bytes. Seeded, and bounded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from middleware.driver.api import Driver, IdentifyingDriver
from middleware.driver.cases import (
    CASE_CONTEXT,
    CASES,
    FILE,
    SESSION,
    Played,
    play,
    play_file,
    read_session,
)
from middleware.errors import DriverError, MiddlewareError

SEED = 20310314
_LONGEST_CASE = 64 * 1024
_HOSTILE_BYTES = 32 * 1024
_READ = 1024
_DAMAGED = 24
_WAYS_TO_CUT = 3


def stress(driver: Driver, folder: Path) -> Iterator[str]:
    """A sentence for everything that the driver does wrong under stress."""
    rng = random.Random(SEED)  # noqa: S311 - the same bytes in every run
    for path in sorted((folder / CASES).glob(f"*/{SESSION}")):
        steps = _steps(path)
        if steps and sum(map(len, steps)) <= _LONGEST_CASE:
            yield from _cut_anywhere(driver, steps, path.parent.name, rng)
            yield from _damaged(driver, steps, path.parent.name, rng)
    for path in sorted((folder / CASES).glob(f"*/{FILE}")):
        data = b"".join(_steps(path))
        if data and len(data) <= _LONGEST_CASE:
            yield from _damaged_file(driver, data, path.parent.name, rng)
    yield from _hostile(driver, rng)


def _steps(path: Path) -> list[bytes]:
    try:
        return read_session(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError):
        return []  # told where the case is checked


def _cut_anywhere(
    driver: Driver, steps: list[bytes], case: str, rng: random.Random
) -> Iterator[str]:
    whole = play(driver, steps, CASE_CONTEXT)
    ways: dict[str, Callable[[bytes], list[bytes]]] = {"byte by byte": _bytes_of}
    ways |= {
        f"in random cuts ({number})": lambda step: _cuts_of(step, rng)
        for number in range(1, _WAYS_TO_CUT)
    }
    for how, cut in ways.items():
        complaint, came = _tried(lambda cut=cut: _play_cut(driver, steps, cut))  # type: ignore[misc]
        if complaint:
            yield f"Case {case}, {how}: {complaint}"
        elif came is not None and came.texts != whole.texts:
            yield f"Case {case}, {how}: {len(came.texts)} messages came, {len(whole.texts)} when sent in one piece."


def _play_cut(driver: Driver, steps: list[bytes], cut: Callable[[bytes], list[bytes]]) -> Played:
    pieces = [piece for step in steps for piece in cut(step)]
    return play(driver, pieces, CASE_CONTEXT, waits=False)


def _bytes_of(step: bytes) -> list[bytes]:
    return [step[at : at + 1] for at in range(len(step))]


def _cuts_of(step: bytes, rng: random.Random) -> list[bytes]:
    edges = sorted({0, len(step), *(rng.randrange(len(step) + 1) for _ in range(4))})
    return [step[a:b] for a, b in pairwise(edges)]


def _damaged(driver: Driver, steps: list[bytes], case: str, rng: random.Random) -> Iterator[str]:
    """One byte changed, or the end cut off: the link and the driver say so, and go on."""
    for _ in range(_DAMAGED):
        number = rng.randrange(len(steps))
        hurt = [*steps[:number], _hurt(steps[number], rng), *steps[number + 1 :]]
        complaint, _came = _tried(lambda hurt=hurt: play(driver, hurt, CASE_CONTEXT))  # type: ignore[misc]
        if complaint:
            yield f"Case {case} with a damaged byte: {complaint}"
            return
    for text in play(driver, steps, CASE_CONTEXT).texts:
        yield from _cut_short(driver, text, f"Case {case}")


def _cut_short(driver: Driver, text: bytes, case: str) -> Iterator[str]:
    for end in range(0, len(text), max(1, len(text) // _DAMAGED)):
        complaint, _came = _tried(lambda end=end: _read(driver, text[:end]))  # type: ignore[misc]
        if complaint:
            yield f"{case}, message cut short after {end} bytes: {complaint}"
            return


def _damaged_file(driver: Driver, data: bytes, case: str, rng: random.Random) -> Iterator[str]:
    for _ in range(_DAMAGED):
        hurt = _hurt(data, rng)
        complaint, _came = _tried(lambda hurt=hurt: play_file(driver, hurt, CASE_CONTEXT))  # type: ignore[misc]
        if complaint:
            yield f"Case {case} with a damaged byte: {complaint}"
            return


def _hurt(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    if rng.random() < 0.3:  # noqa: PLR2004
        return data[:at]
    return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]


def _hostile(driver: Driver, rng: random.Random) -> Iterator[str]:
    """Random bytes, and a start without an end."""
    has_link = _has_link(driver)
    noise = rng.randbytes(_HOSTILE_BYTES)
    endless = b"\x05\x02\x0b" + b"A" * _HOSTILE_BYTES
    for what, data in (("random bytes", noise), ("a message without an end", endless)):
        reads = [data[at : at + _READ] for at in range(0, len(data), _READ)] if has_link else []
        if reads:
            complaint, _came = _tried(lambda reads=reads: play(driver, reads, CASE_CONTEXT))  # type: ignore[misc]
            if complaint:
                yield f"The link, given {what}: {complaint}"
        complaint, _came = _tried(lambda data=data: _read(driver, data))  # type: ignore[misc]
        if complaint:
            yield f"The driver, given {what}: {complaint}"


def _has_link(driver: Driver) -> bool:
    """A driver of files has none, and says so."""
    try:
        driver.make_link({})
    except DriverError:
        return False
    return True


def _read(driver: Driver, text: bytes) -> Played:
    driver.kind(text)
    if isinstance(driver, IdentifyingDriver):
        driver.identify(text)
    try:
        driver.decode(text, CASE_CONTEXT)
    except DriverError:
        return Played()  # refused with a reason: as it should be
    return Played()


def _tried(act: Callable[[], Played]) -> tuple[str, Played | None]:
    """What went wrong, in words; a driver may refuse with a DriverError and nothing else."""
    try:
        return "", act()
    except MiddlewareError as error:
        return f"{type(error).__name__} where only DriverError may come: {error}", None
    except Exception as error:  # noqa: BLE001 - a third party's code may raise anything; it is reported by name
        return f"{type(error).__name__}: {error}", None
