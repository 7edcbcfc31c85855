"""A LIS over MLLP for the bench: acknowledges, counts, keeps first arrivals. Standard library alone.

It prints its port when it listens; a line `report <prefix>` on standard input answers one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time


class Arrivals:
    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.control_ids: dict[str, str] = {}
        self.duplicates = 0

    def take(self, sample_id: str, control_id: str) -> None:
        if sample_id in self.first:
            self.duplicates += 1
            return
        self.first[sample_id] = time.monotonic()
        self.control_ids[sample_id] = control_id


class Sink(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self.arrivals = arrivals
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while (end := self.buffer.find(b"\x1c\r")) >= 0:
            block, self.buffer = self.buffer[1:end], self.buffer[end + 2 :]
            control_id = block.split(b"|", 10)[9].decode()
            at = block.find(b"\rOBR|")
            sample_id = block[at + 1 :].split(b"|", 4)[2].split(b"^")[0].decode()
            self.arrivals.take(sample_id, control_id)
            replies.append(
                f"\x0bMSH|^~\\&|LIS||LABWIRE||20260314092601||ACK^R01^ACK|A{control_id}|P|2.5.1\r"
                f"MSA|AA|{control_id}\r\x1c\r".encode()
            )
        self.transport.write(b"".join(replies))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    arrivals = Arrivals()
    server = await loop.create_server(lambda: Sink(arrivals), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        prefix = line.split()[1]
        first = {key: at for key, at in arrivals.first.items() if key.startswith(prefix)}
        print(json.dumps({"first": first, "duplicates": arrivals.duplicates}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
