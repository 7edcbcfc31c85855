"""Files that mix a short header and short records with the segments of HL7: read by name of the tolerance only."""

from __future__ import annotations

import pytest

from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError

CATALOGUE = load_catalogue()
FILE = DecodeContext(time_zone="Europe/Berlin", is_file=True)
MARK = b"\xef\xbb\xbf"


def message(sample_id: str, value: str) -> bytes:
    return (
        f"H|^~\\&|||||||||||A.2|203103041007\rP|1\rOBR|1||{sample_id}\r"
        f"OBX|1|NM|WBC||{value}^^1||||||F^\rC|1||a picture\rL|1||1|4\r"
    ).encode()


def test_each_message_of_a_file_with_a_mark_gives_its_own_results() -> None:
    """A byte order mark before the first message must not hide where the second begins."""
    envelope = CATALOGUE.driver("sysmex_xt").decode(
        MARK + message("S1", "5.1") + message("S2", "6.2"), FILE
    )
    read = [(one.specimen.sample_id, str(one.value.number)) for one in envelope.results]
    assert read == [("S1", "5.1"), ("S2", "6.2")]
    assert envelope.quirks == ("short_segment_names", "byte_order_mark")


def test_a_file_of_plain_hl7_with_a_mark_holds_all_its_messages() -> None:
    """The same for files of ordinary HL7."""
    one = b"MSH|^~\\&|A||||20310304||ORU^R01|1|P|2.3.1\rOBR|1||S00001\rOBX|1|NM|WBC||5.1||||||F\r"
    envelope = CATALOGUE.driver("generic_hl7").decode(MARK + one + one.replace(b"S1", b"S2"), FILE)
    assert len(envelope.results) == 2


def test_what_the_analyzer_says_of_itself_is_no_result() -> None:
    """Rack and name of the analyzer stand where results do."""
    text = message("S1", "5.1").replace(b"|WBC|", b"|H_RACK|")
    envelope = CATALOGUE.driver("sysmex_xt").decode(text, FILE)
    assert (len(envelope.results), len(envelope.statuses)) == (0, 1)


def test_without_the_tolerance_or_on_a_connection_it_is_refused() -> None:
    """Nobody guesses that H means MSH."""
    with pytest.raises(DriverError, match="short_segment_names"):
        CATALOGUE.driver("generic_hl7").decode(message("S1", "5.1"), FILE)
    with pytest.raises(DriverError, match="does not begin with MSH"):
        CATALOGUE.driver("sysmex_xt").decode(message("S1", "5.1"), DecodeContext())
