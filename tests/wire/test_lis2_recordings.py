"""Recorded messages of real analyzers are read whole."""

from __future__ import annotations

import re

import pytest

from middleware.wire.lis2 import RECORDS_NUMBERED, Message, parse_message
from tests.kit.recordings import CORPUS

FOLDER = CORPUS / "astm-records"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded messages are not here")

# File: records of type P, O, R; each as counted in its text.
COUNTS = {
    "astm1394__centaurxp_order1.txt": (1, 1, 0),
    "astm1394__centaurxp_query1.txt": (0, 0, 0),
    "astm1394__centaurxp_result1.txt": (1, 1, 3),
    "go-astm__euroimmun_analyzer1.txt": (20, 20, 20),
    "oe-analyzer-bridge__genexpert_hivvl_error.txt": (1, 1, 14),
    "tgenaux-astm-lis__ortho_vision.txt": (1, 1, 2),
}


def read(name: str) -> Message:
    """Read a file from its header on; some carry a remark above it."""
    data = (FOLDER / name).read_bytes()
    return parse_message(data[data.index(b"H|") :], quirks=frozenset({RECORDS_NUMBERED}))


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_a_recorded_message_gives_all_its_records(name: str) -> None:
    """Nothing is lost between the text and the tree."""
    message = read(name)
    below = [order for patient in message.patients for order in patient.orders]
    counts = len(message.patients), len(below), sum(len(order.results) for order in below)
    assert counts == COUNTS[name]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.txt")))
def test_every_recorded_record_is_found_again(name: str) -> None:
    """Each R in the text is one R in the tree, and the text can be written back."""
    message = read(name)
    data = (FOLDER / name).read_bytes()
    lines = re.split(rb"[\r\n]+", data[data.index(b"H|") :])
    results = [line for line in lines if re.match(rb"\d?R\|", line)]
    assert len(message.results) == len(results)
    for result in message.results:
        assert result.nearest("O") is not None
        assert result.nearest("P") is not None
    again = parse_message(message.text().encode("iso8859-1"))
    assert [r.raw for r in again.records] == [r.raw for r in message.records]


def test_delimiters_of_a_gene_expert_are_its_own() -> None:
    """Repeat @ and escape backslash."""
    message = read("oe-analyzer-bridge__genexpert_hivvl_error.txt")
    assert message.delimiters.declaration == "@^\\"
    assert message.results[0].get("R-4.1") == "ERROR"


def test_a_padded_id_of_a_euroimmun_is_kept_as_sent() -> None:
    """The driver decides about blanks; this floor never does."""
    message = read("go-astm__euroimmun_analyzer1.txt")
    assert any(p.get("P-4").strip() != p.get("P-4") for p in message.patients)
