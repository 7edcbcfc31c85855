"""Events of how a line's analyzer behaves; imported by everybody from `middleware.observe.events`."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.observe.metrics import counter, gauge

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class ClockMeasured:
    """How far an analyzer's clock is ahead of ours (None: too few messages agree)."""

    line: str
    seconds: float | None

    def emit(self) -> None:
        value = _NAN if self.seconds is None else self.seconds
        gauge("labwire_analyzer_clock_skew_seconds").labels(self.line).set(value)


@dataclass(frozen=True, slots=True)
class SilenceJudged:
    """Beyond which silence a line is unusually silent (None: not known), and since when it is (None: it is not)."""

    line: str
    limit_s: float | None
    silent_since: float | None

    def emit(self) -> None:
        limit = _NAN if self.limit_s is None else self.limit_s
        since = _NAN if self.silent_since is None else self.silent_since
        gauge("labwire_line_silence_limit_seconds").labels(self.line).set(limit)
        gauge("labwire_line_silent_since_timestamp_seconds").labels(self.line).set(since)


@dataclass(frozen=True, slots=True)
class LastMessageKnown:
    """From the store, after a restart: when the line's last message was received."""

    line: str
    at: float

    def emit(self) -> None:
        gauge("labwire_line_last_activity_timestamp_seconds").labels(self.line).set(self.at)


@dataclass(frozen=True, slots=True)
class CharactersDamaged:
    """Characters that a serial port received damaged since the last such event."""

    line: str
    kind: str
    count: int

    def emit(self) -> None:
        counter("labwire_line_damaged_characters_total").labels(self.line, self.kind).inc(
            self.count
        )
