"""LIS01-A2 analyzers over TCP for the bench: closed loop, every acknowledgement checked. Standard library alone."""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from tests.kit.plain_analyzer import ACK, ENQ, EOT, frame, frames, result_records

PLACEHOLDER = "@TOKEN@"


class Template:
    """A session prepared once; only the frame with the sample id is built again for each specimen."""

    def __init__(self, tests: int) -> None:
        records = result_records(PLACEHOLDER, tests)
        self.fixed = frames(records)
        self.at = next(n for n, record in enumerate(records) if PLACEHOLDER.encode() in record)
        self.record = records[self.at]

    def session(self, sample_id: str) -> list[bytes]:
        made = list(self.fixed)
        text = self.record.replace(PLACEHOLDER.encode(), sample_id.encode()) + b"\r"
        made[self.at] = frame(self.at + 1, text)
        return made


class BenchAnalyzer(asyncio.Protocol):
    """One connection; sends `sessions` sessions, then reports that it is done."""

    def __init__(
        self, name: str, sessions: int, template: Template, done: asyncio.Future[None]
    ) -> None:
        self.name = name
        self.sessions = sessions
        self.template = template
        self.done = done
        self.number = 0
        self.times: list[float] = []
        self.sent_at: dict[str, float] = {}
        self.bad = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next_session(b"")

    def data_received(self, data: bytes) -> None:
        for reply in data:
            if reply != ACK[0]:
                self.bad += 1
                self.transport.abort()
                return
            self._acknowledged()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _next_session(self, before: bytes) -> None:
        if self.number == self.sessions:
            self.transport.write(before)
            self.done.set_result(None)
            return
        self.sample_id = f"{self.name}{self.number:06d}"
        self.number += 1
        self.frames = self.template.session(self.sample_id)
        self.position = 0
        self.started = time.monotonic()
        self.transport.write(before + ENQ)

    def _acknowledged(self) -> None:
        if self.position == len(self.frames):
            self.times.append(time.monotonic() - self.started)
            self._next_session(EOT)
            return
        if self.position == len(self.frames) - 1:
            self.sent_at[self.sample_id] = time.monotonic()
        self.transport.write(self.frames[self.position])
        self.position += 1


async def run(
    ports: list[int], connections: int, sessions: int, tests: int, run_name: str
) -> dict[str, object]:
    """Drive the load; connection n goes to port n mod the number of ports."""
    loop = asyncio.get_running_loop()
    template = Template(tests)
    analyzers: list[BenchAnalyzer] = []
    begun = time.monotonic()
    for n in range(connections):
        analyzer = BenchAnalyzer(f"{run_name}{n:03d}", sessions, template, loop.create_future())
        await loop.create_connection(lambda one=analyzer: one, "127.0.0.1", ports[n % len(ports)])
        analyzers.append(analyzer)
    await asyncio.gather(*(analyzer.done for analyzer in analyzers))
    return {
        "begun": begun,
        "ended": time.monotonic(),
        "good": sum(len(analyzer.times) for analyzer in analyzers),
        "bad": sum(analyzer.bad for analyzer in analyzers),
        "session_s": sorted(one for analyzer in analyzers for one in analyzer.times),
        "sent_at": {key: at for analyzer in analyzers for key, at in analyzer.sent_at.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", required=True, help="ports of the lines, comma separated")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=400, help="sessions of each connection")
    parser.add_argument("--tests", type=int, default=12, help="results of each session")
    parser.add_argument("--run", default="B0", help="beginning of every sample id")
    a = parser.parse_args()
    ports = [int(port) for port in a.ports.split(",")]
    print(json.dumps(asyncio.run(run(ports, a.connections, a.sessions, a.tests, a.run))))


if __name__ == "__main__":
    main()
