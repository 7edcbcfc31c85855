"""Scenarios: every one that comes with Labwire is valid, and mistakes are told in words."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from emulators.scenario import (
    Deed,
    FaultShares,
    LinkChoices,
    Scenario,
    Step,
    load_scenario,
    parse_scenario,
    scenario_names,
)
from emulators.specimens import PANELS, SpecimenSource, query_message, results_message
from middleware.errors import SettingsError
from middleware.wire.lis2.message import parse_message

NOON = datetime(2031, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", scenario_names())
def test_each_scenario_can_be_played(name: str) -> None:
    """The names that the help lists work."""
    scenario = load_scenario(name)
    assert scenario.title
    assert len(list(islice(scenario.deeds(), 60))) == 60


def test_a_scenario_that_does_not_repeat_ends() -> None:
    """Two specimens and a control, then nothing."""
    text = 'title = "t"\n[[step]]\ndo = "results"\ncount = 2\n[[step]]\ndo = "qc"\n'
    deeds = [step.do for step in parse_scenario(text, "t").deeds()]
    assert deeds == [Deed.RESULTS, Deed.RESULTS, Deed.QC]


@pytest.mark.parametrize(
    "text",
    [
        'title = "t"\n[[step]]\ndo = "dance"\n',
        'title = "t"\n[[step]]\ndo = "results"\npanel = "moon"\n',
        'title = "t"\n[faults]\nbad_checksum = 2\n[[step]]\ndo = "qc"\n',
        'title = "t"\nspeed = 1\n[[step]]\ndo = "qc"\n',
        "title = ",
    ],
)
def test_a_wrong_scenario_is_refused_with_advice(text: str) -> None:
    """Unknown keys and words, and shares above one."""
    with pytest.raises(SettingsError, match="scenario wrong") as raised:
        parse_scenario(text, "wrong")
    assert raised.value.what_to_do


def test_an_unknown_scenario_names_those_that_exist() -> None:
    """A slip of the pen is put right at once."""
    with pytest.raises(SettingsError) as raised:
        load_scenario("stedy")
    assert "steady" in raised.value.what_to_do


@pytest.mark.parametrize("model", [Scenario, Step, FaultShares, LinkChoices])
def test_every_field_of_a_scenario_is_described(model: type) -> None:
    """The schema is documentation."""
    assert all(field.description for field in model.model_fields.values())


def test_the_same_seed_gives_the_same_specimens() -> None:
    """A failure can be played again."""
    one, other = SpecimenSource(7, "A"), SpecimenSource(7, "A")
    assert [one.specimen("chem") for _ in range(5)] == [other.specimen("chem") for _ in range(5)]
    assert one.specimen("chem") != SpecimenSource(8, "A").specimen("chem")


@pytest.mark.parametrize("panel", PANELS)
def test_a_message_says_what_its_specimen_says(panel: str) -> None:
    """Every value can be read back by test code."""
    specimen = SpecimenSource(7, "A").specimen(panel)
    message = parse_message(results_message("EMU", specimen, NOON), "iso8859-1")
    results = [record for record in message.records if record.letter == "R"]
    found = {record.get("R-3.4"): record.get("R-4") for record in results}
    assert found == specimen.values()
    orders = [record for record in message.records if record.letter == "O"]
    assert [order.get("O-3") for order in orders] == [specimen.sample_id]
    assert not message.faults


def test_a_further_run_has_the_same_tube_and_tests() -> None:
    """Only the values are new."""
    source = SpecimenSource(7, "A")
    first = source.specimen("count")
    again = source.again(first)
    assert again.sample_id == first.sample_id
    assert again.values().keys() == first.values().keys()
    assert again.values() != first.values()


def test_a_query_asks_for_one_tube() -> None:
    """A host query carries the sample id and nothing of a patient."""
    assert b"Q|1|^S-1||ALL" in query_message("EMU", "S-1", NOON)
