"""`labwire rules`: what a person sees of the rules, and what brings them into force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from middleware.cli import rules_effort
from tests.kit.cli_site import CliSite, Said

pytestmark = pytest.mark.slow  # each opens a store on disk

RULES = """\
[rules]
name = "core"
version = "1"
[test.GLU]
unit = "mmol/L"
decimals = 1
[[rule]]
id = "g"
test = "GLU"
review = { low = 3.0, high = 8.0 }
[[rule]]
id = "g-newborn"
test = "GLU"
age = { below = "28 d" }
review = { low = 2.5, high = 7.0 }
"""
TABLE = '\n[rules]\nfile = "rules.toml"\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    with made.settings.open("a", encoding="utf-8") as file:
        file.write(TABLE)
    yield made
    made.close()


def report(site: CliSite, *words: str) -> Said:
    out = site.settings.parent / "out.html"
    return site.run("rules", "report", "--out", str(out), "--json", *words)


def test_good_rules_are_told_so(site: CliSite) -> None:
    said = site.run("rules", "check")
    assert (said.status, "Rules: 2; tests that they name: 1." in said.out) == (0, True)


def test_a_mistake_is_told_with_its_line_and_fails(site: CliSite) -> None:
    rules = site.settings.parent / "rules.toml"
    rules.write_text(RULES.replace("low = 3.0", "low = 9.0"), encoding="utf-8")
    said = site.run("rules", "check", "--json")
    assert said.status == 1
    assert ("swapped_limits", "rules.toml:10") in [
        (one["code"], one["place"]) for one in said.items
    ]
    assert site.run("rules", "test").status == 1


def test_the_rule_in_force_is_shown_with_its_places(site: CliSite) -> None:
    said = site.run("rules", "show", "GLU", "--age", "3d", "--sex", "f", "--json")
    low = next(one for one in said.items if one["setting"] == "low")
    assert (low["value"], low["rule"], low["place"]) == ("2.5", "g-newborn", "rules.toml:15")
    assert low["instead_of"] == "rules.toml:10"


def test_where_the_age_is_not_known_nothing_counts(site: CliSite) -> None:
    said = site.run("rules", "show", "GLU", "--json")
    assert said.items[0]["value"] == "held: the age is not known"


def test_a_word_that_is_no_age_is_refused(site: CliSite) -> None:
    said = site.run("rules", "show", "GLU", "--age", "old")
    assert (said.status, "'old' is no age" in said.err) == (1, True)


def test_rules_are_tried_in_the_evaluator_and_in_the_pipeline(site: CliSite) -> None:
    said = site.run("rules", "test", "--json")
    found = json.loads(said.out)
    assert (said.status, found["is_passed"], found["failed"]) == (0, True, [])
    assert found["pipeline"] > 20
    assert found["pipeline_failed"] == []
    assert float(found["noticed_percent"]) >= 95


def test_an_own_case_that_comes_out_otherwise_fails_the_test(site: CliSite) -> None:
    case = '[[case]]\nname = "high"\ntest = "GLU"\nvalue = 9.9\nunit = "mmol/L"\nage = "40 a"\nexpect = "release"\n'
    (site.settings.parent / "cases.toml").write_text(case, encoding="utf-8")
    with site.settings.open("a", encoding="utf-8") as file:
        file.write('cases = "cases.toml"\n')
    said = site.run("rules", "test")
    assert said.status == 1
    assert "high (cases.toml:1)" in said.out
    assert "NOT passed." in said.out


def test_a_report_is_hashed_linked_and_kept(site: CliSite) -> None:
    first = json.loads(report(site).out)
    text = (site.settings.parent / "out.json").read_text(encoding="utf-8")
    assert first["hash"] == hashlib.sha256(text.encode()).hexdigest()
    second = json.loads(report(site).out)
    assert second["previous"] == first["hash"]
    assert "<script" not in (site.settings.parent / "out.html").read_text(encoding="utf-8")


def test_a_report_is_signed_with_the_sites_key(
    site: CliSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can check it with the public key; a changed hash does not fit."""
    monkeypatch.setenv("RULES_KEY", "an invented key of the site")
    with site.settings.open("a", encoding="utf-8") as file:
        file.write('signing_key = { env = "RULES_KEY" }\n')
    said = json.loads(report(site).out)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["public_key"]))
    public.verify(bytes.fromhex(said["signature"]), said["hash"].encode())
    assert "invented" not in (site.settings.parent / "out.html").read_text(encoding="utf-8")


def test_a_report_names_who_approved_the_one_before(site: CliSite) -> None:
    assert site.run("rules", "approve", "--reason", "read").status == 1  # there is nothing yet
    report(site)
    assert site.run("rules", "approve", "--reason", "read with care", "--as", "ada").status == 0
    report(site)
    text = (site.settings.parent / "out.html").read_text(encoding="utf-8")
    assert "ada" in text
    assert "read with care" in text


def test_without_a_report_nothing_is_decided_under_the_rules(site: CliSite) -> None:
    """Neither by a node nor by a command, until they passed."""
    site.receive("S1")
    said = site.run("results", "release", "1", "--reason", "seen")
    assert (said.status, "labwire rules report" in said.err) == (1, True)
    assert report(site).status == 0
    said = site.run("results", "release", "1", "--reason", "seen")
    assert "rules core" not in said.err


def test_the_check_of_the_settings_says_what_the_start_would_say(site: CliSite) -> None:
    """Nobody is to learn at the start of a shift that the rules still want their report."""
    assert "labwire rules report" in site.run("check").out
    assert report(site).status == 0
    assert "labwire rules report" not in site.run("check").out


def test_an_override_needs_a_reason(site: CliSite) -> None:
    assert site.run("rules", "override").status == 1
    said = site.run("rules", "override", "--reason", "night shift, the proof follows")
    assert (said.status, "nobody has proved" in said.out + said.err) == (0, True)


def test_a_candidate_is_replayed_on_what_is_stored(site: CliSite) -> None:
    """Nothing is changed by it."""
    candidate = site.settings.parent / "new.toml"
    candidate.write_text(RULES.replace("high = 8.0", "high = 5.0"), encoding="utf-8")
    listing = site.settings.parent / "changed.csv"
    words = ("--candidate", str(candidate), "--since", "9000d", "--csv", str(listing))
    said = site.run("rules", "replay", "--json", *words)
    assert (said.status, json.loads(said.out)["total"]) == (0, 0)
    assert listing.read_text(encoding="utf-8").startswith("result,test,before,after")
    assert site.run("rules", "replay", "--candidate", str(candidate), "--since", "soon").status == 1


def test_the_worth_of_rules_is_shown(site: CliSite) -> None:
    said = site.run("rules", "yield")
    assert (said.status, "No rule held a result" in said.out) == (0, True)


def test_a_mistake_in_the_table_is_told_and_not_taken_for_no_rules(site: CliSite) -> None:
    """A key that is not in the environment, for one."""
    with site.settings.open("a", encoding="utf-8") as file:
        file.write('signing_key = { env = "LABWIRE_NOBODY_SETS_THIS" }\n')
    said = site.run("rules", "test")
    assert (said.status, "LABWIRE_NOBODY_SETS_THIS" in said.err) == (1, True)


def test_a_proof_divided_among_processes_says_the_same(
    site: CliSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large laboratories are proved side by side."""
    alone = site.run("rules", "test", "--json").out
    monkeypatch.setattr(rules_effort, "RULES_OF_ONE_PROCESS", 0)
    assert site.run("rules", "test", "--json").out == alone


def test_a_report_that_was_changed_is_noticed(
    site: CliSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RULES_KEY", "an invented key of the site")
    with site.settings.open("a", encoding="utf-8") as file:
        file.write('signing_key = { env = "RULES_KEY" }\n')
    report(site)
    made = site.settings.parent / "out.json"
    said = site.run("rules", "verify", str(made))
    assert (said.status, "signed with the key" in said.out) == (0, True)
    made.write_text(made.read_text(encoding="utf-8").replace("8.0", "9.0"), encoding="utf-8")
    assert site.run("rules", "verify", str(made)).status == 1
