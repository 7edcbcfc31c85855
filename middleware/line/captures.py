"""The captures of a node: started and stopped by a person, ended by time, deleted when their days are over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from middleware.clock import Clock
from middleware.errors import MiddlewareError
from middleware.line.line import Line
from middleware.observe.health import Health, WarnableCode
from middleware.transport.capture import FOLDER, Capture, CapturePlan, delete_expired

EVERY_S = 1.0
LOOK_FOR_EXPIRED_EVERY_S = 3600.0
LONGEST_S = 7 * 86400.0
LARGEST_BYTES = 1024 * 1024 * 1024


class CaptureRefused(MiddlewareError):
    """The capture cannot be started or stopped as asked. The message says why."""

    code = "capture-refused"


@dataclass(frozen=True, slots=True)
class CaptureParts:
    """What captures need of the node. `keep_days`: captures are deleted so long after their last line."""

    reactor: Any
    clock: Clock
    health: Health
    data_dir: Path
    keep_days: int
    line: Callable[[str], Line | None]


class Captures:
    """I am responsible that a capture runs only as long as it was asked for."""

    def __init__(self, parts: CaptureParts) -> None:
        self._parts = parts
        self._folder = parts.data_dir / FOLDER
        self._running: dict[str, Capture] = {}
        self._timer: IDelayedCall | None = None
        self._look_at = 0.0

    def open(self) -> None:
        """Begin to look after what is there."""
        self._tick()

    def close(self) -> None:
        """End all captures (the node stops)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for line in list(self._running):
            self.stop(line, "the node stopped")

    def start(self, line_id: str, seconds: float, most_bytes: int, author: str) -> dict[str, Any]:
        """Capture a line for `seconds`, at most `most_bytes` of files. Raises CaptureRefused."""
        parts = self._parts
        line = self.check(line_id)
        if not 0 < seconds <= LONGEST_S or not 0 < most_bytes <= LARGEST_BYTES:
            raise CaptureRefused(
                "a capture runs for at most 7 days and takes at most 1024 MB",
                what_to_do="Ask for less.",
            )
        until = parts.clock.utc_now() + timedelta(seconds=seconds)
        facts = {"line": line_id, "driver": line.settings.driver, "asked for by": author}
        plan = CapturePlan(line_id, self._folder / line_id, until, most_bytes, facts)
        capture = Capture(plan, parts.clock, lambda text: self._failed(line_id, text))
        try:
            capture.start()
        except OSError as error:
            raise CaptureRefused(
                f"no capture can be written in {plan.folder}: {error.strerror or error}",
                what_to_do="Check the disk and the rights of the data folder.",
            ) from error
        self._running[line_id] = capture
        line.set_tap(capture)
        parts.health.raise_warning(
            WarnableCode.CAPTURE_ON,
            line_id,
            f"What passes over line {line_id} is being written to files, with patient data.",
        )
        return self._told(capture)

    def check(self, line_id: str) -> Line:
        """The line, when a capture of it could begin. Raises CaptureRefused."""
        line = self._line(line_id)
        if line_id in self._running:
            raise CaptureRefused(
                f"line {line_id} is being captured already",
                what_to_do=f"`labwire capture stop {line_id}` ends it.",
            )
        return line

    def stop(self, line_id: str, why: str) -> dict[str, Any]:
        """End the capture of a line. Raises CaptureRefused when there is none."""
        line = self._line(line_id)
        capture = self._running.pop(line_id, None)
        if capture is None:
            raise CaptureRefused(
                f"line {line_id} is not being captured",
                what_to_do="`labwire capture list` shows what runs.",
            )
        told = self._told(capture)
        line.set_tap(None)
        capture.stop(why)
        self._parts.health.clear(WarnableCode.CAPTURE_ON, line_id)
        return told

    def status(self) -> list[Mapping[str, Any]]:
        """The captures that run."""
        return [self._told(capture) for capture in self._running.values()]

    def _line(self, line_id: str) -> Line:
        line = self._parts.line(line_id)
        if line is None:
            raise CaptureRefused(
                f"there is no line {line_id!r}", what_to_do="`labwire lines` names them."
            )
        return line

    def _told(self, capture: Capture) -> dict[str, Any]:
        return {
            "line": capture.plan.line,
            "file": str(capture.path or ""),
            "bytes": capture.bytes_written,
            "until": capture.plan.until.timestamp(),
        }

    def _failed(self, line_id: str, text: str) -> None:
        capture = self._running.pop(line_id, None)
        line = self._parts.line(line_id)
        if capture is not None and line is not None:
            line.set_tap(None)
            health = self._parts.health
            health.clear(WarnableCode.CAPTURE_ON, line_id)
            health.raise_warning(WarnableCode.CAPTURE_FAILED, line_id, f"Line {line_id}: {text}.")

    def _tick(self) -> None:
        parts = self._parts
        self._timer = parts.reactor.callLater(EVERY_S, self._tick)
        now = parts.clock.utc_now()
        for line_id, capture in list(self._running.items()):
            if now >= capture.plan.until:
                self.stop(line_id, "its time is over")
            else:
                capture.flush()
        if parts.clock.monotonic() >= self._look_at:
            self._look_at = parts.clock.monotonic() + LOOK_FOR_EXPIRED_EVERY_S
            try:
                delete_expired(self._folder, now - timedelta(days=parts.keep_days))
            except OSError as error:
                text = f"Old captures could not be deleted: {error.strerror or error}."
                parts.health.raise_warning(WarnableCode.CAPTURE_FAILED, "", text)
