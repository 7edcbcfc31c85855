"""The state of a node as one JSON document: what `labwire status` shows and the console will read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from middleware.clock import Clock
from middleware.observe.health import Health

STATUS_VERSION = 1


@dataclass(frozen=True, slots=True)
class StatusParts:
    """Who knows what. Each is called on the reactor's thread and must be quick; mappings or dataclasses alike."""

    node: Callable[[], Any]
    lines: Callable[[], Sequence[Any]]
    connectors: Callable[[], Sequence[Any]]
    store: Callable[[], Any]


def snapshot(parts: StatusParts, health: Health, clock: Clock) -> dict[str, Any]:
    """Everything now, made of what JSON can hold."""
    return {
        "labwire": STATUS_VERSION,
        "kind": "status",
        "at": clock.utc_now().isoformat(),
        "node": plain(parts.node()),
        "lines": plain(parts.lines()),
        "connectors": plain(parts.connectors()),
        "store": plain(parts.store()),
        "warnings": plain(health.current()),
    }


def plain(value: Any) -> Any:
    """`value` with dataclasses, enums, times and paths turned into what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return value


def as_line(document: Mapping[str, Any]) -> str:
    """The document on one line."""
    return json.dumps(document)
