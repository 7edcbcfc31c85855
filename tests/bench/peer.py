"""The named peer: the MLLP server of the `hl7` package (parses and acknowledges, stores nothing), and its load."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

MESSAGE_RESULTS = 12


def message(number: int) -> bytes:
    """An ORU^R01 of 12 results, the size of what the node delivers for one bench session."""
    obx = "".join(
        f"OBX|{n}|NM|T{n:02d}^^99LAB||{n}.4|mmol/L|1.0-99.0|N|||F|||20260314092210+0100||||PLAIN-CHEM\r"
        for n in range(1, MESSAGE_RESULTS + 1)
    )
    return (
        f"\x0bMSH|^~\\&|LABWIRE||LIS||20260314092600||ORU^R01^ORU_R01|P{number:08d}|T|2.5.1\r"
        f"PID|1||L-55012\rOBR|1|S{number}|S{number}|T01^^99LAB\r{obx}SPM|1|S{number}||SER\r\x1c\r"
    ).encode()


async def serve() -> None:
    """Run the peer until killed; prints its port."""
    import hl7.mllp  # noqa: PLC0415  installed only with the bench extra

    async def answer(reader, writer):  # type: ignore[no-untyped-def]
        try:
            while not writer.is_closing():
                received = await reader.readmessage()
                writer.writemessage(received.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await hl7.mllp.start_hl7_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Sender(asyncio.Protocol):
    def __init__(self, first: int, count: int, done: asyncio.Future[None]) -> None:
        self.next, self.last, self.done = first, first + count, done
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(message(self.next))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if b"\x1c\r" not in self.buffer:
            return
        self.buffer = b""
        self.next += 1
        if self.next == self.last:
            self.done.set_result(None)
            return
        self.transport.write(message(self.next))


async def _load(port: int, connections: int, count: int) -> float:
    loop = asyncio.get_running_loop()
    waiting = []
    begun = time.monotonic()
    for n in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(
            lambda n=n, done=done: Sender(n * count, count, done), "127.0.0.1", port
        )
        waiting.append(done)
    await asyncio.gather(*waiting)
    return connections * count / (time.monotonic() - begun)


def measure(connections: int, count: int) -> float:
    """Messages a second of the peer, with the load in a process of its own, as for the node."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.peer", "serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.peer", "load", port, str(connections), str(count)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return float(json.loads(done.stdout))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    else:
        print(json.dumps(asyncio.run(_load(*(int(one) for one in sys.argv[2:5])))))
