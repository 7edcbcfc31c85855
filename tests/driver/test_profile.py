"""What a driver.toml may say, and how its mistakes are told."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from middleware.driver import profile as profile_module
from middleware.driver.profile import read_profile
from middleware.driver.quirks import HARMLESS_QUIRKS, QUIRKS
from middleware.driver.rules import Section
from middleware.errors import DriverError

SMALLEST = """
[driver]
id = "demo_one"
name = "Demo One"
protocol = "lis2"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "O-3.1"
[result]
test_code = ["R-3.4", "R-3.5"]
value = "R-4"
"""


def _problem(text: str) -> str:
    with pytest.raises(DriverError) as raised:
        read_profile(text, "demo/driver.toml")
    assert raised.value.what_to_do
    return str(raised.value)


def test_the_smallest_profile_tolerates_nothing_and_explains_nothing() -> None:
    """Strict by default: a quirk or a rule is in force only when it is written down."""
    profile = read_profile(SMALLEST, "demo/driver.toml")
    assert profile.id == "demo_one"
    assert profile.link.quirks == ()
    assert profile.values.rules == ()
    assert profile.result.test_code.paths == ("R-3.4", "R-3.5")


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        ("[link]\nquirks = ['chekcsum_absent']", "did you mean 'checksum_absent'?"),
        ("[link]\nquirk = []", "link.quirk: unknown key; did you mean 'quirks'?"),
        ("[specimens]\na = 1", "specimens: unknown key; did you mean 'specimen'?"),
        ("[values]\nrules = ['comma']", "values.rules.0"),
        ("[values]\nrules = ['decimal_comma', 'thousands_comma']", "two meanings"),
        ("[query]\nsample_id = 'Q-3.2'", "need each other"),
    ],
)
def test_a_mistake_names_the_key_and_what_was_meant(addition: str, told: str) -> None:
    """Somebody who writes a profile at the bench is told what to change."""
    problem = _problem(SMALLEST + addition)
    assert told in problem
    assert "demo/driver.toml" in problem


def test_all_mistakes_are_told_at_once() -> None:
    """One look, one correction."""
    problem = _problem(SMALLEST.replace('"R-4"', "4").replace('"O-3.1"', '""'))
    assert "result.value" in problem
    assert "specimen.sample_id" in problem


def test_broken_toml_is_told_with_its_place() -> None:
    """A missing quote is found by line."""
    assert "line" in _problem("[driver\n")


@pytest.mark.parametrize(
    "rule",
    [
        '{ path = "O-12" }',
        '{ path = "O-12", table = { Q = "qc" }, pattern = "Q", role = "qc" }',
        '{ path = "O-12", pattern = "Q" }',
        '{ path = "O-12", pattern = "(", role = "qc" }',
        '{ path = "O-12", table = { Q = "control" } }',
    ],
)
def test_a_role_rule_that_says_too_much_or_too_little_is_refused(rule: str) -> None:
    """Whether a specimen is a control is never left to a rule that can be read in two ways."""
    text = SMALLEST.replace('sample_id = "O-3.1"', f'sample_id = "O-3.1"\nrole = [{rule}]')
    assert "specimen.role" in _problem(text)


def test_the_kind_of_transport_that_fits_is_told() -> None:
    """A line with the wrong end of TCP is found before it is started."""
    profile = read_profile(SMALLEST + '[transport]\ntcp = "listen"', "x")
    assert profile.allows_transport("tcp_listen")
    assert not profile.allows_transport("tcp_connect")
    assert read_profile(SMALLEST, "x").allows_transport("tcp_connect")


def _sections() -> list[type[BaseModel]]:
    found = vars(profile_module).values()
    return [one for one in found if isinstance(one, type) and issubclass(one, Section)]


@pytest.mark.parametrize("section", _sections(), ids=lambda section: section.__name__)
def test_every_key_of_a_profile_is_described(section: type[BaseModel]) -> None:
    """The reference is complete because it is made from the schema."""
    assert [name for name, field in section.model_fields.items() if not field.description] == []
    assert section.model_config["extra"] == "forbid"
    assert section.model_config["frozen"] is True


def test_every_quirk_says_clause_behaviour_and_answer() -> None:
    """A deviation is tolerated with open eyes."""
    for name, quirk in QUIRKS.items():
        assert quirk.clause, name
        assert quirk.what_the_analyzer_does.endswith("."), name
        assert quirk.what_we_do.endswith("."), name


def test_no_harmless_quirk_weakens_the_check_of_frames() -> None:
    """What generic drivers tolerate cannot change a value."""
    assert QUIRKS.keys() >= HARMLESS_QUIRKS
    assert not [name for name in HARMLESS_QUIRKS if name.startswith(("checksum", "frame_number"))]


def test_a_profile_cannot_be_changed_after_it_was_read() -> None:
    """What was checked is what is used."""
    profile = read_profile(SMALLEST, "demo/driver.toml")
    with pytest.raises(ValueError, match="frozen"):
        profile.driver = profile.driver  # type: ignore[misc]
