"""What review and delivery conclude: Verdict with findings; Outcome of a delivery."""

from __future__ import annotations

from middleware.model.codes import OutcomeKind, VerdictKind
from middleware.model.value import Frozen


class Finding(Frozen):
    """Why: which check, a stable code, and a sentence for the technologist saying what is wrong and what to do."""

    check: str
    code: str
    verdict: VerdictKind
    text: str


class Verdict(Frozen):
    """The strictest finding decides; no finding means RELEASE (subject to the line's release mode)."""

    kind: VerdictKind
    findings: tuple[Finding, ...] = ()


class Outcome(Frozen):
    """The outcome of delivering one outbox message.

    `code` is the peer's code (AA, AE …) or ours (`no_reply`, `connection_refused` …). `text` is the peer's own words
    for a person. `retry_after_s` is a wish for DEFERRED (None: the lane's backoff decides). `error_locations` are
    ERR-2 values as sent. `reply` is the raw answer.
    """

    kind: OutcomeKind
    code: str = ""
    text: str = ""
    retry_after_s: float | None = None
    error_locations: tuple[str, ...] = ()
    reply: bytes = b""
