"""The signature of a request: HMAC-SHA256 over the time and the body, in one header. Pure: the time is an argument."""

from __future__ import annotations

import hashlib
import hmac
import re

HEADER = "X-Labwire-Signature"
VALID_FOR_S = 300.0
"""So far the clocks of both ends may differ, and so old a request may be."""

_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, at: float, body: bytes) -> str:
    """The header's text: `t=<seconds since 1970>,v1=<hex>` with HMAC-SHA256 of `<t>.<body>`."""
    moment = str(int(at))
    return f"t={moment},v1={_digest(secret, moment, body)}"


def why_unsigned(header: str, secret: str, now: float, body: bytes) -> str:
    """What is wrong with a signature ('': nothing); it never says what would be right."""
    found = _FORM.fullmatch(header)
    if found is None:
        return f"{HEADER} is missing or has another form"
    moment, digest = found.groups()
    if not hmac.compare_digest(_digest(secret, moment, body), digest):
        return "the signature does not fit the body"
    if abs(now - int(moment)) > VALID_FOR_S:
        return "the signature is too old, or one of the clocks is wrong"
    return ""


def _digest(secret: str, moment: str, body: bytes) -> str:
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
