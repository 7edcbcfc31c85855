"""Which connectors get a result."""

from __future__ import annotations

from middleware.routing import Route, RouteTable, choose

CONNECTORS = ("lis", "archive", "research")


def test_without_routes_everything_goes_everywhere() -> None:
    """A site with one LIS writes no routes."""
    assert choose("chem-1", "GLU", (), CONNECTORS) == CONNECTORS


def test_every_matching_route_counts_and_each_connector_once() -> None:
    """Two routes to the same connector send one message."""
    routes = (Route(to=("lis",)), Route(to=("archive", "lis"), lines=("chem-1",)))
    assert choose("chem-1", "GLU", routes, CONNECTORS) == ("lis", "archive")
    assert choose("chem-2", "GLU", routes, CONNECTORS) == ("lis",)


def test_a_route_for_tests_takes_only_those() -> None:
    """A test that no route names goes nowhere, and the caller is told."""
    routes = (Route(to=("research",), tests=("HIV",)),)
    assert choose("chem-1", "HIV", routes, CONNECTORS) == ("research",)
    assert choose("chem-1", "GLU", routes, CONNECTORS) == ()


def test_the_table_answers_as_the_function_and_stays_bounded() -> None:
    """Test codes come from analyzers: endless different ones must not fill the memory."""
    routes = (Route(to=("lis",), tests=("T1",)),)
    table = RouteTable(routes, CONNECTORS)
    table.PAIRS_MAX = 3
    for number in range(10):
        code = f"T{number}"
        assert table.choose("x", code) == choose("x", code, routes, CONNECTORS)
    assert len(table._known) == 3
