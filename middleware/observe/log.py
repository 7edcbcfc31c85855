"""The log: one line per decision that a person may have to look at, on stderr, without patient
data.

Only `middleware.observe.events` writes here. The fields are a closed set: whatever is not in
`FIELDS` is left out and its name reported, so that a sample id cannot slip into a log by a careless
keyword.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "node", "environment", "version", "generation", "line",
        "driver", "connector", "lane", "state", "outcome", "reason", "operation", "error", "code",
        "subject", "text", "what_to_do", "journal_id", "invariant", "seconds", "count",
        "dropped_fields",
    }
)  # fmt: skip
"""Every field that a log line may have. None of them may ever carry a patient, a sample id or a
value.
"""

Level = int


def _only_known_fields(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    unknown = sorted(set(event) - FIELDS)
    for name in unknown:
        del event[name]
    if unknown:
        event["dropped_fields"] = unknown
    return event


def configure(
    level: Level = logging.INFO, *, as_json: bool = False, stream: TextIO | None = None
) -> None:
    """Write lines of at least `level` to `stream` (stderr), readable or as JSON. Call once, at
    start.
    """
    target = stream or sys.stderr
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=target.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _only_known_fields,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )


def write(level: Level, event: str, **fields: object) -> None:
    """One line of the log. `event` is a fixed sentence; what varies stands in `fields`."""
    structlog.get_logger().log(level, event, **fields)
