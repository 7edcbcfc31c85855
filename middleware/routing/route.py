"""The choice: which connectors get one result. Every route that matches counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from middleware.routing.rules import Route


def choose(
    line: str, test_code: str, routes: Sequence[Route], connectors: Iterable[str]
) -> tuple[str, ...]:
    """The ids of the connectors for one result, each once, in the order of `connectors`.

    Without routes every connector gets everything. An empty answer means that nothing sends this result anywhere: the
    caller holds it, so that it is not lost in silence.
    """
    if not routes:
        return tuple(connectors)
    wanted = {name for route in routes if _matches(route, line, test_code) for name in route.to}
    return tuple(name for name in connectors if name in wanted)


def _matches(route: Route, line: str, test_code: str) -> bool:
    return (not route.lines or line in route.lines) and (
        not route.tests or test_code in route.tests
    )


class RouteTable:
    """The same choice for many results of one setup; each (line, test) is worked out once."""

    PAIRS_MAX = 10_000
    """Test codes come from analyzers, so what is remembered is bounded."""

    def __init__(self, routes: Sequence[Route], connectors: Iterable[str]) -> None:
        self._routes = tuple(routes)
        self._connectors = tuple(connectors)
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def choose(self, line: str, test_code: str) -> tuple[str, ...]:
        """As the function `choose`."""
        pair = (line, test_code)
        found = self._known.get(pair)
        if found is None:
            found = choose(line, test_code, self._routes, self._connectors)
            if len(self._known) < self.PAIRS_MAX:
                self._known[pair] = found
        return found
