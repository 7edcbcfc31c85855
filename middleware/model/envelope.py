"""One decoded message: everything that was in it, with pointers back into the raw text."""

from __future__ import annotations

from middleware.model.result import AnalyzerStatus, Comment, HostQuery, Result
from middleware.model.value import Frozen


class Fault(Frozen):
    """A deviation found while decoding that did not stop it. `record` is 1-based (0: the whole message)."""

    code: str
    text: str
    record: int = 0
    field: str = ""


class Unread(Frozen):
    """A specimen group that produced no result, and why (for example an order cancelled by the analyzer)."""

    sample_id: str
    reason: str
    record: int = 0
    comments: tuple[Comment, ...] = ()


class Envelope(Frozen):
    """One decoded message. `analyzer` identifies the instrument as it named itself (LIS02-A2 H-5).

    `is_for_reporting`: the driver's profile does not say that its results must be held.
    """

    analyzer: str = ""
    analyzer_serial: str = ""
    message_control_id: str = ""
    sent_at_text: str = ""
    results: tuple[Result, ...] = ()
    queries: tuple[HostQuery, ...] = ()
    statuses: tuple[AnalyzerStatus, ...] = ()
    unread: tuple[Unread, ...] = ()
    faults: tuple[Fault, ...] = ()
    quirks: tuple[str, ...] = ()
    is_for_reporting: bool = True
