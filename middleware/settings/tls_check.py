"""What is wrong with `tls` tables and their files.

A contradiction in the text, or a file that does not exist, is an error. What time and renewals bring about is a
warning, however bad: at the next start only the lines of that certificate must stand still, not the whole node.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from middleware.clock import SystemClock
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem, Weight
from middleware.transport.tls_context import TlsFilesBad, make_context
from middleware.transport.tls_files import (
    CertificateRole,
    certificate_ends,
    connector_tables_of,
    files_of,
    is_open_to_everybody,
    tls_tables_of,
)
from middleware.transport.tls_settings import TlsSettings

TOLD_BEFORE = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class _Use:
    location: Location
    settings: TlsSettings
    is_listening: bool

    @property
    def asks_peer(self) -> bool:
        return not self.is_listening or self.settings.client_certificate == "required"


def tls_can_work(parts: Parts) -> Iterator[Problem]:
    """Everything that speaks against the `tls` tables of lines and connectors."""
    now = SystemClock().utc_now()
    for use in _uses(parts):
        told = [*_contradictions(parts, use), *_missing_files(parts, use)]
        yield from told
        if not told:
            yield from _bad_files(parts, use)
        yield from _open_keys(parts, use)
        yield from _ends(parts, use, now)


def _uses(parts: Parts) -> Iterator[_Use]:
    for location, line in parts.lines:
        for key, tls, is_listening in tls_tables_of(line):
            yield _Use((*location, key, "tls"), tls, is_listening)
    for part in parts.connectors:
        if part.settings is not None:
            for keys, tls, is_listening in connector_tables_of(part.settings):
                yield _Use((*part.location, *keys, "tls"), tls, is_listening)


def _contradictions(parts: Parts, use: _Use) -> Iterator[Problem]:
    tls, problem = use.settings, parts.loaded.problem
    if use.is_listening and tls.certificate is None:
        message = "who listens with TLS needs a certificate and its key"
        yield problem(use.location, message, "add certificate and key; there is no default")
    if use.asks_peer and tls.peers is None:
        message = "nothing says which certificates of peers are trusted"
        cure = "add peers, a PEM file with the peer's authority"
        if use.is_listening:
            cure += ', or client_certificate = "not_asked", which only encrypts'
        yield problem(use.location, message, cure)
    if use.asks_peer:
        return
    for key in ("pins", "peer_name"):
        if getattr(tls, key):
            message = f"{key} cannot be compared: no peer is asked for a certificate"
            cure = 'write client_certificate = "required", or remove it'
            yield problem((*use.location, key), message, cure)


def _missing_files(parts: Parts, use: _Use) -> Iterator[Problem]:
    for key, path in files_of(use.settings):
        if not path.is_file():
            cure = "put it there, or name the right one; paths are relative to this file"
            yield parts.loaded.problem((*use.location, key), f"there is no file {path}", cure)


def _bad_files(parts: Parts, use: _Use) -> Iterator[Problem]:
    for key, path in files_of(use.settings):
        if not os.access(path, os.R_OK):
            message = f"{path} cannot be read by this user"
            cure = "let the user that runs Labwire read it, and nobody else"
            yield parts.loaded.problem((*use.location, key), message, cure, Weight.WARNING)
            return
    try:
        make_context(use.settings, is_listening=use.is_listening)
    except TlsFilesBad as error:
        message = f"nothing can be sent or received until this is mended: {error}"
        yield parts.loaded.problem(use.location, message, error.what_to_do, Weight.WARNING)


def _open_keys(parts: Parts, use: _Use) -> Iterator[Problem]:
    key = use.settings.key
    if key is not None and is_open_to_everybody(key):
        message = f"every user of this machine can read the private key {key}"
        place = (*use.location, "key")
        yield parts.loaded.problem(place, message, f"chmod o-rwx {key}", Weight.WARNING)


def _ends(parts: Parts, use: _Use, now: datetime) -> Iterator[Problem]:
    for end in certificate_ends(use.settings, now):
        if end.not_after - now > TOLD_BEFORE:
            continue
        key = "certificate" if end.role is CertificateRole.OWN else "peers"
        day = end.not_after.date().isoformat()
        if end.not_after <= now:
            message = (
                f"the certificate of {end.subject} expired on {day}: no connection is possible"
            )
        else:
            days = (end.not_after - now).days
            message = f"the certificate of {end.subject} expires on {day}, in {days} days"
        cure = "renew it; new files count without a restart"
        yield parts.loaded.problem((*use.location, key), message, cure, Weight.WARNING)
