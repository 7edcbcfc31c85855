"""The TLS context of one end, made from the site's files, and made anew when they change."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from middleware.errors import MiddlewareError
from middleware.transport.tls_settings import TlsSettings

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

# What changes when a file is written anew or replaced: time, size, and which file it is.
FilesSeen = tuple[tuple[int, int, int] | None, ...]


class TlsFilesBad(MiddlewareError):
    """Certificate, key or trusted certificates cannot be used."""

    code = "tls-files-bad"


class TlsContexts:
    """I am responsible that new connections use the files as they are now.

    A changed file is noticed at the next connection. If it cannot be used, the context that works is kept.
    """

    def __init__(self, settings: TlsSettings, *, is_listening: bool) -> None:
        self._settings = settings
        self._is_listening = is_listening
        self._context: ssl.SSLContext | None = None
        self._seen: FilesSeen = ()

    def current(self) -> ssl.SSLContext:
        """The context for a new connection. Raises TlsFilesBad while there never was a good one."""
        seen = look(self._settings)
        if self._context is not None and seen == self._seen:
            return self._context
        try:
            self._context = make_context(self._settings, is_listening=self._is_listening)
        except TlsFilesBad:
            if self._context is None:
                raise
        self._seen = seen  # also of files that are bad: they are tried again when they change
        return self._context


def make_context(settings: TlsSettings, *, is_listening: bool) -> ssl.SSLContext:
    """Load the files. Raises TlsFilesBad, whose text names the file and never quotes it."""
    protocol = ssl.PROTOCOL_TLS_SERVER if is_listening else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(protocol)
    context.minimum_version = _VERSIONS[settings.lowest_version]
    # No renegotiation and no tickets: each connection proves its ends once, with the files of today.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    # A certificate of `peers` is trusted by itself, also when it is no authority.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if is_listening:
        context.num_tickets = 0
    _load_own(context, settings, is_listening=is_listening)
    if is_listening and settings.client_certificate == "not_asked":
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    if settings.peers is None:
        raise TlsFilesBad("tls.peers is missing", what_to_do="Name the certificates to trust.")
    _load(settings.peers, lambda path: context.load_verify_locations(cafile=path))
    return context


def _load_own(context: ssl.SSLContext, settings: TlsSettings, *, is_listening: bool) -> None:
    certificate, key = settings.certificate, settings.key
    if certificate is None or key is None:
        if is_listening:
            cure = "Name our certificate and its key."
            raise TlsFilesBad("tls.certificate is missing", what_to_do=cure)
        return
    _refuse_missing(key)

    def no_password() -> str:
        """Without this OpenSSL would ask the terminal, and the node would stand still."""
        raise TlsFilesBad(f"{key}: the key has a password", what_to_do="Store it without one.")

    _load(certificate, lambda path: context.load_cert_chain(path, key, password=no_password))


def _load(path: Path, load: Callable[[Path], None]) -> None:
    _refuse_missing(path)
    try:
        load(path)
    except ssl.SSLError as error:
        raise TlsFilesBad(f"{path}: {_words(error)}", what_to_do=_CURE) from error
    except OSError as error:
        raise TlsFilesBad(f"{path}: {error.strerror}", what_to_do=_CURE) from error


_CURE = "Put a PEM file there; until then the files that worked before stay in force."


def _words(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the certificate"
    return f"not the PEM text that is needed ({reason.lower().replace('_', ' ') or 'unreadable'})"


def _refuse_missing(path: Path) -> None:
    """OpenSSL's error would not say which of two files it means."""
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise TlsFilesBad(f"{path}: {error.strerror}", what_to_do=_CURE) from error


def look(settings: TlsSettings) -> FilesSeen:
    """How the files are now; equal while nothing was written."""
    return tuple(_mark(path) for path in (settings.certificate, settings.key, settings.peers))


def _mark(path: Path | None) -> tuple[int, int, int] | None:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
