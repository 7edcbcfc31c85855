"""Every driver has a twin, and what the twin says the driver understands."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.twin import Twin
from emulators.twin_spoken import Manner, TwinPlan
from emulators.twin_values import ValueWriter, Wanted
from middleware.driver.api import Driver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.pattern_text import text_matching
from middleware.driver.profile import DriverRole, read_profile
from middleware.driver.value_rules import ValueRule
from middleware.errors import DriverError
from middleware.model import SampleRole, ValueKind
from tests.kit.twin_bench import (
    ENCODING,
    MOMENT,
    Wire,
    has_link,
    heard,
    misunderstood,
    read_from_file,
    twin_of,
)

CATALOGUE = load_catalogue()
WITH_RESULTS = [one.id for one in CATALOGUE.profiles() if DriverRole.RESULTS in one.driver.roles]
WITH_QUERIES = [one.id for one in CATALOGUE.profiles() if one.query is not None]
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
_SEEDS = st.integers(min_value=0, max_value=2**31)
EXAMPLES = settings(max_examples=5, deadline=None)


def _twin(driver_id: str, seed: int = 7, **plan: str) -> tuple[Driver, Twin]:
    driver = CATALOGUE.driver(driver_id)
    return driver, twin_of(driver, TwinPlan(seed, **plan))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("driver_id", WITH_RESULTS)
@EXAMPLES
@given(seed=_SEEDS, manner=st.sampled_from(Manner), zone=st.sampled_from(ZONES))
def test_what_the_twin_says_the_driver_understands_value_for_value(
    driver_id: str, seed: int, manner: Manner, zone: str
) -> None:
    """Specimen, role, test, value, unit, flags, status and time, over the real link and as files."""
    driver, twin = _twin(driver_id, seed, zone=zone)
    spoken = [twin.results(MOMENT, role, manner) for role in twin.roles]
    spoken.append(twin.results(MOMENT, SampleRole.PATIENT, manner))
    found = []
    if has_link(driver):
        found.append(heard(driver, twin, spoken))
    if driver.profile.transport.file:
        found.append([read_from_file(driver, twin, one) for one in spoken])
    assert found
    for envelopes in found:
        assert len(envelopes) == len(spoken)
        for said, envelope in zip(spoken, envelopes, strict=True):
            assert misunderstood(said, envelope) == []


@pytest.mark.slow
@pytest.mark.parametrize("driver_id", WITH_QUERIES)
@EXAMPLES
@given(seed=_SEEDS)
def test_what_the_twin_asks_for_the_driver_reads_as_a_query(driver_id: str, seed: int) -> None:
    """The identifier on the tube, from where the profile says it is."""
    driver, twin = _twin(driver_id, seed)
    spoken = twin.query(MOMENT)
    (envelope,) = heard(driver, twin, [spoken])
    assert [one.sample_ids for one in envelope.queries] == [(spoken.asks_for,)]
    assert spoken.asks_for


@pytest.mark.parametrize(
    "driver_id", ["generic_astm", "mindray_bc", "generic_csv", "beckman_au480"]
)
def test_the_same_seed_says_the_same(driver_id: str) -> None:
    """A run of the bench can be repeated."""
    texts = []
    for _ in range(2):
        _, twin = _twin(driver_id, 11)
        texts.append([twin.voice.compose(twin.results(MOMENT).said, ENCODING) for _ in range(3)])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == 3


@pytest.mark.slow
@pytest.mark.parametrize("driver_id", WITH_RESULTS)
def test_one_changed_value_is_noticed_by_the_comparison(driver_id: str) -> None:
    """The comparison of twin and driver is no formality: another value than was meant is told."""
    driver, twin = _twin(driver_id)
    spoken = twin.results(MOMENT)
    first, *others = spoken.meanings
    number = (first.value.number or Decimal(0)) + 1
    changed = replace(first, value=replace(first.value, number=number))
    altered = replace(spoken, meanings=(changed, *others))
    envelope = (
        heard(driver, twin, [spoken])[0]
        if has_link(driver)
        else read_from_file(driver, twin, spoken)
    )
    assert misunderstood(spoken, envelope) == []
    (complaint,) = misunderstood(altered, envelope)
    assert "the number" in complaint


def test_every_quirk_of_frames_that_a_profile_names_is_shown_and_used() -> None:
    """The twin of an analyzer with a quirk needs that tolerance; the link says that it was used."""
    driver, twin = _twin("roche_taqman_96")
    wire = Wire(driver.make_link({}), twin.voice.make_link())
    assert wire.carry(twin.voice.compose(twin.results(MOMENT).said, ENCODING))
    assert wire.host.counts()["quirk", "checksum_absent"]


def test_quirks_are_shown_one_in_each_session() -> None:
    """A profile that names several is tried with each of them."""
    driver, twin = _twin("generic_astm")
    wire = Wire(driver.make_link({}), twin.voice.make_link())
    for _ in range(8):
        assert wire.carry(twin.voice.compose(twin.results(MOMENT).said, ENCODING))
    used = {name for kind, name in wire.host.counts() if kind == "quirk"}
    assert {"lowercase_checksum", "trailer_incomplete", "nul_in_text"} <= used


def test_what_a_twin_cannot_show_is_told_by_name() -> None:
    """A person at the bench knows what was not tried."""
    _, twin = _twin("generic_astm")
    assert "the quirk session_end_missing" in twin.untold
    _, quiet = _twin("siemens_dca_vantage")
    assert quiet.untold == ()


def test_a_repeated_measurement_has_the_same_tube_and_tests_and_other_values() -> None:
    """What a scenario calls a rerun."""
    _, twin = _twin("siemens_dca_vantage")
    first = twin.results(MOMENT)
    again = twin.results(MOMENT, again=first)
    assert [one.whose.sample_id for one in first.meanings] == [
        one.whose.sample_id for one in again.meanings
    ]
    assert [one.test_code for one in first.meanings] == [one.test_code for one in again.meanings]
    assert [one.value for one in first.meanings] != [one.value for one in again.meanings]


@pytest.mark.slow
def test_plain_manner_says_nothing_that_must_be_held() -> None:
    """On the bench every value arrives, so that the oracle can count them."""
    for driver_id in WITH_RESULTS:
        _, twin = _twin(driver_id)
        meanings = twin.results(MOMENT).meanings
        assert {one.value.kind for one in meanings} == {ValueKind.NUMBER}, driver_id
        assert all(one.whose.role is SampleRole.PATIENT for one in meanings), driver_id


@pytest.mark.slow
def test_odd_manner_says_masked_values_and_they_are_held() -> None:
    """Masked values are among what the twins say, and are read as no value."""
    driver, twin = _twin("siemens_dca_vantage", 5)
    spoken = [twin.results(MOMENT, manner=Manner.ODD) for _ in range(20)]
    kinds = {one.value.kind for message in spoken for one in message.meanings}
    assert {ValueKind.UNEXPLAINED, ValueKind.ABSENT, ValueKind.NUMBER} <= kinds
    for said, envelope in zip(spoken, heard(driver, twin, spoken), strict=True):
        assert misunderstood(said, envelope) == []


@pytest.mark.parametrize("rule", list(ValueRule))
def test_a_value_is_written_for_every_rule(rule: ValueRule) -> None:
    """No rule of the profile language is left untried by the twins."""
    profile = CATALOGUE.driver("generic_astm").profile
    extras: dict[ValueRule, dict[str, object]] = {
        ValueRule.FLAG_IN_VALUE: {"marks": {"H": "high"}},
        ValueRule.MISSING_POINT: {"formats": {"WBC": "###.##"}},
    }
    values = type(profile.values).model_validate({"rules": [rule], **extras.get(rule, {})})
    given = {"%": {"unit": "g/L", "factor": "0.1"}} if rule is ValueRule.UNIT_SCALE else {}
    table = profile.model_dump(exclude_defaults=True) | {"units": given}
    made = type(profile).model_validate(table | {"values": values.model_dump()})
    writer = ValueWriter(made, Random(3))
    assert writer.untold == ()
    said = [writer.told(Wanted("WBC", component="^")) for _ in range(60)]
    assert len({one.text for one in said}) > 20


def test_a_voice_that_gives_up_says_which_texts_do_not_fit() -> None:
    """A value that no telegram has room for is refused, and never cut."""
    _, twin = _twin("beckman_au480")
    said = twin.results(MOMENT).said
    (tube,) = said.tubes
    wide = {
        path: "1234567890123" if path == "column.value" else text
        for path, text in tube.results[0].items()
    }
    with pytest.raises(DriverError, match="does not fit"):
        twin.voice.compose(replace(said, tubes=(replace(tube, results=(wide,)),)), ENCODING)


@pytest.mark.parametrize(
    "pattern",
    [
        r".+_(NEG|LOPOS|HIPOS)",
        r"(.*\^)? *(QC|CTRL|CONTROLS?|QUALITY CONTROL)([^A-Z].*)?",
        r"0800[1-9]|0100[1-9]|30525-0|15[0-2][0-9]{2}",
        r"[\]x]+-?\bQC\b",
        r"(?P<test>.+?)\((?P<unit>(10|g/L)[^ ]*)\)",
    ],
)
@EXAMPLES
@given(seed=_SEEDS)
def test_a_pattern_of_a_profile_is_turned_round(pattern: str, seed: int) -> None:
    """A text that the pattern accepts, each time another."""
    text = text_matching(pattern, Random(seed), "T-1")
    assert text is not None
    assert re.fullmatch(pattern, text, re.IGNORECASE)


def test_a_pattern_that_nothing_fits_gives_no_text() -> None:
    """What cannot be inverted is told, not guessed."""
    assert text_matching("(?!)", Random(1), "T-1") is None


@pytest.mark.slow
def test_a_driver_of_the_sites_own_folder_has_a_twin_too(tmp_path: Path) -> None:
    """A profile is enough: nothing is written for one analyzer."""
    folder = tmp_path / "our_own"
    folder.mkdir()
    (folder / "driver.toml").write_text(_OWN)
    driver = load_catalogue([tmp_path]).driver("our_own")
    twin = twin_of(driver, TwinPlan())
    spoken = twin.results(MOMENT)
    assert misunderstood(spoken, heard(driver, twin, [spoken])[0]) == []


_OWN = """
[driver]
id = "our_own"
name = "Ours"
protocol = "lis2"
roles = ["results"]
manual = "none"
tier = "drafted"
[specimen]
sample_id = "O-3.2"
[result]
test_code = "R-3.4"
value = "R-4"
unit = "R-5"
flags = "R-7"
dilution = "R-3.6"
"""
VALUES = {
    "european": 'rules = ["thousands_point", "decimal_comma", "range", "blank_padding"]',
    "american": 'rules = ["thousands_comma", "bare_point", "exponent_expanded", "unit_power_of_ten"]',
    "marked": 'rules = ["flag_in_value", "later_component"]\nmarks = { H = "high", "!" = "" }',
    "with unit": 'rules = ["unit_in_value", "decimal_comma", "flag_as_value"]',
    "without point": 'rules = ["missing_point"]\nformats = { WBC = "###.##", "*" = "##.#" }',
    "scaled": 'rules = ["unit_scale", "bare_point"]\n[units]\n'
    '"10^(-1)%" = { unit = "%", factor = "0.1" }\n"g/L" = { ucum = "g/L" }',
    "diluted": 'dilution = "not_applied"\nrules = ["range"]',
    "diluted before": 'dilution = "applied"',
}


@pytest.mark.slow
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@EXAMPLES
@given(seed=_SEEDS)
def test_every_value_rule_is_understood_as_its_words_say(values: str, seed: int) -> None:
    """What a rule's description promises, tried with profiles that name it."""
    protocol = entry_points(group="labwire.protocols")["lis2"].load()
    driver = protocol.make_driver(read_profile(f"{_OWN}[values]\n{values}", "test"))
    twin = twin_of(driver, TwinPlan(seed, results=6))
    spoken = [twin.results(MOMENT, manner=Manner.RULES) for _ in range(3)]
    for said, envelope in zip(spoken, heard(driver, twin, spoken), strict=True):
        assert misunderstood(said, envelope) == []


SEVERAL = [
    one.id
    for one in CATALOGUE.profiles()
    if one.driver.protocol != "framed" and DriverRole.RESULTS in one.driver.roles
]


@pytest.mark.slow
@pytest.mark.parametrize("driver_id", SEVERAL)
@EXAMPLES
@given(seed=_SEEDS)
def test_results_of_several_specimens_in_one_message_stay_with_their_own(
    driver_id: str, seed: int
) -> None:
    """Each result with the specimen and patient that its own group names, never those of the one before."""
    driver = CATALOGUE.driver(driver_id)
    twin = twin_of(driver, TwinPlan(seed, tubes=3))
    spoken = [twin.results(MOMENT, role) for role in twin.roles]
    envelopes = (
        heard(driver, twin, spoken)
        if has_link(driver)
        else [read_from_file(driver, twin, one) for one in spoken]
    )
    for said, envelope in zip(spoken, envelopes, strict=True):
        assert misunderstood(said, envelope) == []
    patients = {one.whose.sample_id for one in spoken[0].meanings}
    assert len(patients) == 3
