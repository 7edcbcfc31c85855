"""Every recorded export file: what its driver reads, what would be held and why, and that every other refuses it.

Run with `-s` to see the table. Without the corpus these tests skip by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from drivers.protocols.columns.driver import NAME
from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.values import REASON_UNIT
from middleware.errors import DriverError
from middleware.model import Envelope, Result, ResultStatus, SampleRole, ValueKind
from tests.kit.recordings import Recording, recordings


class Expected(NamedTuple):
    """Driver; results that nothing holds; results held by reason; results of no patient; rows listed as unread."""

    driver: str
    sound: int = 0
    held: Mapping[str, int] = MappingProxyType({})
    controls: int = 0
    unread: int = 0


EXPECTED: dict[str, Expected] = {
    "oe-plugins__cobas_c111_export": Expected("roche_cobas_c111_export", sound=4),
    "oe-plugins__facscalibur": Expected("bd_facscalibur", sound=60, controls=10),
    "oe-plugins__quantstudio3": Expected("thermo_quantstudio_3", sound=1),
    "openelis2__tecan_f50": Expected("tecan_infinite_f50", sound=2, controls=2),
    "senaite.core__nuclisens_easyq": Expected("biomerieux_easyq", sound=46, controls=2),
    "senaite.core__pima_beads": Expected("abbott_pima", controls=22),
    "senaite.core__qubit": Expected("thermo_qubit", sound=4),
    "senaite.core__sysmex_xs500i": Expected(
        "sysmex_xs_500i", held={"sample id in doubt": 32, REASON_UNIT: 2}
    ),
    "senaite.core__taqman_resultdata": Expected("roche_taqman_rsf", sound=1),
    "senaite.core__thermo_gallery": Expected(
        "thermo_gallery", sound=12, held={"status unknown": 8, "a further run": 9}, controls=15
    ),
    "senaite.core__vetscan_vs2": Expected("abaxis_vetscan_vs2", sound=14),
}
# Not tables as text: no driver of this protocol may find a result in them.
OTHERS = frozenset(
    {
        "senaite.core__sysmex_xt4000i_ascii",
    }
)
CATALOGUE = load_catalogue()
CONTEXT = DecodeContext(time_zone="Europe/Berlin", is_file=True)


def _drivers() -> list[Driver]:
    return [
        CATALOGUE.driver(profile.id)
        for profile in CATALOGUE.profiles()
        if profile.driver.protocol == NAME
    ]


def _hold_reason(result: Result) -> str:
    if not result.specimen.sample_id:
        return "no sample id"
    if result.value.kind is ValueKind.UNEXPLAINED:
        return result.value.reason
    if result.specimen.sample_id_doubt:
        return "sample id in doubt"
    if result.status is ResultStatus.UNKNOWN:
        return "status unknown"
    if result.measured.mark not in ("", "absent"):
        return f"time {result.measured.mark}"
    return "a further run" if result.run > 1 else ""


def _outcome(driver: str, envelope: Envelope) -> Expected:
    held: Counter[str] = Counter()
    sound = controls = 0
    for result in envelope.results:
        reason = _hold_reason(result)
        if result.specimen.role is not SampleRole.PATIENT:
            controls += 1
        elif reason:
            held[reason] += 1
        else:
            sound += 1
    return Expected(driver, sound, dict(held), controls, len(envelope.unread))


def _files() -> list[Recording]:
    return recordings("file")


@pytest.mark.slow
def test_every_export_file_is_read_or_held_as_the_table_says() -> None:
    """What analyzers really export is read by the driver named, and what cannot be trusted is held with its reason."""
    wrong = []
    print("\n| file | driver | sound | held | controls | unread |")
    for recording in _files():
        expected = EXPECTED.get(recording.name)
        if expected is None:
            assert recording.name in OTHERS
            continue
        driver = CATALOGUE.driver(expected.driver)
        outcome = _outcome(expected.driver, driver.decode(recording.data, CONTEXT))
        print("|", recording.name, "|", " | ".join(map(str, outcome)), "|")
        if outcome != expected:
            wrong.append(f"{recording.name}: {outcome}, expected {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_a_file_in_another_analyzers_folder_is_refused_with_what_is_missing() -> None:
    """A file dropped into the wrong folder gives no result; the error names the headings that it lacks."""
    for recording in _files():
        own = EXPECTED.get(recording.name)
        for driver in _drivers():
            if own is not None and driver.profile.id == own.driver:
                continue
            with pytest.raises(DriverError) as caught:
                driver.decode(recording.data, CONTEXT)
            assert caught.value.field or "not written in utf-8" in str(caught.value), (
                driver.profile.id
            )
