"""Writes the acknowledgement of a message from its header alone: an image below it is not decoded for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.protocols.hl7.glance import glance
from drivers.protocols.hl7.tables import CANCEL_TYPES
from middleware.model import MessageKind
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import ERROR_TEXTS, AckCode, AckError, AckNote, ErrorCode, build_ack, parse
from middleware.wire.mllp import acknowledge_plainly

_ACCEPTING = frozenset((AckCode.APPLICATION_ACCEPT, AckCode.COMMIT_ACCEPT))
# 207 means: it could not be stored, send it again.
_NOT_STORED = (AckError(ErrorCode.INTERNAL_ERROR, ERROR_TEXTS[ErrorCode.INTERNAL_ERROR]),)
_LONGEST_HEADER = 8192


@dataclass(frozen=True, slots=True)
class OwnNames:
    """What we call ourselves in MSH-3 and MSH-4; '': what the message called its receiver."""

    application: str = ""
    facility: str = ""


class Acknowledger:
    """I write acknowledgements (`middleware.wire.mllp.Acknowledge`), with the time where a clock is given."""

    def __init__(
        self, names: OwnNames, utc_now: Callable[[], datetime] | None, time_zone: str
    ) -> None:
        self._accepted = AckNote("", (), names.application, names.facility)
        self._refused = AckNote("", _NOT_STORED, names.application, names.facility)
        self._utc_now = utc_now
        self._zone = ZoneInfo(time_zone)

    def __call__(self, text: bytes, code: AckCode) -> bytes:
        """The acknowledgement of the message `text`; what has no header is rejected."""
        try:
            message = parse(header_of(text))
        except RemoteProtocolError:
            return acknowledge_plainly(text, code)
        note = self._accepted if code in _ACCEPTING else self._refused
        return build_ack(message, code, message.header.get("MSH-10"), self._now_text(), note)

    def _now_text(self) -> str:
        if self._utc_now is None:
            return ""
        return self._utc_now().astimezone(self._zone).strftime("%Y%m%d%H%M%S%z")


class AnsweredLater:
    """I leave a query without application acknowledgement, for its answer is one. `usual` writes every other."""

    def __init__(self, usual: Callable[[bytes, AckCode], bytes]) -> None:
        self._usual = usual

    def __call__(self, text: bytes, code: AckCode) -> bytes:
        """The acknowledgement; b"" for a query that was stored."""
        if code is AckCode.APPLICATION_ACCEPT and glance(text) is MessageKind.QUERY:
            try:
                kind = parse(header_of(text)).header.get("MSH-9.1").strip().upper()
            except RemoteProtocolError:
                return self._usual(text, code)
            if kind not in CANCEL_TYPES:
                return b""
        return self._usual(text, code)


def header_of(text: bytes) -> bytes:
    """The first segment of a message; marks of byte order and empty lines before it are kept out."""
    text = text[:_LONGEST_HEADER].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\0")
    return text.partition(b"\r")[0].partition(b"\n")[0]
