"""Results decoded from bytes to the model, per protocol, on one core, beside a named peer in the same run.

`python -m tests.bench.decode [--results 100000] [--rounds 3]`; `make bench` runs it first. Exit status 1 when
LIS2 or HL7 stays below what is asked.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.finish import finish
from middleware.errors import DriverError
from tests.bench import peer
from tests.kit.driver_session import play
from tests.kit.mutations import Case, cases
from tests.kit.plain_analyzer import ENQ, EOT, frames, result_records

ASKED = 15_000  # results a second of LIS2 and HL7, decoded, on one core
TESTS = 12  # results of one message
OTHERS_SHARE = 5  # rows of which no rate is asked read a fifth of the results
VARIANTS = 500  # messages with ids and values of their own, so that no cache knows them all
CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")
FROM_CASES = {
    "law": "generic_law/results_with_reagents",
    "poct1a": "generic_poct1a/glucose_and_control",
    "columns": "thermo_gallery/run",
    "framed": "fuji_drichem/chemistry",
}


@dataclass(frozen=True)
class Work:
    """One row of the table: `once` reads the message of a number and returns how many results it had."""

    title: str
    once: Callable[[int], int]
    asked: int = 0


@dataclass
class Rate:
    """Results a second of each round, by processor time and by the clock on the wall."""

    by_processor: list[float]
    by_wall: list[float]


def _varied(number: int) -> random.Random:
    return random.Random(number)


def _lis2_records(number: int) -> list[bytes]:
    """A session of 12 results whose sample id and values are of this number alone."""
    rng = _varied(number)
    records = result_records(f"S{number:08d}", TESTS)
    return [_with_value(record, rng) if record.startswith(b"R|") else record for record in records]


def _with_value(record: bytes, rng: random.Random) -> bytes:
    fields = record.split(b"|")
    fields[3] = b"%d.%02d" % (rng.randrange(1000), rng.randrange(100))
    return b"|".join(fields)


def _hl7_message(number: int) -> bytes:
    rng = _varied(number)
    return b"\r".join(
        _with_obx(line, rng) if line.startswith(b"OBX") else line
        for line in peer.message(number)[1:-3].split(b"\r")
    )


def _with_obx(line: bytes, rng: random.Random) -> bytes:
    fields = line.split(b"|")
    fields[5] = b"%d.%02d" % (rng.randrange(1000), rng.randrange(100))
    return b"|".join(fields)


def _decoding(driver: Driver, texts: list[bytes], is_file: bool = False) -> Callable[[int], int]:
    context = DecodeContext(time_zone=CONTEXT.time_zone, encoding=CONTEXT.encoding, is_file=is_file)
    profile, count = driver.profile, len(texts)

    def once(number: int) -> int:
        return len(finish(driver.decode(texts[number % count], context), profile).results)

    return once


def _with_link(driver: Driver, sessions: list[list[bytes]]) -> Callable[[int], int]:
    count = len(sessions)

    def once(number: int) -> int:
        played = play(driver, sessions[number % count], CONTEXT)
        return sum(len(envelope.results) for envelope in played.envelopes)

    return once


def _peer_reading(texts: list[bytes]) -> Callable[[int], int]:
    """The `hl7` package: parse, and read code, value, unit, range and flag of every result, and the ids."""
    import hl7  # noqa: PLC0415  installed only with the bench extra

    decoded, count = [text.decode("ascii") for text in texts], len(texts)

    def once(number: int) -> int:
        message = hl7.parse(decoded[number % count])
        str(message.segment("PID")[3][0])
        str(message.segment("SPM")[2])
        read = 0
        for segment in message.segments("OBX"):
            for field in (3, 5, 6, 7, 8):
                str(segment[field][0])
            read += 1
        return read

    return once


def works() -> Iterator[Work]:
    """Every row: LIS2 and HL7 with messages of their own, the other protocols with a case, and the peer."""
    catalogue = load_catalogue()
    records = [_lis2_records(number) for number in range(VARIANTS)]
    texts = [b"".join(record + b"\r" for record in one) for one in records]
    lis2 = catalogue.driver("generic_astm")
    yield Work("lis2, bytes of a message to the model", _decoding(lis2, texts), ASKED)
    sessions = [[ENQ, *frames(one), EOT] for one in records]
    yield Work("lis2, frames through the link too", _with_link(lis2, sessions))
    messages = [_hl7_message(number) for number in range(VARIANTS)]
    hl7 = catalogue.driver("generic_hl7")
    yield Work("hl7, bytes of a message to the model", _decoding(hl7, messages), ASKED)
    blocks = [[b"\x0b" + one + b"\r\x1c\r"] for one in messages]
    yield Work("hl7, blocks through the link too", _with_link(hl7, blocks))
    for protocol, case in FROM_CASES.items():
        yield _of_case(protocol, case)
    yield Work("peer: hl7 package, the hl7 row's messages read", _peer_reading(messages))


def _of_case(protocol: str, name: str) -> Work:
    case = next(one for one in cases() if one.name == name)
    texts = _texts_with_results(case)
    title = f"{protocol}, {name} again and again"
    return Work(title, _decoding(case.driver, texts, case.is_file))


def _texts_with_results(case: Case) -> list[bytes]:
    if case.is_file:
        return [b"".join(case.steps)]
    return [text for text in play(case.driver, case.steps, CONTEXT).texts if _is_read(case, text)]


def _is_read(case: Case, text: bytes) -> bool:
    try:
        return bool(case.driver.decode(text, CONTEXT).results)
    except DriverError:
        return False


def _measure(work: Work, results: int) -> tuple[float, float]:
    """Results a second, by processor time and by the wall."""
    read = number = 0
    wall, processor = time.perf_counter(), time.process_time()
    while read < results:
        read += work.once(number)
        number += 1
    return read / (time.process_time() - processor), read / (time.perf_counter() - wall)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=int, default=100_000, help="results of each row that has a rate to reach"
    )
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args(arguments)
    rows = list(works())
    rates = [Rate([], []) for _ in rows]
    for turn in range(a.rounds):
        for work, rate in zip(rows, rates, strict=True):
            share = 1 if work.asked else OTHERS_SHARE
            by_processor, by_wall = _measure(work, max(1, a.results // a.rounds // share))
            rate.by_processor.append(by_processor)
            rate.by_wall.append(by_wall)
            print(f"round {turn + 1}: {work.title}: {by_processor:.0f}", file=sys.stderr)
    return _print_table(rows, rates)


def _print_table(rows: list[Work], rates: list[Rate]) -> int:
    yardstick = statistics.median(rates[-1].by_processor)
    print("\nResults decoded from bytes to the model, one core, one process.\n")
    print(
        "| what | results/s of processor time | results/s by the wall | ratio to the peer | asked |"
    )
    print("| --- | ---: | ---: | ---: | ---: |")
    short = 0
    for work, rate in zip(rows, rates, strict=True):
        median = statistics.median(rate.by_processor)
        short += median < work.asked
        spread = f"{median:.0f} [{min(rate.by_processor):.0f} .. {max(rate.by_processor):.0f}]"
        print(f"| {work.title} | {spread} | {statistics.median(rate.by_wall):.0f} "
              f"| {median / yardstick:.1f} | {work.asked or '-'} |")  # fmt: skip
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
