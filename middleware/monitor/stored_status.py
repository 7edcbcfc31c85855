"""What the status says of connectors and of the store, read from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from middleware.delivery.connector import Connector
from middleware.store import journal
from middleware.store.connection import Connection
from middleware.store.outbox import counts, oldest_waiting
from middleware.store.reader import Reader
from middleware.store.writer import Writer


def connector_status(connectors: Mapping[str, Connector], reader: Reader) -> list[dict[str, Any]]:
    """Each connector as it stands, with its messages by state."""

    def read(conn: Connection) -> list[dict[str, Any]]:
        stored = counts(conn)
        return [
            {
                "connector": connector_id,
                **asdict(connector.status()),
                "messages": stored.get(connector_id, {}),
                "oldest_waiting_at": oldest_waiting(conn, connector_id),
            }
            for connector_id, connector in connectors.items()
        ]

    return reader.read_now(read)


def store_status(writer: Writer, reader: Reader) -> dict[str, Any]:
    """Whether it can be written, and what waits in it."""
    return {
        "is_writable": writer.is_writable,
        "jobs_waiting": writer.waiting,
        # Whether any, not how many: the worker keeps them few, and counting would not be free.
        "has_messages_to_process": bool(
            reader.read_now(lambda conn: journal.to_process(conn, 0, 1))
        ),
    }
