"""Shows a person who was refused on a line and why, until the analyzer itself is connected again."""

from __future__ import annotations

from middleware.observe.health import Health, WarnableCode
from middleware.transport.base import ConnectionOutcome

_CODES = {
    ConnectionOutcome.REFUSED_PEER: WarnableCode.PEER_REFUSED,
    ConnectionOutcome.REFUSED_TLS: WarnableCode.TLS_REFUSED,
}


def tell_refusal(
    health: Health, line: str, outcome: ConnectionOutcome, peer: str, detail: str
) -> None:
    """Raise the warning of a refusal; an accepted connection clears them all."""
    code = _CODES.get(outcome)
    if code is not None:
        why = f": {detail}" if detail else ""
        text = f"A connection with {peer} on line {line} was refused{why}."
        health.raise_warning(code, line, text)
    elif outcome is ConnectionOutcome.ACCEPTED:
        for one in _CODES.values():
            health.clear(one, line)
