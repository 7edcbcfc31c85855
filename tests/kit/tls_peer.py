"""The other end of TLS, of the standard library alone: on memory beside a listener, or around a blocking socket."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from typing import Any

from tests.kit.throwaway_ca import Identity, ThrowawayCa


def client_context(
    ca: ThrowawayCa | None, identity: Identity | None = None, newest: str = "1.3"
) -> ssl.SSLContext:
    """What an analyzer's TLS would be. `newest` is the highest version that it speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = ca is not None
    context.verify_mode = ssl.CERT_REQUIRED if ca is not None else ssl.CERT_NONE
    if ca is not None:
        context.load_verify_locations(ca.file)
    return _finished(context, identity, newest)


def server_context(
    identity: Identity, ca: ThrowawayCa | None = None, newest: str = "1.3"
) -> ssl.SSLContext:
    """What a LIS's TLS would be; with `ca` it asks for our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca.file)
    return _finished(context, identity, newest)


def _finished(context: ssl.SSLContext, identity: Identity | None, newest: str) -> ssl.SSLContext:
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    if newest == "1.1":  # so old that OpenSSL wants to be asked twice
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    elif newest == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


class MemoryPeer:
    """TLS without a socket: what it says goes into a protocol, which answers through a string transport."""

    def __init__(self, context: ssl.SSLContext, *, is_server: bool = False) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if is_server else "localhost"
        self.tls = context.wrap_bio(self.incoming, self.outgoing, is_server, name)
        self.error: ssl.SSLError | None = None
        self.is_established = False
        self.data = b""

    def talk(self, ours: Any, wire: Any) -> None:
        """Pass bytes both ways until neither end has any left."""
        for _ in range(20):
            self.work()
            said = self.outgoing.read()
            heard = wire.value()
            wire.clear()
            if not said and not heard:
                return
            if heard:
                self.incoming.write(heard)
            if said and not wire.disconnecting:
                ours.dataReceived(said)

    def work(self) -> None:
        """Shake hands, or read."""
        try:
            if not self.is_established:
                self.tls.do_handshake()
                self.is_established = True
            while piece := self.tls.read(65536):
                self.data += piece
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self.error = self.error or error

    def encrypted(self, *pieces: bytes) -> bytes:
        """Each piece as a record of its own."""
        for piece in pieces:
            self.tls.write(piece)
        return self.outgoing.read()

    def farewell(self) -> bytes:
        """Our close_notify."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        return self.outgoing.read()


def wrapped(context: ssl.SSLContext, port: int, timeout_s: float = 15.0) -> ssl.SSLSocket:
    """A blocking connection to loopback."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname="localhost")
