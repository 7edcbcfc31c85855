"""Recorded HL7 messages of real analyzers are read whole, through the block reader where they have
blocks.
"""

from __future__ import annotations

import pytest

from middleware.wire.hl7 import Message, parse
from middleware.wire.mllp import Block, BlockReader
from tests.kit.recordings import CORPUS

FOLDER = CORPUS / "hl7"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded messages are not here")

# File: OBX segments of each of its messages, as counted in its text.
OBSERVATIONS = {
    "lab_lis__mindray_bc5130.hl7": [29],
    "oe-analyzer-bridge__mindray_bc5380.hl7": [23],
    "oe-plugins-digi__erba_h360.hl7": [13],
    "oe-plugins__genexpert_qbp_z03.hl7": [0],
    "oe-plugins__genexpert_qcn_j01.hl7": [0],
    "openelis2__mindray_bs200_synthetic.hl7": [3],
    "ruby-astm__clinitek_status.hl7": [12],
    "tgenaux-astm-lis__micro_ast_oru.hl7": [34],
    "vlsm-interfacing__roche_cobas4800_query.hl7": [0],
    "vlsm-interfacing__roche_cobas5800.hl7": [1, 1, 1, 1, 1],
    "vlsm-interfacing__roche_cobas6800_query.hl7": [0],
}


def read(name: str) -> list[Message]:
    """The messages of a file, out of their blocks.

    One recording ends before its end byte; another file is a group of segments without MSH.
    """
    data = (FOLDER / name).read_bytes()
    reader = BlockReader()
    blocks = [event.data for event in reader.feed(data) if isinstance(event, Block)]
    if reader.is_inside:
        blocks.append(reader.drop_partial())
    if not blocks and b"MSH|" not in data:
        data = b"MSH|^~\\&|\n" + data
    return [parse(block) for block in blocks or [data]]


@pytest.mark.parametrize("name", sorted(OBSERVATIONS))
def test_a_recorded_message_gives_all_its_observations(name: str) -> None:
    """Another parser lost all OBX of files with line feeds, without an error."""
    messages = read(name)
    assert [len(message.segments("OBX")) for message in messages] == OBSERVATIONS[name]
    for message in messages:
        assert all(observation.get("OBX-3") for observation in message.segments("OBX"))
        assert "undecodable_bytes" not in message.notes


def test_every_recorded_file_is_in_the_table() -> None:
    """A new recording must be counted by hand once."""
    assert sorted(path.name for path in FOLDER.glob("*.hl7")) == sorted(OBSERVATIONS)


def test_keep_alive_bytes_before_a_recorded_block_are_skipped() -> None:
    """A BC-5130 sends STX again and again before its message."""
    (message,) = read("lab_lis__mindray_bc5130.hl7")
    assert message.get("MSH-9.2") == "R01"
    assert message.get("OBR-4.2") == "Automated Count"
