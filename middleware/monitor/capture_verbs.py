"""The control verbs of captures: only a running node can do them, and each is recorded under who asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from middleware.clock import Clock
from middleware.line.captures import CaptureRefused, Captures
from middleware.monitor.control import Verb
from middleware.store import audit
from middleware.store.audit import AuditEntry
from middleware.store.writer import Writer

DEFAULT_SECONDS = 3600.0
DEFAULT_BYTES = 50 * 1024 * 1024


def capture_verbs(captures: Captures, writer: Writer, clock: Clock) -> Mapping[str, Verb]:
    """`capture.start`, `capture.stop` and `capture.list`. The audit trail is written before a capture begins."""

    async def note(author: str, action: str, line: str, detail: Mapping[str, Any]) -> None:
        entry = AuditEntry(author, action, f"line {line}", clock.utc_now().timestamp(), detail)
        await writer.submit(partial(audit.append, entry=entry))

    async def start(arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        line = str(arguments.get("line", ""))
        seconds = _number(arguments, "seconds", DEFAULT_SECONDS)
        most_bytes = int(_number(arguments, "bytes", DEFAULT_BYTES))
        detail = {"seconds": seconds, "bytes": most_bytes, "reason": _text(arguments, "reason")}
        captures.check(line)
        await note(author, "capture.started", line, detail)
        return captures.start(line, seconds, most_bytes, author)

    async def stop(arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        line = str(arguments.get("line", ""))
        told = captures.stop(line, f"stopped by {author}")
        await note(author, "capture.stopped", line, {"file": told["file"], "bytes": told["bytes"]})
        return told

    async def listing(_arguments: Mapping[str, Any], _author: str) -> dict[str, Any]:
        return {"running": captures.status()}

    return {"capture.start": start, "capture.stop": stop, "capture.list": listing}


def _number(arguments: Mapping[str, Any], name: str, default: float) -> float:
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CaptureRefused(f"`{name}` must be a number", what_to_do="Write it as 3600.")
    return float(value)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    return str(arguments.get(name) or "")
