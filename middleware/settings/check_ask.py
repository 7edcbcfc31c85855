"""What `labwire check` says about lines whose tubes are asked for at the LIS (`orders.ask`)."""

from __future__ import annotations

from collections.abc import Iterator

from middleware.settings.parts import ConnectorPart, Parts
from middleware.settings.problems import Problem, Weight, did_you_mean


def tubes_can_be_asked_for(parts: Parts) -> Iterator[Problem]:
    """`orders.ask` names a connector that has `ask`, and whose orders the line may be given."""
    known = [found for _, found in parts.ids_of("connector")]
    connectors = {part.table.id: part for part in parts.connectors}
    for location, line in parts.lines:
        asked = line.orders.ask
        if not asked and line.orders.asks_unordered:
            message = 'unordered = "ask", and orders.ask names no connector whose system is asked'
            cure = 'add ask = "…" with the id of a connector, or set unordered = "hold"'
            yield parts.loaded.problem((*location, "orders", "unordered"), message, cure)
        if not asked:
            continue
        place = (*location, "orders", "ask")
        part = connectors.get(asked)
        if asked not in known:
            cure = did_you_mean(asked, known, "name a connector")
            yield parts.loaded.problem(place, f'there is no connector "{asked}"', cure)
        elif part is None or part.settings is None:
            continue  # its own mistakes are told
        elif getattr(part.settings, "ask", None) is None:
            message = f'the connector "{asked}" cannot be asked'
            cure = "give it ask = { port = … }, or leave orders.ask out"
            yield parts.loaded.problem(place, message, cure)
        elif not line.orders.names_tubes:
            message = "a question names a tube, and the ids of this line name none"
            cure = "leave orders.ask or orders.identified_by out"
            yield parts.loaded.problem(place, message, cure)
        elif line.order_source and line.order_source != _source(part):
            message = f'orders of "{asked}" are of another order_source: the line is not given them'
            cure = f'set ask.order_source = "{line.order_source}" at the connector'
            yield parts.loaded.problem(place, message, cure, Weight.WARNING)


def _source(part: ConnectorPart) -> str:
    return str(getattr(getattr(part.settings, "ask", None), "order_source", ""))
