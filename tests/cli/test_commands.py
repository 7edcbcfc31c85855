"""What a person at the terminal sees and can do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.cli_site import CliSite, command
from tests.kit.plain_analyzer import result_records

pytestmark = pytest.mark.slow  # each opens a store on disk


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    yield made
    made.close()


@pytest.fixture
def holding_site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path, release="hold_all")
    yield made
    made.close()


def test_messages_are_listed_newest_first(site: CliSite) -> None:
    """The last one is what a technician looks for."""
    first, second = site.receive("A1001"), site.receive("A1002")
    said = site.run("messages", "list", "--json")
    assert said.status == 0
    assert [item["id"] for item in said.items] == [second, first]
    assert said.items[0]["quirks"] == ["nul_in_text"]
    assert said.items[0]["received_at"] == "2031-03-04T09:30:00.000+00:00"
    assert json.loads(said.out)["labwire"] == 1


def test_a_table_shows_times_in_the_laboratorys_zone(site: CliSite) -> None:
    """Nobody at the bench thinks in UTC."""
    site.receive("A1001")
    assert "2031-03-04 10:30:00" in site.run("messages", "list").out


def test_a_message_is_shown_with_its_whole_life(site: CliSite) -> None:
    """Wire, records with field names, results, and what became of them at the LIS."""
    number = site.receive("A1001")
    out = site.run("messages", "show", str(number)).out
    assert "<STX>1H|\\^&|||PLAIN-CHEM^SN1^1.0" in out
    assert "<ETX>" in out
    assert "R-4" in out
    assert "A1001" in out
    assert "processed" in out
    assert "under setup 1" in out
    assert "waiting" in out
    assert "nul_in_text" in out


def test_the_life_of_a_message_names_who_did_what_and_what_is_still_to_come(
    holding_site: CliSite,
) -> None:
    """An inspector reads it from top to bottom, and a technologist sees what waits."""
    number = str(holding_site.receive("A1001"))
    (first, second) = (
        str(item["id"]) for item in holding_site.run("results", "list", "--json").items
    )
    holding_site.run("results", "release", first, "--as", "Dr Huber", "--reason", "compared")
    holding_site.run("results", "reject", second, "--nothing-more", "--as", "Dr Weiss")
    life = [
        step["what"]
        for step in holding_site.run("messages", "show", number, "--json").items[0]["life"]
    ]
    assert life[0].startswith("received on the line chem-1 and stored; then acknowledged")
    assert life[1] == "processed under setup 1: 2 results (2 held)"
    assert f"Dr Huber: released results {first} (compared)" in life
    assert f"Dr Weiss: rejected results {second}" in life
    assert life[-1].endswith("waits for lis: not sent yet")
    assert life[-1] in holding_site.run("messages", "show", number).out


def test_results_that_wait_for_a_person_are_the_end_of_the_story_so_far(
    holding_site: CliSite,
) -> None:
    """Whoever looks up a message learns that it is up to somebody, and which command decides."""
    number = str(holding_site.receive("A1001"))
    out = holding_site.run("messages", "show", number).out
    assert "2 held results wait for a person: labwire results release" in out
    assert out.count("This line holds every result for a person") == 1


def test_a_message_as_json_has_bytes_records_results_and_outbox(site: CliSite) -> None:
    """A program gets every byte back."""
    (item,) = site.run("messages", "show", str(site.receive("A1001", 3)), "--json").items
    assert item["wire"].encode("latin-1").startswith(b"\x05\x021H|")
    assert [record["type"] for record in item["records"]] == ["H", "P", "O", "R", "R", "R", "L"]
    assert item["records"][3]["fields"][3]["number"] == 4
    assert len(item["results"]) == 3
    assert item["outbox"][0]["control_id"] == item["outbox"][0]["control_id"].strip()
    assert "MSH|" in item["outbox"][0]["payload"]


def test_an_unreadable_message_is_found_with_its_reason(site: CliSite) -> None:
    """Nothing that was accepted is lost from sight."""
    number = site.receive([b"X|no header"])
    (item,) = site.run("messages", "list", "--state", "unreadable", "--json").items
    assert item["id"] == number
    assert item["reason"]
    assert item["reason"] in site.run("messages", "show", str(number)).out


def test_a_message_that_is_not_there_is_said_in_a_sentence(site: CliSite) -> None:
    """No trace for a mistyped number."""
    said = site.run("messages", "show", "4711")
    assert said.status == 1
    assert "there is no message 4711" in said.err
    assert "What to do" in said.err
    assert "Traceback" not in said.err


def test_results_of_one_message_are_listed(site: CliSite) -> None:
    """By message, by state and by sample."""
    number = site.receive("A1001", 3)
    site.receive("A1002", 2)
    assert len(site.run("results", "list", "--message", str(number), "--json").items) == 3
    assert len(site.run("results", "list", "--sample", "A1002", "--json").items) == 2
    assert len(site.run("results", "list", "--state", "released", "--json").items) == 5
    assert len(site.run("results", "list", "--limit", "1", "--json").items) == 1


def test_held_results_are_released_by_name_with_no_node_running(holding_site: CliSite) -> None:
    """The same job that a node would run, and the person stands in the record."""
    number = holding_site.receive("A1001")
    held = holding_site.run("results", "list", "--state", "held", "--json").items
    assert holding_site.run("outbox", "list", "--json").items == []
    ids = [str(item["id"]) for item in held]
    said = holding_site.run("results", "release", *ids, "--as", "B. Brandt", "--reason", "seen")
    assert said.status == 0, said.err
    (item,) = holding_site.run("messages", "show", str(number), "--json").items
    assert {result["verifier"] for result in item["results"]} == {"B. Brandt"}
    assert item["outbox"][0]["state"] == "waiting"


def test_rejected_results_are_never_sent(holding_site: CliSite) -> None:
    """And releasing them afterwards is refused."""
    holding_site.receive("A1001")
    ids = [str(one["id"]) for one in holding_site.run("results", "list", "--json").items]
    refused = holding_site.run("results", "reject", *ids, "--reason", "clotted")
    assert "say how the rejection ends" in refused.err
    words = ("--nothing-more", "--reason", "clotted")
    assert holding_site.run("results", "reject", *ids, *words).status == 0
    said = holding_site.run("results", "show", ids[0], "--json")
    assert said.items[0]["release_state"] == "rejected"
    refused = holding_site.run("results", "show", "999")
    assert refused.status == 1


def test_a_command_that_cannot_be_done_says_why_and_changes_nothing(site: CliSite) -> None:
    """The whole request is refused."""
    site.receive("A1001")
    said = site.run("results", "release", "1", "999")
    assert said.status == 1
    assert "there is no result 999" in said.err


def test_an_unreadable_message_is_replayed(site: CliSite) -> None:
    """After the mapping was mended it goes through again."""
    number = site.receive([b"X|no header"])
    assert site.run("messages", "replay", str(number), "--reason", "mended").status == 0
    (item,) = site.run("messages", "list", "--json").items
    assert item["state"] == "received"
    assert item["replays"] == 1


def test_an_outbox_message_is_held_and_released(site: CliSite) -> None:
    """Before the LIS is told something that should wait."""
    site.receive("A1001")
    (row,) = site.run("outbox", "list", "--json").items
    number = str(row["number"])
    assert site.run("outbox", "hold", number).status == 0
    assert site.run("outbox", "list", "--json").items[0]["state"] == "held"
    assert site.run("outbox", "release", number).status == 0
    assert site.run("outbox", "list", "--json").items[0]["state"] == "waiting"
    assert "cannot be" in site.run("outbox", "release", number).err
    assert "try again" in site.run("outbox", "release").out


def test_status_without_a_node_tells_what_the_store_knows(site: CliSite) -> None:
    """Exit status 1: a laboratory whose node does not run is not well."""
    site.receive([b"X|no header"])
    said = site.run("status", "--json")
    assert said.status == 1
    document = json.loads(said.out)
    assert document["is_running"] is False
    assert document["waiting_for_a_person"] == {"unreadable_messages": 1}
    said = site.run("status")
    assert "does not run" in said.out
    assert "start it with `labwire run`" in said.out
    assert "labwire messages list --state unreadable" in said.out


def test_lines_are_listed_without_a_node(site: CliSite) -> None:
    """What should be there."""
    (line,) = site.run("lines", "--json").items
    assert (line["line"], line["state"]) == ("chem-1", "stopped")
    assert (line["driver"], line["address"]) == ("generic_astm", "127.0.0.1:0")
    assert "No node runs" in site.run("lines").err


@pytest.mark.parametrize(
    ("transport", "address"),
    [
        ('type = "serial", port = "/dev/ttyUSB0"', "/dev/ttyUSB0"),
        ('type = "file_drop", folder = "inbox"', "inbox"),
        ('type = "tcp_connect", host = "10.0.0.9", port = 4010', "10.0.0.9:4010"),
    ],
)
def test_a_line_without_a_node_is_where_its_settings_say(
    site: CliSite, transport: str, address: str
) -> None:
    text = site.settings.read_text("utf-8")
    written = text.replace('type = "tcp_listen", port = 0', transport, 1)
    site.settings.write_text(written, encoding="utf-8")
    (line,) = site.run("lines", "--json").items
    assert line["address"] == address


def test_doctor_looks_at_everything_and_says_what_to_do(site: CliSite) -> None:
    """No node runs and no LIS listens: both are told, and what is good is told too."""
    said = site.run("doctor", "--json")
    assert said.status == 1
    signs = {item["name"]: item for item in said.items}
    assert signs["settings"]["is_good"]
    assert signs["data folder"]["is_good"]
    assert signs["store"]["is_good"]
    assert not signs["node"]["is_good"]
    assert not signs["connector lis"]["is_good"]
    assert "What to do" in site.run("doctor").out


def test_check_is_good_for_good_settings(site: CliSite) -> None:
    """And says so."""
    said = site.run("check")
    assert said.status == 0
    assert "Good: 1 line(s), 1 connector(s)." in said.out


def test_check_names_every_mistake_with_its_line(site: CliSite) -> None:
    """As a document too, for editors."""
    text = site.settings.read_text(encoding="utf-8")
    site.settings.write_text(text.replace("driver =", "drivre ="), encoding="utf-8")
    said = site.run("check", "--json")
    assert said.status == 1
    assert {(item["key"], item["line"]) for item in said.items} >= {("line.drivre", 8)}
    assert "did you mean driver?" in site.run("check").out


def test_reading_works_while_another_part_of_the_settings_is_wrong(site: CliSite) -> None:
    """A mistake in a line must not hide the data."""
    site.receive("A1001")
    text = site.settings.read_text(encoding="utf-8")
    site.settings.write_text(text.replace("driver =", "drivre ="), encoding="utf-8")
    assert len(site.run("messages", "list", "--json").items) == 1
    refused = site.run("messages", "replay", "1")
    assert refused.status == 1
    assert "drivre" in refused.err


def test_settings_are_shown_with_their_defaults(site: CliSite) -> None:
    """And where each comes from."""
    items = {item["setting"]: item for item in site.run("config", "show", "--json").items}
    assert items["line chem-1 release"] == {
        "setting": "line chem-1 release",
        "value": "auto",
        "from": "line 9",
    }
    assert items["connector lis window"]["from"] == "default"
    assert items["line chem-1 transport host"]["value"] == "127.0.0.1"


def test_drivers_are_listed_and_shown(site: CliSite) -> None:
    """What a line may name."""
    assert "generic_astm" in {item["id"] for item in site.run("drivers", "list", "--json").items}
    assert "generic_astm" in site.run("drivers", "list").out
    assert "not for reporting" in " ".join(site.run("drivers", "list").out.split())
    assert site.run("drivers", "show", "generic_astm").status == 0
    unknown = site.run("drivers", "show", "generic_atsm")
    assert unknown.status == 1
    assert "generic_astm" in unknown.err


def test_a_missing_settings_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    """The first thing that goes wrong for a newcomer."""
    said = command("messages", "list", "-c", str(tmp_path / "labwire.toml"))
    assert said.status == 1
    assert "there is no such settings file" in said.err


def test_a_site_without_a_store_says_how_to_get_one(tmp_path: Path) -> None:
    """Before the first start."""
    (tmp_path / "labwire.toml").write_text('[node]\nenvironment = "test"\n', encoding="utf-8")
    said = command("messages", "list", "-c", str(tmp_path / "labwire.toml"))
    assert said.status == 1
    assert "there is no store" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("messages", "show"),
        ("messages", "show", "x"),
        ("messages", "list", "--state", "lost"),
        ("nonsense",),
        ("results", "list", "--limit", "0"),
    ],
)
def test_wrong_usage_ends_with_status_2(words: tuple[str, ...]) -> None:
    """Scripts can tell a mistyped command from trouble in the laboratory."""
    assert command(*words).status == 2


def test_a_name_in_a_message_cannot_play_with_the_terminal(site: CliSite) -> None:
    """Escape sequences from the wire are shown, not obeyed."""
    records = result_records("A1001", 1)
    records[1] = b"P|1||L-1|||EVIL\x1b[2J\x1b[31m[bold]X[/bold]"
    out = site.run("messages", "show", str(site.receive(records))).out
    assert "\x1b" not in out
    assert "[bold]X[/bold]" in out
    assert "<1B>[2J" in out or "<ESC>[2J" in out


def test_the_settings_file_may_be_named_by_the_environment(
    site: CliSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a shell that belongs to one site."""
    monkeypatch.setenv("LABWIRE_CONFIG", str(site.settings))
    assert command("messages", "list").out.strip() == "No such messages."


def test_the_version_is_told() -> None:
    """For a report."""
    assert command("--version").out.startswith("labwire ")
