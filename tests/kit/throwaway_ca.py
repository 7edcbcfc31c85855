"""Certificates for tests: an authority of the moment, with keys that nobody keeps (elliptic, so they are quick)."""

from __future__ import annotations

import ipaddress
import itertools
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from middleware.transport.tls_certificate import certificate_of


@dataclass(frozen=True)
class Identity:
    """Files of one certificate and its key, and the pin of the key."""

    certificate: Path
    key: Path
    pin: str
    not_after: datetime


@dataclass(frozen=True)
class Wanted:
    """What a certificate shall be. `days` may be negative: expired; `from_days`: valid from then on."""

    name: str
    names: Sequence[str] = ("localhost", "127.0.0.1")
    days: float = 30.0
    from_days: float = -365.0
    password: bytes = b""


class ThrowawayCa:
    """I am responsible for one authority; its certificate is `file`, and everything lies in `folder`."""

    def __init__(self, folder: Path, name: str = "Throw-away CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        builder = _builder(self._name, self._name, Wanted(name, days=3650))
        builder = builder.public_key(self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def issue(self, wanted: Wanted | str) -> Identity:
        """A certificate with a key of its own."""
        wanted = Wanted(wanted) if isinstance(wanted, str) else wanted
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([_general(name) for name in wanted.names])
        builder = _builder(_name(wanted.name), self._name, wanted).public_key(key.public_key())
        if wanted.names:
            builder = builder.add_extension(alternative, critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        identity = Identity(
            self.folder / f"{wanted.name}.pem",
            self.folder / f"{wanted.name}.key",
            certificate_of(made.public_bytes(Encoding.DER)).pin,
            made.not_valid_after_utc,
        )
        identity.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        identity.key.touch(mode=0o600)
        identity.key.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _protection(wanted.password))
        )
        return identity


def _builder(subject: x509.Name, issuer: x509.Name, wanted: Wanted) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=wanted.from_days))
        .not_valid_after(now + timedelta(days=wanted.days))
    )


def _protection(password: bytes) -> KeySerializationEncryption:
    return BestAvailableEncryption(password) if password else NoEncryption()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


_moments = itertools.count(1_700_000_000)


def put(source: Path, target: Path) -> None:
    """Copy, with a time of writing of its own: tests are quicker than the file system's clock ticks."""
    shutil.copy(source, target)
    moment = next(_moments)
    os.utime(target, (moment, moment))


class TlsWorld:
    """Two authorities and the people whom the first one, or only the second one, has signed; made once in a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = ThrowawayCa(folder / "ours")
        self.other_ca = ThrowawayCa(folder / "other", "Other CA")
        self.node = self.ca.issue("node")
        self.analyzer = self.ca.issue(Wanted("analyzer", ("analyzer-1.lab", "127.0.0.1")))
        self.lis = self.ca.issue("lis")
        self.second = self.ca.issue("second")
        self.stranger = self.other_ca.issue("stranger")
        self.expired = self.ca.issue(Wanted("expired", days=-1))
        self.early = self.ca.issue(Wanted("early", from_days=2))
        self.elsewhere = self.ca.issue(Wanted("elsewhere", ("elsewhere.example",)))

    def settings(self, own: Identity | None, **more: object) -> dict[str, object]:
        """A `tls` table with our identity, and the first authority as the one that is trusted."""
        files = {"certificate": own.certificate, "key": own.key} if own else {}
        return {**files, "peers": self.ca.file, **more}
