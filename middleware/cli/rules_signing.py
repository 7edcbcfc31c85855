"""Signs the hash of a report with the site's key (Ed25519), so that anybody can check it with the public key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

_PURPOSE = b"labwire report on rules\0"


@dataclass(frozen=True, slots=True)
class Signed:
    """The hash of a report with its signature; `signature` and `public_key` are hexadecimal, empty without a key."""

    hash: str
    signature: str = ""
    public_key: str = ""

    def text(self) -> str:
        """As it stands beside the report."""
        lines = [f"sha256 {self.hash}"]
        if self.signature:
            lines += [f"ed25519 {self.signature}", f"public-key {self.public_key}"]
        return "\n".join(lines) + "\n"


def signed(report_hash: str, key: SecretStr | None) -> Signed:
    """The signature covers the hash as text, which covers all of the report and the hash of the one before."""
    if key is None:
        return Signed(report_hash)
    seed = hashlib.sha256(_PURPOSE + key.get_secret_value().encode()).digest()
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return Signed(report_hash, private.sign(report_hash.encode()).hex(), public.hex())


def is_signed_by(report_hash: str, signature: str, public_key: str) -> bool:
    """Whether the owner of the public key signed this hash. Both are hexadecimal."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        public.verify(bytes.fromhex(signature), report_hash.encode())
    except (ValueError, InvalidSignature):
        return False
    return True
