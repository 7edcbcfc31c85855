"""Looks at the files of every `tls` table: shows when certificates end, warns in time, tells which files are bad."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from middleware.clock import Clock
from middleware.observe.events import CertificateGauged
from middleware.observe.health import Health, WarnableCode
from middleware.setup import Setup
from middleware.transport.tls_context import FilesSeen, TlsFilesBad, look, make_context
from middleware.transport.tls_files import (
    CertificateEnd,
    certificate_ends,
    connector_tables_of,
    tls_tables_of,
)
from middleware.transport.tls_settings import TlsSettings

LOOK_EVERY_S = 60.0

# The shorter the time, the more it matters; at most one of them is raised.
_STEPS = (
    (timedelta(days=7), WarnableCode.CERTIFICATE_AT_ITS_END),
    (timedelta(days=30), WarnableCode.CERTIFICATE_EXPIRES_SOON),
    (timedelta(days=60), WarnableCode.CERTIFICATE_EXPIRING),
)

# Of the metric's role, by `is_relay` and `is_orders`.
_PREFIXES = {(False, False): "", (True, False): "relay_", (False, True): "orders_"}


@dataclass(frozen=True, slots=True)
class TlsUse:
    """One `tls` table, and the line or connector that it belongs to (the other name is empty)."""

    line: str
    connector: str
    settings: TlsSettings
    is_listening: bool
    is_relay: bool = False  # of a line: towards its present host, not towards the analyzer
    is_orders: bool = False  # of a connector: where the system sends orders, not where results go


def tls_uses(setup: Setup) -> Iterator[TlsUse]:
    """Every `tls` table of a setup."""
    for line in setup.lines.values():
        for key, tls, is_listening in tls_tables_of(line):
            yield TlsUse(line.id, "", tls, is_listening, is_relay=key == "relay")
    for connector in setup.connectors.values():
        for keys, tls, is_listening in connector_tables_of(connector.settings):
            is_orders = keys == ("orders",)
            yield TlsUse("", connector.id, tls, is_listening, is_orders=is_orders)


class CertificateWatch:
    """I am responsible that nobody is surprised by the end of a certificate."""

    def __init__(self, uses: Sequence[TlsUse], clock: Clock, health: Health) -> None:
        self._uses = uses
        self._clock = clock
        self._health = health
        self._next = 0.0  # monotonic
        self._seen: dict[TlsUse, FilesSeen] = {}
        self._ends: dict[TlsUse, list[CertificateEnd]] = {}

    def look(self) -> None:
        """Look when it is time; cheap to call often. A file is read only when it was written."""
        now = self._clock.monotonic()
        if now < self._next or not self._uses:
            return
        self._next = now + LOOK_EVERY_S
        moment = self._clock.utc_now()
        for use in self._uses:
            seen = look(use.settings)
            if seen != self._seen.get(use):
                self._seen[use] = seen
                self._read(use, moment)
            self._judge(use, moment)

    def _read(self, use: TlsUse, moment: datetime) -> None:
        self._ends[use] = certificate_ends(use.settings, moment)
        for end in self._ends[use]:
            until = end.not_after.timestamp()
            role = f"{_PREFIXES[use.is_relay, use.is_orders]}{end.role.value}"
            CertificateGauged(use.line, use.connector, role, until).emit()
        subject = _subject(use)
        try:
            make_context(use.settings, is_listening=use.is_listening)
        except TlsFilesBad as error:
            self._health.raise_warning(WarnableCode.TLS_FILES_BAD, subject, f"{error}.")
        else:
            self._health.clear(WarnableCode.TLS_FILES_BAD, subject)

    def _judge(self, use: TlsUse, moment: datetime) -> None:
        subject = _subject(use)
        end = min(self._ends[use], key=lambda one: one.not_after, default=None)
        left = end.not_after - moment if end is not None else timedelta.max
        due = next((code for limit, code in _STEPS if left <= limit), None)
        for _, code in _STEPS:
            if code is not due:
                self._health.clear(code, subject)
        if due is not None and end is not None:
            verb = "expired" if left <= timedelta(0) else "expires"
            day = end.not_after.date().isoformat()
            text = f"The certificate of {end.subject} in {end.path} {verb} on {day}."
            self._health.raise_warning(due, subject, text)


def _subject(use: TlsUse) -> str:
    """The line or connector, as warnings name it."""
    if use.is_orders:
        return f"{use.connector} orders"
    return f"{use.line} relay" if use.is_relay else use.line or use.connector
