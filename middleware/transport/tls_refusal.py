"""Why a connection was refused by TLS: one word for each cause, and the sentence that a person reads."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class TlsReason(StrEnum):
    """The cause. The first group is what we found, the second what the peer told us of ourselves."""

    NO_CERTIFICATE = "no_certificate"
    WRONG_AUTHORITY = "wrong_authority"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_PURPOSE = "wrong_purpose"
    WRONG_NAME = "wrong_name"
    WRONG_PIN = "wrong_pin"
    INVALID_CERTIFICATE = "invalid_certificate"
    OLD_VERSION = "old_version"
    NO_COMMON_CIPHER = "no_common_cipher"
    PLAIN_TEXT = "plain_text"
    TLS_UNEXPECTED = "tls_unexpected"
    TIMED_OUT = "timed_out"
    BROKEN_OFF = "broken_off"
    CROWDED_OUT = "crowded_out"
    FAILED = "failed"

    PEER_WANTS_CERTIFICATE = "peer_wants_certificate"
    PEER_REFUSES_CERTIFICATE = "peer_refuses_certificate"
    PEER_REFUSES = "peer_refuses"


WORDS: Mapping[TlsReason, str] = {
    TlsReason.NO_CERTIFICATE: "it showed no certificate",
    TlsReason.WRONG_AUTHORITY: "no authority of `peers` has signed its certificate",
    TlsReason.EXPIRED: "its certificate has expired, or that of its authority",
    TlsReason.NOT_YET_VALID: "its certificate is not valid yet; compare the clocks",
    TlsReason.WRONG_PURPOSE: "its certificate may not be used for this end of a connection",
    TlsReason.WRONG_NAME: "its certificate does not carry the expected name",
    TlsReason.WRONG_PIN: "its public key is none of `pins`",
    TlsReason.INVALID_CERTIFICATE: "its certificate does not hold",
    TlsReason.OLD_VERSION: "it speaks no version of TLS that is allowed",
    TlsReason.NO_COMMON_CIPHER: "no cipher is common to both ends",
    TlsReason.PLAIN_TEXT: "it does not speak TLS",
    TlsReason.TLS_UNEXPECTED: "it speaks TLS, and `tls` is not set here",
    TlsReason.TIMED_OUT: "it did not finish the handshake in time",
    TlsReason.BROKEN_OFF: "it hung up during the handshake",
    TlsReason.CROWDED_OUT: "too many connections were waiting for their handshake",
    TlsReason.FAILED: "the handshake failed",
    TlsReason.PEER_WANTS_CERTIFICATE: "it wants a certificate of ours and got none",
    TlsReason.PEER_REFUSES_CERTIFICATE: "it refused our certificate",
    TlsReason.PEER_REFUSES: "it broke the handshake off",
}


@dataclass(frozen=True, slots=True)
class TlsRefusal:
    """One refusal. `detail` says it more exactly, in words of the TLS library or of the peer's alert."""

    reason: TlsReason
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{WORDS[self.reason]}{detail} [{self.reason.value}]"


# X509_V_ERR_… of OpenSSL, as verify_code of Python's error.
_BY_VERIFY_CODE: Mapping[int, TlsReason] = {
    2: TlsReason.WRONG_AUTHORITY,  # issuer's certificate not found
    9: TlsReason.NOT_YET_VALID,
    10: TlsReason.EXPIRED,
    18: TlsReason.WRONG_AUTHORITY,  # self-signed
    19: TlsReason.WRONG_AUTHORITY,  # self-signed in the chain
    20: TlsReason.WRONG_AUTHORITY,  # issuer not known here
    21: TlsReason.WRONG_AUTHORITY,  # the chain does not go on
    26: TlsReason.WRONG_PURPOSE,
    62: TlsReason.WRONG_NAME,  # host name
    64: TlsReason.WRONG_NAME,  # address
}

# Pieces of OpenSSL's words, most telling first. An alert is what the peer said; it is about us.
_BY_WORDS: tuple[tuple[str, TlsReason], ...] = (
    ("ALERT_CERTIFICATE_REQUIRED", TlsReason.PEER_WANTS_CERTIFICATE),
    ("ALERT_UNKNOWN_CA", TlsReason.PEER_REFUSES_CERTIFICATE),
    ("ALERT_CERTIFICATE", TlsReason.PEER_REFUSES_CERTIFICATE),
    ("ALERT_BAD_CERTIFICATE", TlsReason.PEER_REFUSES_CERTIFICATE),
    ("ALERT_UNSUPPORTED_CERTIFICATE", TlsReason.PEER_REFUSES_CERTIFICATE),
    ("ALERT_ACCESS_DENIED", TlsReason.PEER_REFUSES_CERTIFICATE),
    ("ALERT_PROTOCOL_VERSION", TlsReason.OLD_VERSION),
    ("ALERT", TlsReason.PEER_REFUSES),
    ("DID_NOT_RETURN_A_CERTIFICATE", TlsReason.NO_CERTIFICATE),
    ("UNSUPPORTED_PROTOCOL", TlsReason.OLD_VERSION),
    ("NO_PROTOCOLS_AVAILABLE", TlsReason.OLD_VERSION),
    ("VERSION_TOO_LOW", TlsReason.OLD_VERSION),
    ("UNSUPPORTED_SSL_VERSION", TlsReason.OLD_VERSION),
    ("NO_SHARED_CIPHER", TlsReason.NO_COMMON_CIPHER),
    ("NO_SUITABLE_SIGNATURE", TlsReason.NO_COMMON_CIPHER),
    ("HTTP_REQUEST", TlsReason.PLAIN_TEXT),
    ("WRONG_VERSION_NUMBER", TlsReason.PLAIN_TEXT),
    ("UNEXPECTED_EOF", TlsReason.BROKEN_OFF),
)


def refusal_of(error: ssl.SSLError) -> TlsRefusal:
    """What an error of the TLS library means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _BY_VERIFY_CODE.get(error.verify_code, TlsReason.INVALID_CERTIFICATE)
        return TlsRefusal(reason, _plain(error.verify_message))
    words = _words(error)
    for piece, reason in _BY_WORDS:
        if piece in words:
            return TlsRefusal(reason, words.lower().replace("_", " "))
    return TlsRefusal(TlsReason.FAILED, words.lower().replace("_", " "))


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error.args[-1] if error.args else "")).replace(" ", "_").upper()


def _plain(text: str) -> str:
    """Names in certificates are the peer's words: nothing of them may steer a terminal."""
    return "".join([letter if letter.isprintable() else " " for letter in text])[:200]
