"""`labwire results edit` and what else people type or decide about results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.store import calls
from middleware.store.engine import database_url, open_engine
from tests.kit.cli_site import CliSite
from tests.kit.orders import apply, request

pytestmark = pytest.mark.slow  # each opens a store on disk


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path, release="hold_all")
    made.receive("A1001", tests=2)
    yield made
    made.close()


def test_a_value_is_corrected_by_one_and_released_by_another(site: CliSite) -> None:
    words = ("results", "edit", "1", "--value", "6.1", "--reason", "clot", "--as", "ann")
    assert "result 3 waits beside result 1" in site.run(*words).out
    assert "ann corrected the value of result 1" in site.run("results", "show", "3").out
    refused = site.run("results", "release", "3", "--as", "ann")
    assert (refused.status, "another person must release it" in refused.err) == (1, True)
    assert "Released: 3." in site.run("results", "release", "3", "--as", "bob").out
    (first,) = [one for one in site.run("results", "list", "--json").items if one["id"] == 1]
    assert first["release_state"] == "rejected"


def test_a_specimen_is_withdrawn_and_taken_back(site: CliSite) -> None:
    site.run("results", "release", "1")
    said = site.run("specimens", "withdraw", "A1001", "--reason", "wrong tube", "--as", "ann").out
    assert "A1001 is withdrawn" in said
    assert "Withdrawn: 1." in said
    assert "Queued for the LIS: 2." in said
    assert "Held, to be rejected: 2." in said
    assert "wrong tube" in site.run("specimens", "list").out
    assert "ann withdrew this specimen" in site.run("results", "show", "2").out
    assert "may be released again" in site.run("specimens", "restore", "A1001", "--reason", "x").out


def test_one_result_is_withdrawn(site: CliSite) -> None:
    site.run("results", "release", "1")
    said = site.run("results", "withdraw", "1", "--reason", "clot").out
    assert "Withdrawn: 1." in said
    refused = site.run("results", "withdraw", "2", "--reason", "clot")
    assert (refused.status, "result 2 is held" in refused.err) == (1, True)


def test_a_rejection_says_how_it_ends(site: CliSite) -> None:
    said = site.run("results", "reject", "1", "--pending", "--cannot-obtain", "clot")
    assert (said.status, "ends in one way" in said.err) == (1, True)
    said = site.run("results", "reject", "1", "--cannot-obtain", "clotted").out
    assert "Rejected: 1." in said
    assert "Queued for the LIS: 1." in said
    site.run("results", "reject", "2", "--pending", "--reason", "reagent is out")
    (item,) = site.run("results", "list", "--pending", "--json").items
    assert item["id"] == 2
    assert "1 pending results" in site.run("status").out


def test_a_remark_is_added(site: CliSite) -> None:
    assert "Commented: 1." in site.run("results", "comment", "1", "--text", "haemolytic").out
    site.run("results", "release", "1")
    said = site.run("results", "comment", "1", "--text", "again").out
    assert "Commented: 1, 3." in said
    assert "Queued for the LIS: 2." in said


def test_calls_are_listed_and_ended(site: CliSite) -> None:
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        calls.open_calls(conn, [calls.NewCall(1, "A1001", "chem-1", "T01", "critical_high")], 1.0)
    engine.dispose()
    assert "critical_high" in site.run("calls", "list").out
    assert "1 open calls" in site.run("status").out
    said = site.run("calls", "done", "1", "--told", "Dr Lang", "--by", "ann", "--read-back")
    assert "Done: 1." in said.out
    assert "No call is open." in site.run("calls", "list").out
    assert "Dr Lang" in site.run("calls", "list", "--all").out


def test_a_result_is_typed_by_two(site: CliSite) -> None:
    words = ("results", "enter", "A1002", "T01", "5.4", "--unit", "mmol/L", "--reason", "down")
    assert "Entered: result 3 waits for another person." in site.run(*words, "--as", "ann").out
    assert "you typed that already" in site.run(*words, "--as", "ann").err
    assert "Confirmed: result 3 is released." in site.run(*words, "--as", "bob").out
    assert site.run("messages", "show", "2").status == 0
    assert site.run("messages", "list").status == 0


def test_a_held_result_says_why_with_its_numbers(site: CliSite) -> None:
    """One look is enough to know what to do."""
    words = ("results", "edit", "1", "--value", "6.1", "--reason", "clot", "--as", "Dr. A. Weiss")
    site.run(*words)
    said = " ".join(site.run("results", "show", "3").out.split())
    assert "T01 of A1001 is 6.1 mmol/L" in said
    assert "typed by Dr. A. Weiss. It answers no order that is known here and is held: " in said
    assert "Dr. A. Weiss corrected the value of result 1, which is " in said


def test_a_label_of_a_downtime_is_joined(site: CliSite) -> None:
    refused = site.run("specimens", "join", "DT-7", "A1001", "--reason", "line was down")
    assert (refused.status, "only a label of a downtime" in refused.err) == (1, True)
    text = site.settings.read_text(encoding="utf-8")
    site.settings.write_text(text + '\n[review]\ndowntime_prefix = "DT-"\n', encoding="utf-8")
    typed = ("results", "enter", "DT-7", "T01", "5.4", "--reason", "down")
    assert "result 3 waits" in site.run(*typed).out
    engine = open_engine(database_url(site.data_dir, None))
    with engine.begin() as conn:
        apply(conn, request("A1001", "T01"), now=1.0)
    engine.dispose()
    said = site.run("specimens", "join", "DT-7", "A1001", "--reason", "line was down").out
    assert "DT-7 is A1001: 3 wait for a release." in said
