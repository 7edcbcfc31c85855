"""An owner of transports that makes scripted links and says nothing."""

from __future__ import annotations

from typing import Any

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.shim import Shim
from middleware.wire.events import Event
from tests.kit.scripted_link import ScriptedLink


class SilentOwner:
    """A TransportOwner and ShimOwner that remembers what it was told."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.shims: list[Shim] = []
        self.links: list[ScriptedLink] = []
        self.states: list[TransportState] = []
        self.outcomes: list[ConnectionOutcome] = []
        self.details: list[str] = []  # those that were said
        self.reasons: list[str] = []  # why shims were closed
        self.closed: list[Shim] = []

    def make_shim(self, peer: str) -> Shim:
        self.links.append(ScriptedLink())
        self.shims.append(Shim(self.links[-1], self._reactor, self, peer))
        return self.shims[-1]

    def transport_changed(self, state: TransportState, detail: str) -> None:
        self.states.append(state)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        self.outcomes.append(outcome)
        if detail:
            self.details.append(detail)

    def connection_opened(self, shim: Shim) -> None:
        """Nothing to do."""

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Nothing to do."""

    def connection_closed(self, shim: Shim, reason: str) -> None:
        self.closed.append(shim)
        self.reasons.append(reason)

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """Nothing to do."""
