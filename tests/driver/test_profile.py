"""What a driver.toml may say, and how its mistakes are told."""

from __future__ import annotations

import tomllib
from typing import Annotated

import pytest
from pydantic import BaseModel, TypeAdapter

from middleware.driver.page import as_toml
from middleware.driver.profile import Profile, read_profile
from middleware.driver.quirks import HARMLESS_QUIRKS, QUIRKS
from middleware.driver.rules import Section
from middleware.errors import DriverError

SECTIONS = frozenset(
    name
    for name, field in Profile.model_fields.items()
    if name not in ("identify", "units", "protocol")
)
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
        ("[values]\nrules = ['missing_point']", "missing_point and the table `formats` need each"),
        ("[values]\nmarks = { H = 'high' }", "flag_in_value and the table `marks` need each other"),
        ("[values]\nrules = ['flag_in_value']\nmarks = { '1' = 'high' }", "values.marks"),
        ("[values]\nrules = ['unit_scale']", "unit_scale needs the section `units`"),
        ("[units]\nx = { unit = '%', factor = '0.1' }", "a `factor` needs the rule unit_scale"),
        ("[units]\nx = { factor = '0.1' }", "`factor` needs `unit`"),
        ("[values]\ndilution = 'yes'", "values.dilution"),
        ("[hook]\ndecoded = 'hooks.py'", "hook.decoded"),
        (
            "[values]\nrules = ['flag_in_value', 'unit_in_value']\nmarks = { s = 'high' }",
            "s is a unit too",
        ),
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
    """Every table that a profile may hold; those of single protocols are documented by these."""
    found, rest = [], [Section]
    while rest:
        for one in rest.pop().__subclasses__():
            rest.append(one)
            if one.__module__.startswith("middleware.driver."):
                found.append(one)
    return sorted(set(found), key=lambda section: section.__name__)


@pytest.mark.parametrize("section", _sections(), ids=lambda section: section.__name__)
def test_every_key_of_a_profile_is_described(section: type[BaseModel]) -> None:
    """The reference is complete because it is made from the schema."""
    assert [name for name, field in section.model_fields.items() if not field.description] == []
    assert section.model_config["extra"] == "forbid"
    assert section.model_config["frozen"] is True


@pytest.mark.parametrize("section", _sections(), ids=lambda section: section.__name__)
def test_every_key_of_a_profile_has_an_example_that_can_be_written(
    section: type[BaseModel],
) -> None:
    """Nobody has to guess what a value looks like, and no example is wrong."""
    for name, field in section.model_fields.items():
        if section is Profile and name in SECTIONS:
            continue  # shown key by key
        assert field.examples, f"{section.__name__}.{name}"
        kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for example in field.examples:
            TypeAdapter(kind).validate_python(tomllib.loads(f"x = {as_toml(example)}")["x"])


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
