"""Every recorded HL7 message, through link and driver: what is read, what would be held, and why.

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
from tests.kit.hl7_recordings import framed
from tests.kit.recordings import recordings


class Expected(NamedTuple):
    """Driver; messages; results that nothing holds; results held by reason; queries; statuses; messages unreadable."""

    driver: str = "generic_hl7"
    messages: int = 1
    sound: int = 0
    held: Mapping[str, int] = MappingProxyType({})
    queries: int = 0
    statuses: int = 0
    unreadable: int = 0


EXPECTED: dict[str, Expected] = {
    "lab_lis__mindray_bc5130": Expected("mindray_bc", sound=25, statuses=4),
    "oe-analyzer-bridge__mindray_bc5380": Expected("mindray_bc", sound=11, statuses=12),
    "oe-plugins-digi__erba_h360": Expected("erba_h360", sound=9, statuses=4),
    "oe-plugins__genexpert_qbp_z03": Expected(queries=1),
    "oe-plugins__genexpert_qcn_j01": Expected(queries=1),
    # Which of OBR-2 and OBR-3 is on the tube, nothing in the message tells.
    "openelis2__mindray_bs200_synthetic": Expected(held={"OBR-2.1 is 'PLACER201'": 3}),
    # Neither OBR-2 nor PID-3 was entered; OBR-3 is a running number.
    "ruby-astm__clinitek_status": Expected("siemens_clinitek_status", held={"no sample id": 12}),
    # An example of a working group that begins with OBR: no header says whose it is.
    "tgenaux-astm-lis__micro_ast_oru": Expected(messages=0, unreadable=1),
    "vlsm-interfacing__roche_cobas4800_query": Expected(queries=1),
    "vlsm-interfacing__roche_cobas5800": Expected("roche_cobas_5800", messages=5, sound=5),
    "vlsm-interfacing__roche_cobas6800_query": Expected(queries=1),
}
CATALOGUE = load_catalogue()


def _outcome(played: Played, driver: str) -> Expected:
    held: Counter[str] = Counter()
    sound = 0
    for result in (result for envelope in played.envelopes for result in envelope.results):
        assert result.specimen.role is SampleRole.PATIENT
        reason = (
            "no sample id" if not result.specimen.sample_id else result.specimen.sample_id_doubt
        ) or (result.value.reason if result.value.kind is ValueKind.UNEXPLAINED else "")
        if reason:
            held[reason] += 1
        else:
            sound += 1
    return Expected(
        driver,
        len(played.envelopes),
        sound,
        dict(held),
        sum(len(envelope.queries) for envelope in played.envelopes),
        sum(len(envelope.statuses) for envelope in played.envelopes),
        len(played.errors),
    )


@pytest.mark.slow
def test_every_recording_is_read_or_held_as_the_table_says() -> None:
    """What analyzers really send is read by the driver named, and what cannot be trusted is held with its reason."""
    wrong = []
    print("\n| file | driver | messages | sound | held | queries | statuses | unreadable |")
    for recording in recordings("hl7"):
        expected = EXPECTED[recording.name]
        outcome = _outcome(
            play(CATALOGUE.driver(expected.driver), [framed(recording.data)]), expected.driver
        )
        print("|", recording.name, "|", " | ".join(map(str, outcome)), "|")
        if outcome != expected:
            wrong.append(f"{recording.name}: {outcome}, expected {expected}")
    assert not wrong, "\n".join(wrong)


def test_the_viral_loads_of_the_recording_are_read_with_their_power_of_ten() -> None:
    """367 in 10*-1.{copies}/mL is 36.7 copies/mL; failed tests have no value and their reason."""
    (recording,) = [one for one in recordings("hl7") if "cobas5800" in one.name]
    played = play(CATALOGUE.driver("roche_cobas_5800"), [framed(recording.data)])
    read = [result for envelope in played.envelopes for result in envelope.results]
    assert [
        (
            one.specimen.sample_id,
            str(one.value.number or one.value.text),
            one.unit,
            one.status.value,
        )
        for one in read
    ] == [
        ("VL00000407", "", "", "cannot_obtain"),
        ("VL00000397", "", "", "cannot_obtain"),
        ("VL00000427", "36.7", "{copies}/mL", "final"),
        ("VL00000428", "101", "{copies}/mL", "final"),
        ("VL00000430", "Target Not Detected", "", "final"),
    ]
    assert read[0].instrument_flags == ("U06T",)
