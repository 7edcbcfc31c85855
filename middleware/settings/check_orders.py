"""What `labwire check` says about orders that lines wait for, or that two lines are sent at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from middleware.line.order_settings import Download
from middleware.line.settings import LineSettings
from middleware.settings.parts import ConnectorPart, Parts
from middleware.settings.problems import Problem, Weight

_NAMED_MAX = 5
_DOORS = ("orders", "ask")


def orders_can_come(parts: Parts) -> Iterator[Problem]:
    """A line that waits for orders, of a site where nobody gives any."""
    if any(part.settings is None or _gives_orders(part) for part in parts.connectors):
        return
    for location, line in parts.lines:
        if line.orders.holds_unordered and line.relay is None:
            message = "no connector takes orders: every result of this line is held, for nobody ordered it"
            cure = 'give a connector orders = { … }, or set unordered = "forward"'
            place = (*location, "orders", "unordered")
            yield parts.loaded.problem(place, message, cure, Weight.WARNING)


def arrival_is_said(parts: Parts) -> Iterator[Problem]:
    """What `before_arrival = false` needs of the LIS: nobody can see it in the settings."""
    for location, line in parts.lines:
        if not line.orders.before_arrival and line.relay is None:
            message = (
                "work waits until the LIS says when the tube arrived (HL7 SPM-18 or OBR-14, ASTM O-15, arrived_at "
                "in CSV and JSON); a LIS that never says it has its orders given to nobody"
            )
            cure = "ask the LIS's maker; `labwire orders why` names tubes that wait for it"
            place = (*location, "orders", "before_arrival")
            yield parts.loaded.problem(place, message, cure, Weight.NOTE)


def downloads_are_one_lines(parts: Parts) -> Iterator[Problem]:
    """A test that two analyzers are sent as soon as it is ordered goes to the first, wherever the tube goes.

    Asked once the tables of codes are read.
    """
    sent = [
        (location, line)
        for location, line in parts.lines
        if line.orders.download is Download.ON_ORDER and line.relay is None
    ]
    for (_, first), (location, second) in combinations(sent, 2):
        shared = _shared(parts, first, second)
        if shared:
            message = (
                f'the line "{first.id}" is sent {shared} on order too: whichever is free first gets it, wherever the '
                "tube goes"
            )
            cure = 'let one of their tables have each test, or set download = "off" and let the analyzers ask'
            place = (*location, "orders", "download")
            yield parts.loaded.problem(place, message, cure, Weight.WARNING)


def _gives_orders(part: ConnectorPart) -> bool:
    return any(getattr(part.settings, name, None) is not None for name in _DOORS)


def _shared(parts: Parts, first: LineSettings, second: LineSettings) -> str:
    """The tests that both may be given, in words; empty: none."""
    sources = {first.order_source, second.order_source} - {""}
    if len(sources) > 1:
        return ""
    menus = [
        codes.orderable
        for line in (first, second)
        if (codes := parts.line_codes.get(line.id)) is not None
    ]
    if not menus:
        return "every test"
    tests = sorted(frozenset.intersection(*menus))
    more = " …" if len(tests) > _NAMED_MAX else ""
    return ", ".join(tests[:_NAMED_MAX]) + more
