"""Events of the node as a whole; imported by everybody from `middleware.observe.events`."""

from __future__ import annotations

import logging
import platform
from dataclasses import dataclass

from middleware.observe import log
from middleware.observe.metrics import counter, gauge


@dataclass(frozen=True, slots=True)
class LoopLagged:
    """How late the event loop ran its last tick."""

    seconds: float

    def emit(self) -> None:
        gauge("labwire_event_loop_lag_seconds").set(self.seconds)


@dataclass(frozen=True, slots=True)
class DiskGauged:
    """Free space where the store lies, and the size of the store."""

    free_bytes: int
    store_bytes: int

    def emit(self) -> None:
        gauge("labwire_disk_free_bytes").set(self.free_bytes)
        gauge("labwire_store_bytes").set(self.store_bytes)


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """Wall time moved by `seconds` against the monotonic clock."""

    seconds: float

    def emit(self) -> None:
        counter("labwire_clock_step_seconds_total").inc(abs(self.seconds))
        log.write(logging.WARNING, "wall clock stepped", seconds=round(self.seconds, 3))


@dataclass(frozen=True, slots=True)
class WarningRaised:
    """A warning became visible (health). One that keeps coming back is not logged each time."""

    code: str
    subject: str
    text: str
    what_to_do: str
    level: int = logging.WARNING
    is_logged: bool = True

    def emit(self) -> None:
        gauge("labwire_warnings").labels(self.code).inc()
        if not self.is_logged:
            return
        log.write(
            self.level,
            "warning raised",
            code=self.code,
            subject=self.subject,
            text=self.text,
            what_to_do=self.what_to_do,
        )


@dataclass(frozen=True, slots=True)
class WarningCleared:
    """A visible warning ended (health). Logged when its beginning was."""

    code: str
    subject: str
    is_logged: bool = True

    def emit(self) -> None:
        gauge("labwire_warnings").labels(self.code).dec()
        if self.is_logged:
            log.write(logging.INFO, "warning cleared", code=self.code, subject=self.subject)


@dataclass(frozen=True, slots=True)
class SetupTaken:
    """A setup came into force."""

    generation: int
    settings_sha256: str

    def emit(self) -> None:
        gauge("labwire_config_generation").set(self.generation)
        gauge("labwire_config_last_reload_success_timestamp_seconds").set_to_current_time()
        hashes = gauge("labwire_config_hash")
        hashes.clear()
        hashes.labels(self.settings_sha256).set(1)


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """The node runs with the setup `generation`. `store` is "sqlite" or "postgresql"."""

    name: str
    version: str
    generation: int
    environment: str = ""
    store: str = "sqlite"

    def emit(self) -> None:
        python = platform.python_version()
        gauge("labwire_build_info").labels(self.version, python, self.store).set(1)
        log.write(
            logging.INFO,
            "node started",
            node=self.name,
            environment=self.environment,
            version=self.version,
            generation=self.generation,
        )


@dataclass(frozen=True, slots=True)
class NodeStopped:
    """The node ended; `reason` is a fixed word (stopped, fault …)."""

    name: str
    reason: str = "stopped"

    def emit(self) -> None:
        log.write(logging.INFO, "node stopped", node=self.name, reason=self.reason)


@dataclass(frozen=True, slots=True)
class CertificateGauged:
    """When the certificates of a TLS file end (seconds since 1970 UTC); `line` or `connector` is empty."""

    line: str
    connector: str
    role: str
    not_after: float

    def emit(self) -> None:
        ends = gauge("labwire_certificate_expiry_timestamp_seconds")
        ends.labels(self.line, self.connector, self.role).set(self.not_after)
