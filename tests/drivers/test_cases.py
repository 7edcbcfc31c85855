"""Every case of every driver: what the analyzer sends gives exactly what is written beside it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import DriverRole, Tier
from tests.kit.driver_cases import ANALYZERS, case_folders, driver_of, outcome

CATALOGUE = load_catalogue()
CASES = case_folders()
IN_TREE = sorted(path.parent.name for path in ANALYZERS.glob("*/driver.toml"))


def _name(case: Path) -> str:
    return f"{driver_of(case)}-{case.name}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_a_session_is_read_as_its_case_says(case: Path) -> None:
    """What a driver read yesterday it reads today."""
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    assert outcome(case, CATALOGUE.driver(driver_of(case))) == expected


@pytest.mark.parametrize("driver_id", IN_TREE)
def test_every_driver_has_its_documents(driver_id: str) -> None:
    """README with limits, and a sample that a site can copy."""
    folder = ANALYZERS / driver_id
    assert "Supported:" in (folder / "README.md").read_text(encoding="utf-8")
    (line,) = tomllib.loads((folder / "sample.toml").read_text(encoding="utf-8"))["line"]
    assert line["driver"] == driver_id
    assert CATALOGUE.driver(driver_id).profile.allows_transport(line["transport"]["type"])


@pytest.mark.parametrize("driver_id", IN_TREE)
def test_the_tier_of_a_driver_is_earned(driver_id: str) -> None:
    """`emulated` needs a case for each role; a higher tier needs evidence that is not in the tree."""
    profile = CATALOGUE.driver(driver_id).profile
    messages = [
        message
        for case in CASES
        if driver_of(case) == driver_id
        for message in json.loads((case / "expected.json").read_text(encoding="utf-8"))["messages"]
    ]
    roles = {DriverRole.RESULTS for message in messages if message.get("results")}
    roles |= {DriverRole.HOST_QUERY for message in messages if message.get("queries")}
    assert profile.driver.tier in (Tier.DRAFTED, Tier.EMULATED)
    assert profile.driver.tier is Tier.DRAFTED or set(profile.driver.roles) <= roles


@pytest.mark.parametrize("driver_id", [one for one in IN_TREE if not one.startswith("generic_")])
def test_every_named_quirk_of_the_link_is_used_by_a_case(driver_id: str) -> None:
    """A tolerance that no case needs is not tolerated; only generic drivers name some ahead."""
    used = {
        quirk
        for case in CASES
        if driver_of(case) == driver_id
        for quirk in json.loads((case / "expected.json").read_text(encoding="utf-8"))["quirks"]
    }
    assert set(CATALOGUE.driver(driver_id).profile.link.quirks) == used
