"""`python -m tests.bench.serial_efficiency`: how much of a serial line's speed a whole node leaves unused.

An analyzer of the standard library sends sessions of 240-character frames over a null modem that is exactly as
slow as a real line. Efficiency is the ideal time of all bytes on the wire, both ways, divided by the time it took.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kit.node_process import NodeProcess
from tests.kit.plain_analyzer import ACK, ENQ, EOT, frames, result_records

CHARACTER_BITS = 10  # 8N1
FRAME_TEXT = 240
# What is asked of a line of each speed.
TARGETS = {9600: 0.98, 115200: 0.90}
REPLY_LIMIT_S = 15.0


@dataclass
class Measured:
    """One run at one speed."""

    ideal_s: float
    elapsed_s: float
    turnarounds_ms: list[
        float
    ]  # from the last byte of a frame on the wire to the first of its answer

    @property
    def efficiency(self) -> float:
        return self.ideal_s / self.elapsed_s


class SerialAnalyzer:
    """Sends sessions over a port, and keeps count of bytes and times."""

    def __init__(self, port: Path, baud: int) -> None:
        self._descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._descriptor)
        self._character_s = CHARACTER_BITS / baud
        self.count = 0
        self.turnarounds_ms: list[float] = []

    def close(self) -> None:
        os.close(self._descriptor)

    def say(self, data: bytes) -> None:
        """Write `data`, and wait for the host's ACK."""
        began = time.monotonic()
        os.write(self._descriptor, data)
        reply = os.read(self._descriptor, 16)
        if reply != ACK:
            raise SystemExit(f"the node answered {reply!r}, not ACK")
        wire = (len(data) + len(reply)) * self._character_s
        self.turnarounds_ms.append(1000 * (time.monotonic() - began - wire))
        self.count += len(data) + len(reply)

    def end_session(self) -> None:
        os.write(self._descriptor, EOT)
        self.count += len(EOT)

    def first_word(self) -> None:
        """Until the node has its port: an empty session, which is not measured."""
        until = time.monotonic() + REPLY_LIMIT_S
        attributes = termios.tcgetattr(self._descriptor)
        attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 0, 2
        termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)
        os.write(self._descriptor, ENQ)
        while os.read(self._descriptor, 16) != ACK:
            if time.monotonic() > until:
                raise SystemExit("the node does not answer")
        os.write(self._descriptor, EOT)
        tty.setraw(self._descriptor)
        time.sleep(0.1)


def message(sample_id: str, comments: int) -> list[bytes]:
    """A result with comments that fill frames of 240 characters."""
    records = result_records(sample_id, tests=1)
    texts = [b"C|%d|I|" % number for number in range(1, comments + 1)]
    full = [text + b"x" * (FRAME_TEXT - 1 - len(text) - 2) + b"|G" for text in texts]
    return frames(records[:-1] + full + records[-1:], FRAME_TEXT)


def run(port: Path, baud: int, sessions: int, comments: int) -> Measured:
    """Sessions one after another, without a pause."""
    analyzer = SerialAnalyzer(port, baud)
    analyzer.first_word()
    made = [message(f"SE{os.getpid()}-{number}", comments) for number in range(sessions)]
    began = time.monotonic()
    for number, session in enumerate(made):
        if number:
            analyzer.end_session()
        analyzer.say(ENQ)
        for one in session:
            analyzer.say(one)
    elapsed = time.monotonic() - began
    ideal = analyzer.count * CHARACTER_BITS / baud
    analyzer.end_session()
    analyzer.close()
    return Measured(ideal, elapsed, analyzer.turnarounds_ms)


@contextlib.contextmanager
def bench(baud: int) -> Iterator[Path]:
    """A null modem, a node at one end, its LIS; gives the analyzer's end."""
    with tempfile.TemporaryDirectory(prefix="labwire-serial-") as folder:
        ends = Path(folder) / "analyzer", Path(folder) / "node"
        command = [sys.executable, "-m", "emulators", "null-modem", "--baud", str(baud)]
        with (
            _started([*command, "--links", *map(str, ends)]),
            _started([sys.executable, "-m", "tests.bench.sink"]) as lis_port,
        ):
            node = NodeProcess(Path(folder), [], int(lis_port), extra=_line(ends[1], baud))
            node.start()
            try:
                yield ends[0]
            finally:
                node.stop()


@contextlib.contextmanager
def _started(command: list[str]) -> Iterator[str]:
    """A process that says one line when it is ready."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _line(port: Path, baud: int) -> str:
    return (
        '[[line]]\nid = "serial-1"\ndriver = "generic_astm"\nrelease = "auto"\n'
        f'transport = {{ type = "serial", port = "{port}", baud = {baud} }}\n'
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baud", type=int, nargs="*", default=sorted(TARGETS))
    parser.add_argument("--frames", type=int, default=400, help="full frames at each speed")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print("| baud | efficiency (median, lowest) | asked | turn-around p50 / p99 ms |")
    print("| ---: | ---: | ---: | ---: |")
    is_good = True
    for baud in chosen.baud:
        comments = 40
        # A slow line needs few frames to be measured well: about a quarter of a minute each round.
        sessions = max(1, min(chosen.frames, baud // 160) // comments)
        rounds = []
        for _ in range(chosen.rounds):
            with bench(baud) as port:
                rounds.append(run(port, baud, sessions, comments))
        efficiencies = [one.efficiency for one in rounds]
        turns = sorted(turn for one in rounds for turn in one.turnarounds_ms)
        asked = TARGETS.get(baud, 0.0)
        is_good = is_good and statistics.median(efficiencies) >= asked
        print(
            f"| {baud} | {statistics.median(efficiencies):.1%}, {min(efficiencies):.1%} | {asked:.0%} "
            f"| {turns[len(turns) // 2]:.2f} / {turns[int(len(turns) * 0.99)]:.2f} |"
        )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
