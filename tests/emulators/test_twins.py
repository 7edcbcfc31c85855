"""Every driver has a twin, and what the twin says the driver understands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.twin_spoken import Manner, TwinPlan
from middleware.driver.catalogue import Catalogue, load_catalogue
from middleware.driver.profile import DriverRole
from middleware.model import SampleRole
from tests.kit.twin_bench import MOMENT, all_ids, heard, misunderstood, twin_of

IDS = all_ids()
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
_SEEDS = st.integers(min_value=0, max_value=2**31)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize("driver_id", IDS)
@settings(max_examples=12, deadline=None)
@given(seed=_SEEDS, manner=st.sampled_from(Manner), zone=st.sampled_from(ZONES))
def test_what_the_twin_says_the_driver_understands_value_for_value(
    driver_id: str, seed: int, manner: Manner, zone: str
) -> None:
    """Specimen, role, test, value, unit, flags, status and time, over the real link."""
    driver = CATALOGUE.driver(driver_id)
    if DriverRole.RESULTS not in driver.profile.driver.roles:
        return
    twin = twin_of(driver, TwinPlan(seed, zone=zone))
    spoken = [twin.results(MOMENT, role, manner) for role in twin.roles]
    spoken.append(twin.results(MOMENT, SampleRole.PATIENT, manner))
    envelopes = heard(driver, twin, spoken)
    assert len(envelopes) == len(spoken)
    for said, envelope in zip(spoken, envelopes, strict=True):
        assert misunderstood(said, envelope) == []


CATALOGUE = load_catalogue()
