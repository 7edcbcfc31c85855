"""What a line says of itself: its states, and the status that pages and commands show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class LineState(StrEnum):
    """How a line stands, for people and for `labwire_line_state`."""

    STOPPED = "stopped"
    LISTENING = "listening"
    DIALLING = "dialling"
    WAITING = "waiting"
    OPEN = "open"  # the transport is connected; the analyzer has not spoken its protocol yet
    CONNECTED = "connected"  # proved: the analyzer spoke its protocol on this connection
    FAULT = "fault"  # could not start, or its driver failed; started again by the supervisor


UP = frozenset({LineState.OPEN, LineState.CONNECTED})


@dataclass(frozen=True, slots=True)
class LineStatus:
    """For status pages. Times are seconds since 1970 UTC (None: not yet)."""

    line: str
    driver: str
    state: LineState
    since: float
    detail: str
    address: str
    peer: str
    link: str
    is_accepting: bool
    messages: int
    last_message_at: float | None
    last_error: str
    connections: Mapping[str, int]
    frames: Mapping[str, int]
    bytes_in: int
    bytes_out: int
    orders: Mapping[str, object]  # `middleware.line.download.DownloadStatus`
    second_connection: str  # what becomes of one: replace, refuse; "" where there can be none
    silent_since_at: float | None  # None: it is not unusually silent
    silence_limit_s: float | None  # None: not known what is unusual at this hour
    usually_every_s: float | None
    clock_offset_s: float | None  # by how much the analyzer's clock is ahead; None: not known
