"""`labwire results show|rerun|reflex`: what a result answers, in a sentence, and more work because of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.store.engine import database_url, open_engine
from tests.kit.cli_site import RECEIVED_AT, CliSite
from tests.kit.orders import apply, request

pytestmark = pytest.mark.slow  # each opens a store on disk


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path, release="hold_all")
    engine = open_engine(database_url(made.data_dir, None))
    with engine.begin() as conn:
        apply(conn, request("A1001", "T01"), now=RECEIVED_AT - 60)
    engine.dispose()
    made.receive("A1001", tests=2)
    yield made
    made.close()


def test_a_held_result_says_its_order_and_why_it_waits(site: CliSite) -> None:
    said = site.run("results", "show", "1").out
    assert "It answers T01 of the order O-A1001 (ordered test 1, resulted) and is held: " in said
    assert "This line holds every result for a person" in said
    assert (
        "It answers no order that is known here and is held" in site.run("results", "show", "2").out
    )


def test_a_rerun_is_ordered_by_a_person(site: CliSite) -> None:
    said = site.run("results", "rerun", "1", "--dilution", "10", "--as", "ann", "--reason", "high")
    assert "Ordered tests: 2." in said.out
    items = site.run("orders", "list", "--json").items
    assert [one["state"] for one in items] == ["pending", "resulted"]
    refused = site.run("results", "rerun", "1")
    assert (refused.status, "ordered again already" in refused.err) == (1, True)
    assert "no factor of a dilution" in site.run("results", "rerun", "1", "--dilution", "x").err


def test_tests_are_added_by_a_person(site: CliSite) -> None:
    said = site.run("results", "reflex", "1", "T09", "T01", "--json")
    assert [one["id"] for one in said.items] == [2]
    said = site.run("results", "reflex", "1", "T09")
    assert "On the tube already: T09." in said.out


def test_a_person_stops_automatic_release_and_lets_it_go_on(site: CliSite) -> None:
    """Who, why and since when is seen at once, also in the status."""
    assert "needs a reason" in site.run("stop-release").err
    said = site.run("stop-release", "--line", "chem-1", "--reason", "controls drift", "--as", "ann")
    assert "Stopped: every test of chem-1 (stop 1)." in said.out
    assert "1 release stops" in site.run("status").out
    assert "controls drift" in site.run("stop-release", "--list").out
    site.run("stop-release", "--test", "T01", "--reason", "new lot")
    said = site.run("resume-release", "--reason", "mended")
    assert (said.status, "labwire resume-release 1 2" in said.err) == (1, True)
    assert "stops 2 ended" in site.run("resume-release", "2", "--reason", "mended").out
    assert "stops 1 ended" in site.run("resume-release", "--reason", "mended").out
    assert "Nothing is stopped." in site.run("resume-release").out
