"""HL7 analyzers over MLLP for the bench: closed loop, every acknowledgement checked. Standard library alone.

The message is the peer's own, so that node and peer are given the same work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from tests.bench import peer

_ID, _SAMPLE = b"P00000000", b"S0"


class Template:
    """A message prepared once, cut where its control id and its sample id stand."""

    def __init__(self) -> None:
        text = peer.message(0).replace(b"|T|2.5.1", b"|P|2.5.1")  # a patient's, not training
        self._head, rest = text.split(_ID)
        self._parts = rest.split(_SAMPLE)

    def message(self, sample_id: str) -> bytes:
        """The block for one specimen; its control id is the sample id."""
        written = sample_id.encode()
        return self._head + written + written.join(self._parts)


class BenchAnalyzer(asyncio.Protocol):
    """One connection; sends `sessions` messages, then reports that it is done."""

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
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.buffer.endswith(b"\x1c\r"):
            return
        reply, self.buffer = self.buffer, b""
        if b"\rMSA|AA|" + self.sample_id.encode() + b"\r" not in reply:
            self.bad += 1
            self.transport.abort()
            return
        self.times.append(time.monotonic() - self.started)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _next(self) -> None:
        if self.number == self.sessions:
            self.done.set_result(None)
            return
        self.sample_id = f"{self.name}{self.number:06d}"
        self.number += 1
        self.started = self.sent_at[self.sample_id] = time.monotonic()
        self.transport.write(self.template.message(self.sample_id))


async def run(
    ports: list[int], connections: int, sessions: int, run_name: str
) -> dict[str, object]:
    """Drive the load; connection n goes to port n mod the number of ports."""
    loop = asyncio.get_running_loop()
    template = Template()
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
    parser.add_argument("--sessions", type=int, default=400, help="messages of each connection")
    parser.add_argument("--run", default="H0", help="beginning of every sample id")
    a = parser.parse_args()
    ports = [int(port) for port in a.ports.split(",")]
    print(json.dumps(asyncio.run(run(ports, a.connections, a.sessions, a.run))))


if __name__ == "__main__":
    main()
