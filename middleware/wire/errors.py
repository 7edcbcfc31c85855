"""Two blame classes for protocol errors: ours and theirs (style rule 8)."""

from __future__ import annotations

from middleware.errors import WireError


class LocalProtocolError(WireError):
    """Labwire itself broke the protocol (a bug): report it with the capture."""

    code = "local-protocol-error"


class RemoteProtocolError(WireError):
    """The peer sent something that the standard does not allow.

    `reason` is a stable short code, `clause` the document and clause, `offset` the position in the bytes or text
    (0-based, -1 when it has none), `reply` the bytes to answer with (may be empty).
    """

    code = "remote-protocol-error"

    def __init__(
        self, message: str, *, reason: str, clause: str = "", offset: int = -1, reply: bytes = b""
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.clause = clause
        self.offset = offset
        self.reply = reply
