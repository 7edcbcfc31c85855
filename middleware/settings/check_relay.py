"""What can be wrong with lines that relay between an analyzer and its present host."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.settings.parts import Parts
from middleware.settings.problems import Problem, Weight
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings


def relays_can_work(parts: Parts) -> Iterator[Problem]:
    """A relay passes bytes of a connection, to somebody else than ourselves."""
    listening = {
        (_plain(line.transport.host), line.transport.port): line.id
        for _, line in parts.lines
        if isinstance(line.transport, TcpListenSettings)
    }
    for location, line in parts.lines:
        if line.relay is None:
            continue
        place = (*location, "relay")
        if line.transport.type == "file_drop":
            message = "files are not a connection, so there is nothing to relay"
            yield parts.loaded.problem(place, message, "remove relay")
        elif isinstance(line.relay, TcpConnectSettings):
            ours = listening.get((_plain(line.relay.host), line.relay.port))
            if ours is not None:
                message = f'the host of the relay is the line "{ours}" of this node'
                yield parts.loaded.problem(place, message, "name the analyzer's present host")
        message = f'results of the line "{line.id}" are kept to compare and never sent'
        cure = "remove relay when the change is made"
        yield parts.loaded.problem(place, message, cure, Weight.NOTE)


def _plain(host: str) -> str:
    return "127.0.0.1" if host in ("localhost", "0.0.0.0", "::") else host  # noqa: S104  (compared)
