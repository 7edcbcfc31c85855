"""`labwire orders`: what was ordered, where it stands, and a person's cancel in the audit trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from middleware.cli import orders_waiting
from middleware.store import audit, relabel, work
from middleware.store.engine import database_url, open_engine
from middleware.store.steps import Change
from tests.kit.cli_site import CliSite
from tests.kit.orders import NOW, apply, claim, claimer, request


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


def test_a_tube_is_told_with_its_aliquots_its_former_ids_and_where_it_was_seen(
    site: CliSite,
) -> None:
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        apply(conn, request("B1", parent_sample_id="S1", carrier="R7", position="2"))
        relabel.relabel(conn, "S1", "S1-NEW", Change("ann", NOW, "the label was torn"))
    engine.dispose()
    mother = " ".join(site.run("orders", "show", "S1-NEW").out.split())
    assert "Aliquots: B1. It was S1 until" in mother
    assert "(ann: the label was torn)" in mother
    aliquot = " ".join(site.run("orders", "show", "B1").out.split())
    assert "The sample id B1 is of lis. It is an aliquot of S1-NEW." in aliquot
    seen = " ".join(site.run("orders", "show", "S2").out.split())
    assert "Last seen by chem-1 at" in seen


def test_a_tube_of_the_only_system_is_told_without_one(site: CliSite) -> None:
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        apply(conn, request("S4"), source="")
    engine.dispose()
    said = " ".join(site.run("orders", "show", "S4").out.split())
    assert said.startswith("Tube S4. ")


@pytest.mark.parametrize("verb", ["show", "why"])
def test_a_former_sample_id_leads_to_the_one_of_now(site: CliSite, verb: str) -> None:
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        relabel.relabel(conn, "S1", "S1-NEW", Change("ann", NOW, "the label was torn"))
    engine.dispose()
    said = site.run("orders", verb, "S1")
    assert said.status == 1
    assert "is S1-NEW now" in said.err
    assert "then ask for that sample id" in said.err
    assert site.run("orders", verb, "S1-NEW").status == 0


def test_orders_of_several_systems_say_which(site: CliSite) -> None:
    assert "source" not in site.run("orders", "list").out
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        apply(conn, request("S3"), source="ward")
    engine.dispose()
    assert "ward" in site.run("orders", "list").out


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


class ThreeHoursLater:
    """The clock of a computer at which somebody looks at the orders of this site."""

    def utc_now(self) -> datetime:
        return datetime.fromtimestamp(NOW + 3 * 3600, UTC)


def test_open_tests_are_listed_and_counted_by_age(
    site: CliSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_waiting, "SystemClock", ThreeHoursLater)
    assert len(site.run("orders", "list", "--older", "2h", "--json").items) == 3
    assert site.run("orders", "list", "--older", "4h").out == "No such orders.\n"
    assert site.run("orders", "list", "--older", "soon").status != 0
    (claimed, pending) = site.run("orders", "age", "--json").items
    assert claimed == {"state": "claimed", "1h": 0, "4h": 1, "12h": 0, "1d": 0, "older": 0}
    assert pending["4h"] == 2
    assert "12h" in site.run("orders", "age").out


def test_a_person_is_told_why_a_test_was_given_to_nobody(site: CliSite) -> None:
    (line,) = site.run("orders", "why", "S1", "GLU", "--json").items
    assert line["why"] == "it waits for chem-1; no analyzer has asked for this tube"
    assert "on its way to chem-1" in site.run("orders", "why", "S2").out
    assert site.run("orders", "why", "S9").status == 1


def test_who_asks_for_a_former_or_mistyped_id_is_told_which_tube_is_meant(site: CliSite) -> None:
    """The person holds a tube with the old label, or typed a letter small."""
    said = site.run("orders", "show", "s1")
    assert (said.status, "a tube of nearly this id is S1" in said.err) == (1, True)
    assert site.run("orders", "relabel", "S1", "N1", "--reason", "torn").status == 0
    for verb in ("show", "why"):
        said = site.run("orders", verb, "S1")
        assert said.status == 1
        assert "labelled anew and is N1 now" in " ".join(said.err.split())


def test_an_add_on_after_the_answer_is_listed_with_where_the_tube_is(site: CliSite) -> None:
    assert site.run("orders", "reload").out == "No tube must be loaded again.\n"
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        work.claim(conn, work.Wanted(("S1",), carrier="R7", position="3"), claimer(), NOW + 1)
        apply(conn, request(test="TSH"), now=NOW + 60)
    engine.dispose()
    (item,) = site.run("orders", "reload", "--json").items
    assert (item["sample_id"], item["lis_code"]) == ("S1", "TSH")
    assert (item["seen_line"], item["seen_carrier"], item["seen_position"]) == ("chem-1", "R7", "3")
    assert "R7" in site.run("orders", "reload").out
    said = site.run("orders", "why", "S1", "TSH").out
    assert "load it again" in " ".join(said.split())


def test_a_person_offers_again_what_an_analyzer_took(site: CliSite) -> None:
    ids = [one["id"] for one in site.run("orders", "list", "--json").items]
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        work.mark_sent(conn, [ids[0]], "chem-1", NOW)
    engine.dispose()
    assert "Open again" in site.run("orders", "free", str(ids[0]), "--reason", "rack lost").out
    assert site.run("orders", "list", "--json").items[0]["state"] == "pending"
    again = site.run("orders", "free", str(ids[0]))
    assert "cannot be offered again" in again.err
