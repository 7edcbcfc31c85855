"""`labwire orders`: what was ordered, where it stands, and a person's cancel in the audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.store import audit
from middleware.store.engine import database_url, open_engine
from tests.kit.cli_site import CliSite
from tests.kit.orders import apply, claim, request


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    engine = open_engine(database_url(made.data_dir, None))
    with engine.begin() as conn:
        apply(conn, request(test="GLU"), request(test="UREA"), request("S2"))
        claim(conn, "S2")
    engine.dispose()
    yield made
    made.close()


def test_orders_are_listed_with_where_they_stand(site: CliSite) -> None:
    items = site.run("orders", "list", "--json").items
    assert [(one["sample_id"], one["lis_code"], one["state"]) for one in items] == [
        ("S2", "GLU", "claimed"),
        ("S1", "UREA", "pending"),
        ("S1", "GLU", "pending"),
    ]
    said = site.run("orders", "list", "--state", "pending")
    assert "UREA" in said.out
    assert "S2" not in said.out


def test_one_tube_is_shown_with_the_history_of_each_test(site: CliSite) -> None:
    said = site.run("orders", "show", "S2")
    assert "the analyzer asked for it" in said.out
    item = site.run("orders", "show", "S2", "--json").items[0]
    assert [one["state"] for one in item["history"]] == ["pending", "claimed"]
    assert site.run("orders", "show", "S9").status == 1


def test_a_person_cancels_and_is_told_what_an_analyzer_has_already(site: CliSite) -> None:
    ids = [one["id"] for one in site.run("orders", "list", "--json").items]
    words = [str(one) for one in ids[:2]]
    said = site.run("orders", "cancel", *words, "--as", "ann", "--reason", "tube broken")
    assert "Cancelled" in said.out
    assert f"chem-1 has {ids[0]} already" in said.out
    states = [one["state"] for one in site.run("orders", "list", "--json").items]
    assert states == ["cancelled", "cancelled", "pending"]
    engine = open_engine(database_url(site.data_dir, None))
    with engine.connect() as conn:
        trail = audit.listing(conn)
    engine.dispose()
    assert {row["action"] for row in trail} >= {"orders.cancel"}
    assert json.loads(trail[0]["detail"])["reason"] == "tube broken"


def test_what_is_over_cannot_be_cancelled_and_nothing_changes(site: CliSite) -> None:
    ids = [str(one["id"]) for one in site.run("orders", "list", "--json").items]
    site.run("orders", "cancel", ids[0])
    again = site.run("orders", "cancel", ids[1], ids[0])
    assert again.status == 1
    assert "is cancelled and cannot be cancelled" in again.err
    assert site.run("orders", "list", "--json").items[1]["state"] == "pending"
