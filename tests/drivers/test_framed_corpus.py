"""Every recording of an analyzer that follows no standard, through link and driver: what is read, held and refused.

Run with `-s` to see the table. Without the corpus these tests skip by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError
from middleware.model import Result, SampleRole, ValueKind
from tests.kit.driver_session import Played, play
from tests.kit.framed_recordings import (
    DRIVERS,
    framed_recordings,
    steps_of,
    with_right_check,
)

CATALOGUE = load_catalogue()
CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")


class Expected(NamedTuple):
    """Messages; results that nothing holds; results held by reason; unread; frames refused; decode errors."""

    messages: int = 1
    sound: int = 0
    held: Mapping[str, int] = MappingProxyType({})
    unread: int = 0
    refused: int = 0
    errors: int = 0


EXPECTED: dict[str, Expected] = {
    # The second frame with a wrong check character is refused six times, then the analyzer gives up.
    "go-bloodlab-net__pk7300_etb": Expected(messages=2, refused=6),
    "lab_lis__au480": Expected(sound=6),
    "lab_lis__fuji_drichem": Expected(sound=17),
    "ruby-astm__rapidlab348": Expected(messages=2, sound=10, held={"no value": 2}, unread=1),
    "senaite.astm__mini_vidas": Expected(sound=2),
}


def _hold_reason(result: Result) -> str:
    if not result.specimen.sample_id:
        return "no sample id"
    if result.value.kind is ValueKind.UNEXPLAINED:
        return result.value.reason
    return "sample id in doubt" if result.specimen.sample_id_doubt else ""


def _driver(name: str) -> Driver:
    return CATALOGUE.driver(DRIVERS[name])


def _outcome(played: Played) -> Expected:
    held: Counter[str] = Counter()
    results = [one for envelope in played.envelopes for one in envelope.results]
    for one in results:
        assert one.specimen.role is SampleRole.PATIENT
        held[_hold_reason(one)] += 1
    return Expected(
        len(played.texts),
        held.pop("", 0),
        dict(held),
        sum(len(envelope.unread) for envelope in played.envelopes),
        played.refused,
        len(played.errors),
    )


@pytest.mark.slow
def test_every_recording_is_read_or_held_as_the_table_says() -> None:
    """What analyzers really send is read by the driver named, and what cannot be trusted is held with its reason."""
    wrong = []
    print("\n| file | driver | messages | sound | held | unread | refused | errors |")
    for recording in framed_recordings():
        outcome = _outcome(play(_driver(recording.name), steps_of(recording), CONTEXT))
        print("|", recording.name, "|", DRIVERS[recording.name], "|", *outcome, "|")
        if outcome != EXPECTED[recording.name]:
            wrong.append(f"{recording.name}: {outcome}, expected {EXPECTED[recording.name]}")
    assert not wrong, "\n".join(wrong)


def test_the_donation_of_the_recording_is_read_and_held() -> None:
    """With right check characters: two blocks are one telegram, four blood groups, and no sample id."""
    (recording,) = [one for one in framed_recordings() if "pk7300" in one.name]
    blocks = [with_right_check(block) for block in steps_of(recording)]
    played = play(_driver(recording.name), blocks, CONTEXT)
    assert _outcome(played) == Expected(messages=7, held={"no sample id": 4})
    results = [one for envelope in played.envelopes for one in envelope.results]
    assert [(one.test_code, one.value.text) for one in results] == [
        ("ABO1", "O"),
        ("CE-1", "CCee"),
        ("D-1", "RH+"),
        ("K-1", "KELL P"),
    ]


def test_the_second_block_of_the_donation_alone_gives_no_result() -> None:
    """Its first block was refused until the analyzer gave up."""
    (recording,) = [one for one in framed_recordings() if "pk7300" in one.name]
    played = play(_driver(recording.name), [with_right_check(steps_of(recording)[6])], CONTEXT)
    assert _outcome(played) == Expected(errors=1)


def test_a_recording_on_another_analyzers_line_gives_no_result() -> None:
    """A wrong cable or a wrong driver: refused, or kept without a result."""
    read = {}
    for recording in framed_recordings():
        own = DRIVERS[recording.name]
        for text in play(CATALOGUE.driver(own), steps_of(recording), CONTEXT).texts:
            for other in set(DRIVERS.values()) - {own}:
                results = _results_by(CATALOGUE.driver(other), text)
                if results:
                    read[own, other] = results
    assert read == {}


def _results_by(driver: Driver, text: bytes) -> int:
    try:
        return len(driver.decode(text, CONTEXT).results)
    except DriverError:
        return 0
