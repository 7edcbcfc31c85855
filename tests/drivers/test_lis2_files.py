"""Whole files read by a LIS2 driver: every result bound to its own order, whatever else is in the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError
from middleware.model import SampleRole

CATALOGUE = load_catalogue()
GENERIC = CATALOGUE.driver("generic_astm")
FILE = DecodeContext(time_zone="Europe/Berlin", is_file=True)


def message(sample: str, value: str, name: str = "DEMO", processing: str = "P") -> bytes:
    lines = (
        f"H|\\^&|||{name}|||||||{processing}|LIS2-A2|20310304093000",
        "P|1",
        f"O|1|{sample}||^^^GLU|R",
        f"R|1|^^^GLU|{value}|mmol/L||N||F||||20310304092000",
        "L|1|N",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def test_every_message_of_a_file_gives_its_own_results() -> None:
    envelope = GENERIC.decode(message("S1", "5.1") + message("S2", "5.2"), FILE)
    read = [(one.specimen.sample_id, one.value.raw) for one in envelope.results]
    assert read == [("S1", "5.1"), ("S2", "5.2")]
    assert [one.source.record for one in envelope.results if one.source] == [4, 9]
    assert envelope.faults == ()
    assert envelope.quirks == ()


def test_a_patient_s_specimen_does_not_become_a_control_by_the_message_before_it() -> None:
    """A header's mark holds for its own message only, also when messages share a file."""
    envelope = GENERIC.decode(message("QC1", "5.0", processing="Q") + message("S1", "5.1"), FILE)
    roles = [one.specimen.role for one in envelope.results]
    assert roles[0] is not SampleRole.PATIENT
    assert roles[1] is SampleRole.PATIENT


def test_a_message_that_cannot_be_read_is_named_and_nothing_of_the_file_is_used() -> None:
    """Half a file is no result; a person mends the cause and replays the message."""
    vision = CATALOGUE.driver("ortho_vision")
    good = message("S1", "5.1", "OCD^VISION^5^J1")
    with pytest.raises(DriverError, match=r"message 2 of 2 in the file: wrong analyzer") as raised:
        vision.decode(good + message("S2", "5.2", "OTHER^THING"), FILE)
    assert (raised.value.record, raised.value.field) == (6, "H-5.2")


def test_two_analyzers_in_one_file_are_noticed() -> None:
    envelope = GENERIC.decode(message("S1", "1", "ONE") + message("S2", "2", "TWO"), FILE)
    (fault,) = envelope.faults
    assert (envelope.analyzer, fault.code) == ("ONE", "analyzers_differ")


def test_on_a_connection_a_second_header_is_still_refused() -> None:
    """There the link cuts messages; a header inside one is a fault of the line."""
    with pytest.raises(DriverError):
        GENERIC.decode(message("S1", "5.1") + message("S2", "5.2"), DecodeContext())


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_whatever_lies_in_the_folder_is_read_or_refused(before: bytes, inside: bytes) -> None:
    """Random bytes alone, before a message, and in the middle of a value."""
    whole = message("S1", "5.1")
    for text in (before, before + whole, whole.replace(b"5.1", b"5.1" + inside)):
        try:
            envelope = GENERIC.decode(text, FILE)
        except DriverError as error:
            assert error.what_to_do
            continue
        assert len(envelope.results) <= text.count(b"R")
