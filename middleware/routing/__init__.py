"""Which connectors get a result: rules (schema) and the choice itself; no I/O."""

from middleware.routing.route import RouteTable, choose
from middleware.routing.rules import Route

__all__ = ["Route", "RouteTable", "choose"]
