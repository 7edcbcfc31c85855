"""Shows when the certificate of a connected peer ends: the peer's people are asked before it does."""

from __future__ import annotations

from middleware.observe.events import CertificateGauged
from middleware.transport.shim import Shim
from middleware.transport.tls_certificate import Certificate

ROLE = "peer"


def gauge_peer(shim: Shim, *, line: str = "", connector: str = "") -> None:
    """Emit the end of the certificate that the peer of `shim` showed; nothing without TLS or a certificate."""
    certificate = getattr(shim.transport, "certificate", None)
    if isinstance(certificate, Certificate):
        CertificateGauged(line, connector, ROLE, certificate.not_after.timestamp()).emit()
