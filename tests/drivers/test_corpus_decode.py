"""Every recorded ASTM session, through link and driver: what is read, what would be held, and why.

Run with `-s` to see the table. Without the corpus these tests skip by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from middleware.driver.catalogue import load_catalogue
from middleware.model import SampleRole, ValueKind
from tests.kit.driver_session import Played, play
from tests.kit.recordings import recordings


class Expected(NamedTuple):
    """Driver; messages; results that nothing holds; results held by reason; controls; queries; frames refused."""

    driver: str = "generic_astm"
    messages: int = 1
    sound: int = 0
    held: Mapping[str, int] = MappingProxyType({})
    controls: int = 0
    queries: int = 0
    unread: int = 0
    refused: int = 0


EXPECTED: dict[str, Expected] = {
    # Broken: a frame without number; a log that lost characters; four frames that lost their number. The analyzer gives
    # up after six refusals.
    "ahmedozmaan__cobas_e411_query_cancel_nochecksum": Expected(messages=0, refused=6),
    "ahmedozmaan__urisys1100": Expected("roche_urisys_1100", messages=0, refused=6),
    "ruby-astm__biorad_d10_lossy": Expected(messages=0, refused=6),
    "astm_general__erba_xl640_result": Expected(sound=1),
    "astm_general__erba_xl640_result_na": Expected(held={"masked value": 1}),
    "astm_general__erba_xl_multi_query": Expected(queries=1),
    # A LIS wrote this one, with a number before each record: no terminator is seen in this direction.
    "astm_general__vitros3600_host_reply": Expected(messages=0),
    "astm_general__vitros3600_query": Expected(queries=1),
    "astm_general__vitros3600_results_repeat": Expected(sound=5, held={"masked value": 3}),
    "lab_lis__access2_procalcitonin": Expected(sound=1),
    "lab_lis__mispa_nano": Expected("agappe_mispa_nano", sound=1),
    "ruby-astm__cobas_e411_query": Expected("roche_cobas_e411", queries=1),
    "senaite.astm__abbott_afinion2": Expected("abbott_afinion_2", held={"no sample id": 1}),
    "senaite.astm__cobas_c111": Expected("roche_cobas_c111", sound=1),
    "senaite.astm__cobas_c311": Expected("roche_cobas_c311", sound=7),
    "senaite.astm__dca_vantage": Expected("siemens_dca_vantage", held={"no sample id": 3}),
    "senaite.astm__genexpert_mtb": Expected("cepheid_genexpert", sound=73, held={"no value": 11}),
    "senaite.astm__sysmex_xn550": Expected("sysmex_xn", sound=41),
    "senaite.astm__sysmex_xp100": Expected("sysmex_xp", sound=20),
    "senaite.astm__yumizen_h500_qc": Expected("horiba_yumizen_h500", controls=21),
    "vlsm-interfacing__abbott_m2000_run": Expected(
        "abbott_m2000", messages=8, sound=10, held={"masked value": 2}, controls=9, unread=1
    ),
    "vlsm-interfacing__genexpert_vl_etb": Expected(
        "cepheid_genexpert", sound=11, held={"no value": 1}
    ),
    "vlsm-interfacing__roche_taqman96_nochecksum": Expected(
        "roche_taqman_96",
        messages=2,
        sound=2,
    ),
}
CATALOGUE = load_catalogue()


def _outcome(played: Played, driver: str) -> Expected:
    held: Counter[str] = Counter()
    sound = controls = 0
    for result in (result for envelope in played.envelopes for result in envelope.results):
        reasons = [
            *(["no sample id"] if not result.specimen.sample_id else []),
            *([result.value.reason] if result.value.kind is ValueKind.UNEXPLAINED else []),
        ]
        if result.specimen.role is not SampleRole.PATIENT:
            controls += 1
        elif reasons:
            held[reasons[0]] += 1
        else:
            sound += 1
    return Expected(
        driver,
        len(played.envelopes),
        sound,
        dict(held),
        controls,
        sum(len(envelope.queries) for envelope in played.envelopes),
        sum(len(envelope.unread) for envelope in played.envelopes),
        played.refused,
    )


@pytest.mark.slow
def test_every_recording_is_read_or_held_as_the_table_says() -> None:
    """What analyzers really send is read by the driver named, and what cannot be trusted is held with its reason."""
    wrong = []
    print(
        "\n| file | driver | messages | sound | held | controls | queries | unread | refused | quirks |"
    )
    for recording in recordings("astm"):
        expected = EXPECTED[recording.name]
        played = play(CATALOGUE.driver(expected.driver), recording.steps())
        outcome = _outcome(played, expected.driver)
        print(
            "|", recording.name, "|", " | ".join(map(str, outcome)), "|", sorted(played.quirks), "|"
        )
        if outcome != expected or played.errors:
            wrong.append(f"{recording.name}: {outcome}, expected {expected} {played.errors}")
    assert not wrong, "\n".join(wrong)
