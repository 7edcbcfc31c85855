"""A line that is sent work unasked, with an analyzer's end of the wire in the test's hands: ASTM and LAW."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drivers.protocols.lis2 import PROTOCOL
from middleware.driver.profile import read_profile
from middleware.line.wish import SendReport
from middleware.store.work import Claimer
from middleware.wire.events import Event, MessageReceived
from middleware.wire.hl7 import parse
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.kit.law_messages import generic_law, header, message
from tests.kit.line_bench import LineBench
from tests.kit.orders import claimer

ANALYZERS = Path(__file__).parents[2] / "drivers" / "analyzers"
ON_ORDER = {"download": "on_order", "download_retry_s": 30.0}
BY_HAND = {"download": "by_hand"}


def lis2_driver(name: str = "generic_astm") -> Any:
    text = (ANALYZERS / name / "driver.toml").read_text(encoding="utf-8")
    return PROTOCOL.make_driver(read_profile(text, name))


class DownloadBench(LineBench):
    """A line with orders in its store; it is not connected yet."""

    def __init__(
        self, driver: Any, by: Claimer | None = None, orders: Any = None, **more: Any
    ) -> None:
        super().__init__(driver, {"chem-1": by or claimer()}, orders=orders or ON_ORDER, **more)
        self.writer.give_store_id("TEST01")
        self.writer.give_orders()
        self.writer.is_automatic = True
        self.line.start()

    def states(self) -> dict[str, str]:
        return {row["lis_code"]: row["state"] for row in self.writer.steps()}

    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.writer.steps()]

    def news(self) -> None:
        """The node says that there may be work."""
        self.line.downloads.wake()
        self.turn(0.06)

    def want(self, *sample_ids: str, carrier: str = "") -> list[SendReport]:
        """A person wants work sent; the report comes into the list."""
        reports: list[SendReport] = []
        self.line.downloads.send(sample_ids, carrier).done.addCallback(reports.append)
        self.turn()
        return reports


class AstmDownloads(DownloadBench):
    """The analyzer speaks LIS01, frame by frame; it takes every message while `is_on`."""

    def __init__(self, by: Claimer | None = None, orders: Any = None, **more: Any) -> None:
        super().__init__(more.pop("driver", None) or lis2_driver(), by, orders, **more)
        self.link = Lis1Link(Role.INSTRUMENT, Lis1Options())
        self.is_on = True

    def plug_in(self) -> None:
        self.connect()
        self.link = Lis1Link(Role.INSTRUMENT, Lis1Options())
        self.link.connection_made(self.clock.seconds())

    def run(self, seconds: float = 3.0) -> list[str]:
        """Let both talk for so long; the records that the analyzer took."""
        said: list[str] = []
        until = self.clock.seconds() + seconds
        idle = 0
        while self.clock.seconds() < until:
            now = self.clock.seconds()
            out = self.link.bytes_to_send() if self.is_on else b""
            heard = self.send(out) if out else self.hear()
            events: list[Event] = []
            if heard and self.is_on:
                events = self.link.receive_bytes(heard, now)
            for event in events:
                if isinstance(event, MessageReceived):
                    said += event.text.decode().split("\r")[:-1]
                    self.link.commit(event.token, now)
            idle = 0 if (out or heard) and self.is_on else idle + 1
            if idle:
                self.turn(0.05)
                if self.is_on:
                    self.link.on_deadline(self.clock.seconds())
        return said

    def tubes(self, records: list[str]) -> list[str]:
        return [one.split("|")[2] for one in records if one.startswith("O")]


class LawDownloads(DownloadBench):
    """The analyzer hears whole messages and answers them one by one."""

    def __init__(
        self, by: Claimer | None = None, orders: Any = None, driver: Any = None, **more: Any
    ) -> None:
        super().__init__(driver or generic_law(), by, orders, **more)

    def listen(self, seconds: float = 0.06) -> list[bytes]:
        """The messages that came in so long."""
        self.turn(seconds)
        return [one.data for one in BlockReader().feed(self.hear()) if isinstance(one, Block)]

    def answer(self, text: bytes, *orc: str, code: str = "AA") -> list[bytes]:
        """Reply to an OML, step by step; the messages that follow."""
        control_id = parse(text).get("MSH-10")
        reply = message(header("ORL^O34^ORL_O42", "A-7"), f"MSA|{code}|{control_id}", *orc)
        self.send_block(reply)
        return self.listen()

    def send_block(self, text: bytes) -> None:
        self.end.write(encode_block(text))
        self.turn()


def control(text: bytes) -> list[str]:
    """What an OML says of its steps: ORC-1 with the step's number."""
    read = parse(text)
    orcs = [one.get("ORC-1") for one in read.segments("ORC")]
    return [
        f"{orc} {obr.get('OBR-2')}" for orc, obr in zip(orcs, read.segments("OBR"), strict=True)
    ]
