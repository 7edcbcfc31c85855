"""Setups and decoded messages for tests, made by hand: no settings file, no driver, invented people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.line.settings import LineSettings
from middleware.model import (
    Envelope,
    MeasuredTime,
    MessageKind,
    ReleaseMode,
    Result,
    ResultValue,
    SourcePointer,
    Specimen,
    ValueKind,
)
from middleware.pipeline.prepare import Decoded
from middleware.routing.rules import Route
from middleware.setup import ConnectorSetup, Environment, NodeSettings, Setup
from middleware.store import journal
from middleware.store.connection import Connection
from middleware.store.journal import JournalEntry, StoredEntry

RECEIVED_AT = datetime(2031, 3, 4, 9, 30, tzinfo=UTC).timestamp()


def made_connector(connector_id: str = "lis", lanes: int = 1, **settings: Any) -> ConnectorSetup:
    """An HL7 connector that nobody opens."""
    own = Hl7MllpSettings(host="127.0.0.1", port=2576, **settings)
    return ConnectorSetup(
        id=connector_id,
        type="hl7_mllp",
        lanes=lanes,
        window=16,
        alert_after_s=600.0,
        settings=own,
        renderer=CONNECTOR.make_renderer(own),
        factory=CONNECTOR,
    )


def made_setup(
    release: ReleaseMode = ReleaseMode.AUTO,
    *,
    connectors: Sequence[ConnectorSetup] | None = None,
    routes: Sequence[Route] = (),
    drivers: dict[str, Any] | None = None,
    **line: Any,
) -> Setup:
    """Generation 1 with the lines `chem-1` and `chem-2`."""
    transport = {"type": "tcp_listen", "port": 0}
    lines = {
        name: LineSettings.model_validate(
            {"id": name, "driver": "made", "release": release, "transport": transport, **line}
        )
        for name in ("chem-1", "chem-2")
    }
    used = [made_connector()] if connectors is None else connectors
    return Setup(
        generation=1,
        node=NodeSettings("test-lab", Environment.TEST, Path("var"), time_zone="Europe/Berlin"),
        lines=lines,
        connectors={one.id: one for one in used},
        routes=tuple(routes),
        drivers=drivers or {},
        monitor_listen=None,
        source_path=Path("labwire.toml"),
        source_text="",
        source_sha256="",
    )


def made_value(raw: str) -> ResultValue:
    """A plain number, as a driver reads it."""
    return ResultValue(kind=ValueKind.NUMBER, raw=raw, number=Decimal(raw.strip()))


def made_result(
    sample_id: str = "S1001", test: str = "GLU", value: str | ResultValue = "5.4", **more: Any
) -> Result:
    """One result measured on 4 March 2031 at 10:15 in Berlin."""
    fields: dict[str, Any] = {
        "specimen": Specimen(sample_id=sample_id),
        "test_code": test,
        "value": made_value(value) if isinstance(value, str) else value,
        "unit": "mmol/L",
        "measured": MeasuredTime(text="20310304101500", at=datetime(2031, 3, 4, 9, 15, tzinfo=UTC)),
        "source": SourcePointer(record=4, name="R"),
    }
    return Result(**(fields | more))


def journaled(
    conn: Connection, text: bytes = b"H|\\^&\rL|1|N\r", line: str = "chem-1", **more: Any
) -> StoredEntry:
    """A message as intake leaves it in the journal."""
    entry = JournalEntry(
        line=line,
        driver="made",
        kind=more.pop("kind", MessageKind.RESULT),
        received_at=more.pop("received_at", RECEIVED_AT),
        text=text,
        wire=text,
    )
    entry_id = journal.append(conn, entry)
    return StoredEntry(
        entry_id, line, "made", entry.kind, entry.received_at, text, (), more.pop("replays", 0)
    )


def decoded(entry: StoredEntry, *results: Result, **more: Any) -> Decoded:
    """What a driver made of it."""
    return Decoded(entry, Envelope(analyzer="Chemist 9", results=results, **more))
