"""TLS as lines, connectors and emulators use it: settings in, proved connections out."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol

from middleware.transport.shim import Shim
from middleware.transport.tls_certificate import Certificate, certificate_of
from middleware.transport.tls_context import TlsContexts
from middleware.transport.tls_layer import TlsLayer, TlsOutcome
from middleware.transport.tls_refusal import TlsReason, TlsRefusal
from middleware.transport.tls_settings import TlsSettings

# So many may shake hands at once. The oldest makes room: a real peer needs milliseconds, a stranger all ten seconds.
MOST_HANDSHAKES = 32


class TlsEnd:
    """Our end of TLS connections: I am responsible that no shim exists before its peer is proved.

    `host` is whom we dial, "" when we listen.
    """

    def __init__(self, settings: TlsSettings, reactor: Any, host: str = "") -> None:
        self._settings = settings
        self._reactor = reactor
        self._is_listening = not host
        self._contexts = TlsContexts(settings, is_listening=not host)
        # A pin says more than a name: with one, only a name that the site wrote down is asked for.
        self._name = settings.peer_name or ("" if settings.pins else host.partition("%")[0])
        self._waiting: dict[TlsLayer, None] = {}  # in the order of their coming

    def require_files(self) -> None:
        """Raise TlsFilesBad while no context can be made."""
        self._contexts.current()

    def layer(
        self, proved: Callable[[], Protocol | None], refused: Callable[[TlsRefusal], None]
    ) -> TlsLayer:
        """The protocol for a new socket. Exactly one of the two is called, unless it is cut off by `cut_off`."""

        def has_proved() -> Protocol | None:
            self._waiting.pop(layer, None)
            return proved()

        def was_refused(refusal: TlsRefusal) -> None:
            self._waiting.pop(layer, None)
            refused(refusal)

        layer = TlsLayer(self, TlsOutcome(has_proved, was_refused), self._reactor)
        self._waiting[layer] = None
        if len(self._waiting) > MOST_HANDSHAKES:
            next(iter(self._waiting)).refuse(TlsRefusal(TlsReason.CROWDED_OUT))
        return layer

    def cut_off(self) -> None:
        """End every handshake that runs; nobody is told."""
        waiting, self._waiting = self._waiting, {}
        for layer in waiting:
            layer.abortConnection()

    # -- TlsSession -------------------------------------------------------------------------------

    def open(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """A TLS object of the files as they are now."""
        context = self._contexts.current()
        if self._is_listening:
            return context.wrap_bio(incoming, outgoing, server_side=True)
        context.check_hostname = bool(self._name)
        return context.wrap_bio(incoming, outgoing, server_hostname=self._name or None)

    def examine(self, established: ssl.SSLObject) -> TlsRefusal | Certificate | None:
        """Pins and, of peers that connect to us, the name; what else there is OpenSSL has judged."""
        settings = self._settings
        if self._is_listening and settings.client_certificate == "not_asked":
            return None
        shown = established.getpeercert(binary_form=True)
        if not shown:
            return TlsRefusal(TlsReason.NO_CERTIFICATE)
        try:
            certificate = certificate_of(shown)
        except ValueError:
            return TlsRefusal(TlsReason.INVALID_CERTIFICATE, "it cannot be read")
        if settings.pins and certificate.pin not in settings.pins:
            return TlsRefusal(TlsReason.WRONG_PIN, certificate.pin)
        if self._is_listening and settings.peer_name and not _carries(certificate, self._name):
            names = ", ".join(certificate.names)[:200] or "none"
            return TlsRefusal(TlsReason.WRONG_NAME, f"{settings.peer_name} is not in: {names}")
        return certificate


def _carries(certificate: Certificate, name: str) -> bool:
    """Exactly this name: a peer that connects has no business with wildcards."""
    with contextlib.suppress(ValueError):
        name = str(ipaddress.ip_address(name))
    return name.lower() in {one.lower() for one in certificate.names}


def expect_plain_text(shim: Shim, unexpected: Callable[[TlsRefusal], None]) -> None:
    """Tell when the first read of a plain connection is TLS (a handshake, or an alert at our words), and end it.

    Only the first read passes here: the check is an attribute of the instance that removes itself.
    """

    def first_read(data: bytes) -> None:
        del shim.dataReceived
        # RFC 8446 sections 4, 5.1 and 6: type, version 3.x, length; then ClientHello, or the two bytes of an alert.
        is_hello = data[:2] == b"\x16\x03" and data[5:6] == b"\x01"
        if is_hello or (data[:2] == b"\x15\x03" and data[3:5] == b"\x00\x02"):
            refusal = TlsRefusal(TlsReason.TLS_UNEXPECTED)
            unexpected(refusal)
            shim.abort(str(refusal))
            return
        shim.dataReceived(data)

    shim.dataReceived = first_read  # type: ignore[method-assign]
