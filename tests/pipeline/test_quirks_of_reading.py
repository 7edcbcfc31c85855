"""A tolerance that only the reading of a message needed is counted and shown like one of the link."""

from __future__ import annotations

from dataclasses import replace

from middleware.store import journal
from tests.kit.made_setups import decoded, journaled, made_result


def test_a_tolerance_used_in_reading_stands_in_the_journal_and_is_counted(conn, run) -> None:
    """Promise 5: each tolerated deviation is counted, also one of records or of a file."""
    entry = replace(journaled(conn), quirks=("nul_in_text",))
    one = decoded(entry, made_result())
    assert one.envelope is not None
    quirks = ("nul_in_text", "frame_residue")
    one = replace(one, envelope=one.envelope.model_copy(update={"quirks": quirks}))
    summary = run(one)
    assert dict(summary.quirks) == {("chem-1", "frame_residue"): 1}
    assert journal.get(conn, entry.id)["quirks"] == "nul_in_text,frame_residue"
