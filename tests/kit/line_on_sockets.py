"""A line on a real socket, with a writer that commits at once, for peers that speak TCP."""

from __future__ import annotations

from typing import Any

from middleware.clock import SystemClock
from middleware.line.intake import Confirmations
from middleware.line.line import Line, LineServices
from middleware.line.settings import LineSettings
from middleware.observe.health import Health
from tests.kit.hand_writer import HandWriter
from tests.kit.line_bench import PlainDriver
from tests.kit.small_reactor import SmallReactor


class LineOnSockets:
    """One line that listens on a port the system chose (or dials)."""

    def __init__(self, small: SmallReactor, driver: Any = None, **transport: Any) -> None:
        self.writer = HandWriter(is_automatic=True)
        writer: Any = self.writer
        settings = LineSettings.model_validate(
            {
                "id": "chem-1",
                "driver": "plain",
                "transport": transport or {"type": "tcp_listen", "port": 0},
            }
        )
        self.line = Line(
            settings,
            driver or PlainDriver(),
            LineServices(
                reactor=small.reactor,
                clock=SystemClock(),
                writer=writer,
                health=Health(SystemClock()),
                confirmations=Confirmations(writer, small.reactor),
                random=lambda: 0.5,
            ),
        )
        self.line.start()

    def texts(self, state: str = "received") -> list[bytes]:
        """The messages in the journal that are in `state`, in order."""
        return [row["text"] for row in self.writer.journal() if row["state"] == state]


def sample_ids(texts: list[bytes]) -> list[str]:
    """O-3 of each message."""
    found = []
    for text in texts:
        order = next(record for record in text.split(b"\r") if record.startswith(b"O|"))
        found.append(order.split(b"|")[2].decode())
    return found
