"""What the files of a `tls` table tell without a connection: until when they are good, and who may read them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel

from middleware.transport.settings import TcpListenSettings
from middleware.transport.tls_certificate import Certificate, read_certificates
from middleware.transport.tls_settings import TlsSettings


class CertificateRole(StrEnum):
    """What a file of certificates is for; a label of the expiry metric."""

    OWN = "own"
    PEERS = "peers"  # whom we trust


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """When a file of certificates stops being of use, and the certificate that makes it so."""

    role: CertificateRole
    path: Path
    subject: str
    not_after: datetime


def tls_of(settings: BaseModel) -> TlsSettings | None:
    """The `tls` table of a transport's or a connector's settings, if it has one."""
    found = getattr(settings, "tls", None)
    return found if isinstance(found, TlsSettings) else None


def tls_tables_of(line: BaseModel) -> Iterator[tuple[str, TlsSettings, bool]]:
    """The `tls` tables of a line: the key of the transport they belong to, and whether that one listens."""
    for key in ("transport", "relay"):
        transport = getattr(line, key, None)
        tls = tls_of(transport) if isinstance(transport, BaseModel) else None
        if tls is not None:
            yield key, tls, isinstance(transport, TcpListenSettings)


def connector_tables_of(settings: BaseModel) -> Iterator[tuple[tuple[str, ...], TlsSettings, bool]]:
    """The `tls` tables of a connector: the keys of the table they stand in, and whether that one listens."""
    own = tls_of(settings)
    if own is not None:
        yield (), own, False
    for key, tls, is_listening in tls_tables_of(settings):
        yield (key,), tls, is_listening
    orders = getattr(settings, "orders", None)
    of_orders = tls_of(orders) if isinstance(orders, BaseModel) else None
    if of_orders is not None:
        yield ("orders",), of_orders, True


def files_of(settings: TlsSettings) -> Iterator[tuple[str, Path]]:
    """The keys of the table that name a file, with their files."""
    for key in ("certificate", "key", "peers"):
        path = getattr(settings, key)
        if path is not None:
            yield key, path


def certificate_ends(settings: TlsSettings, now: datetime) -> list[CertificateEnd]:
    """The end of our own chain, and of those whom we trust. A file that cannot be read is left out."""
    ends = []
    for role, path in (
        (CertificateRole.OWN, settings.certificate),
        (CertificateRole.PEERS, settings.peers),
    ):
        try:
            certificates = read_certificates(path) if path is not None else []
        except (OSError, ValueError):  # told where the context is made of the same files
            continue
        if path is not None and certificates:
            one = _first_to_end(role, certificates, now)
            ends.append(CertificateEnd(role, path, one.subject, one.not_after))
    return ends


def _first_to_end(
    role: CertificateRole, certificates: Sequence[Certificate], now: datetime
) -> Certificate:
    """A chain ends with its first; of those whom we trust, one that has ended matters only when it was the last."""
    if role is CertificateRole.PEERS:
        living = [one for one in certificates if one.not_after > now]
        if not living:
            return max(certificates, key=lambda one: one.not_after)
        certificates = living
    return min(certificates, key=lambda one: one.not_after)


def is_open_to_everybody(path: Path) -> bool:
    """Whether every user of the machine may read the file (a private key must not be)."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
