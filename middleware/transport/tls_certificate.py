"""Reads certificates: until when they are good, which names they carry, and the pin of their public key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# A file of certificates that is longer is none; the largest public bundles have 0.3 MB.
LONGEST_FILE_BYTES = 4 * 1024 * 1024

# Whatever the library says of a certificate that it does not understand; parts of one are read late.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What Labwire needs of one certificate. Times are UTC."""

    subject: str
    names: tuple[str, ...]  # DNS names and addresses of the subject's alternative names
    not_before: datetime
    not_after: datetime
    pin: str  # sha256: and 64 hex digits of the SubjectPublicKeyInfo (as RFC 7469 section 2.4 hashes it)


def read_certificates(path: Path) -> list[Certificate]:
    """The certificates of a PEM file, in its order. Raises OSError or ValueError, never with the file's text."""
    with path.open("rb") as file:
        text = file.read(LONGEST_FILE_BYTES + 1)
    if len(text) > LONGEST_FILE_BYTES:
        raise ValueError("the file is too long for certificates")
    try:
        return [_described(one) for one in x509.load_pem_x509_certificates(text)]
    except _UNREADABLE as error:
        raise ValueError("it holds no PEM certificate that can be read") from error


def certificate_of(der: bytes) -> Certificate:
    """A certificate as a peer showed it. Raises ValueError."""
    try:
        return _described(x509.load_der_x509_certificate(der))
    except _UNREADABLE as error:
        raise ValueError("the certificate cannot be read") from error


def _described(one: x509.Certificate) -> Certificate:
    key = one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Certificate(
        subject=_printable(one.subject.rfc4514_string()),
        names=_names(one),
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
        pin=f"sha256:{hashlib.sha256(key).hexdigest()}",
    )


def _names(one: x509.Certificate) -> tuple[str, ...]:
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def _printable(text: str) -> str:
    return "".join([letter if letter.isprintable() else " " for letter in text])[:200]
