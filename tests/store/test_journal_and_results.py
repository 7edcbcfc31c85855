"""The journal keeps what came; results are stored in batches and decided by people."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine

from middleware.errors import StoreError
from middleware.model import MessageKind, ReleaseState
from middleware.store import audit, journal, results
from middleware.store.journal import JournalFilter, Processed, Unreadable
from middleware.store.results import Decision, ResultFilter
from middleware.store.schema import JournalState
from tests.kit.store_rows import entry, result_row


@pytest.fixture
def conn(engine: Engine):
    with engine.begin() as connection:
        yield connection


def processed(entry_id: int, state: JournalState = JournalState.PROCESSED) -> Processed:
    return Processed(entry_id, MessageKind.RESULT, state, 1001.0, 7, 12, "c311", "42", None)


def test_a_message_is_kept_with_the_bytes_as_they_came(conn: Connection) -> None:
    """Evidence: text, wire bytes and a hash that shows any later change."""
    entry_id = journal.append(conn, entry(b"H|\\^&\rL|1|N\r"))
    row = journal.get(conn, entry_id)
    assert (row["text"], row["wire"]) == (b"H|\\^&\rL|1|N\r", b"\x02H|\\^&\rL|1|N\r")
    assert (row["state"], row["ack_confirmed"], row["replays"]) == ("received", False, 0)
    assert journal.get(conn, entry_id + 1) is None


def test_waiting_messages_are_processed_in_the_order_in_which_they_came(conn: Connection) -> None:
    ids = [journal.append(conn, entry()) for _ in range(4)]
    journal.mark_processed(conn, [processed(ids[1])])
    waiting = journal.to_process(conn, 0, 10)
    assert [one.id for one in waiting] == [ids[0], ids[2], ids[3]]
    assert waiting[0].kind is MessageKind.RESULT
    assert [one.id for one in journal.to_process(conn, ids[0], 1)] == [ids[2]]


def test_tolerated_deviations_are_kept_with_the_message(conn: Connection) -> None:
    made = journal.JournalEntry(
        "chem-1", "d", MessageKind.RESULT, 1.0, b"H", b"H", ("eot_missing", "checksum_missing")
    )
    journal.append(conn, made)
    (found,) = journal.to_process(conn, 0, 10)
    assert found.quirks == ("eot_missing", "checksum_missing")


def test_an_incomplete_message_waits_for_a_person_not_for_the_pipeline(conn: Connection) -> None:
    made = journal.JournalEntry(
        "chem-1",
        "d",
        MessageKind.OTHER,
        1.0,
        b"H",
        b"H",
        state=JournalState.INCOMPLETE,
        reason="the analyzer hung up",
    )
    journal.append(conn, made)
    assert journal.to_process(conn, 0, 10) == []
    assert journal.counts_for_people(conn) == {JournalState.INCOMPLETE: 1}
    (shown,) = journal.listing(conn, JournalFilter(state=JournalState.INCOMPLETE))
    assert shown["reason"] == "the analyzer hung up"


def test_an_unreadable_message_says_why_and_can_be_sent_through_again(conn: Connection) -> None:
    """Nothing that was acknowledged is dropped because a mapping was wrong."""
    entry_id = journal.append(conn, entry())
    journal.mark_unreadable(conn, Unreadable(entry_id, "no such field", 7, 1001.0, 3, "R-4"))
    row = journal.get(conn, entry_id)
    assert (row["state"], row["reason_record"], row["reason_field"]) == ("unreadable", 3, "R-4")
    assert journal.requeue(conn, entry_id)
    (again,) = journal.to_process(conn, 0, 10)
    assert (again.id, again.replays) == (entry_id, 1)
    journal.mark_processed(conn, [processed(entry_id)])
    row = journal.get(conn, entry_id)
    assert (row["state"], row["reason"], row["reason_record"]) == ("processed", "", None)
    assert not journal.requeue(conn, 99)


def test_the_previous_message_of_a_line_tells_whether_its_ack_arrived(conn: Connection) -> None:
    """Without a measured time a repetition is judged by that (DESIGN 8.6)."""
    first = journal.append(conn, entry(line="chem-1"))
    journal.append(conn, entry(line="other"))
    second = journal.append(conn, entry(line="chem-1"))
    assert journal.previous_of_line(conn, "chem-1", second) == (first, False)
    journal.confirm_ack(conn, [first])
    assert journal.previous_of_line(conn, "chem-1", second) == (first, True)
    assert journal.previous_of_line(conn, "chem-1", first) is None


def test_a_listing_pages_backwards_and_filters(conn: Connection) -> None:
    for line in ("a", "b", "a", "a"):
        journal.append(conn, entry(line=line))
    page = journal.listing(conn, JournalFilter(line="a", limit=2))
    assert [row["id"] for row in page] == [4, 3]
    rest = journal.listing(conn, JournalFilter(line="a", before_id=3))
    assert [row["id"] for row in rest] == [1]
    assert "text" not in rest[0]
    assert rest[0]["text_size"] == 12
    assert len(journal.listing(conn, JournalFilter(kind=MessageKind.QUERY))) == 0
    assert journal.last_received(conn) == {"a": 1000.0, "b": 1000.0}


def test_ids_of_stored_results_are_known_and_in_order(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    assert results.save(conn, [result_row(journal_id, n) for n in (1, 2)]) == [1, 2]
    assert results.save(conn, []) == []
    first = results.allocate_ids(conn, 1)
    assert first == 3
    assert results.save(conn, [{"id": first, **result_row(journal_id, 3)}]) == [3]
    assert [row["record"] for row in results.by_ids(conn, [3, 1, 99])] == [1, 3]
    assert results.get(conn, 99) is None


def test_a_column_that_only_some_results_have_gets_its_default_in_the_others(
    conn: Connection,
) -> None:
    journal_id = journal.append(conn, entry())
    marked = {**result_row(journal_id, 2), "is_manual": True, "unit": "mmol/L", "run": 2}
    results.save(conn, [result_row(journal_id, 1), marked])
    plain, manual = results.by_ids(conn, [1, 2])
    assert (plain["is_manual"], plain["unit"], plain["run"]) == (False, "", 1)
    assert (manual["is_manual"], manual["unit"], manual["run"]) == (True, "mmol/L", 2)


def test_an_unknown_column_is_refused_by_name(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    with pytest.raises(StoreError, match="no column 'colour'"):
        results.save(conn, [{**result_row(journal_id), "colour": "red"}])


def test_earlier_results_are_found_by_fingerprint(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    row = result_row(journal_id)
    results.save(conn, [row, row])
    found = results.by_fingerprints(conn, row["sample_id"], {row["fingerprint"], b"none"})
    assert list(found) == [row["fingerprint"]]
    assert [one.result_id for one in found[row["fingerprint"]]] == [1, 2]


@pytest.mark.slow
def test_more_fingerprints_than_one_statement_takes_are_all_found(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    rows = [result_row(journal_id, record) for record in range(2000)]
    results.save(conn, rows)
    prints = [row["fingerprint"] for row in rows]
    assert len(results.by_fingerprints(conn, rows[0]["sample_id"], prints)) == 2000


def test_runs_of_a_sample_are_found_for_judging_a_further_one(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    results.save(conn, [result_row(journal_id, 1, "S-1"), result_row(journal_id, 2, "S-2")])
    found = results.runs_of_samples(conn, ["S-2", "S-3"])
    assert [(run.result_id, run.test_code) for run in found["S-2"]] == [(2, "T2")]
    assert set(found) == {"S-2"}


def test_a_release_names_the_person_and_is_audited(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    results.save(conn, [result_row(journal_id, n) for n in (1, 2, 3)])
    said = Decision("a.person", "compared with the instrument", 2000.0)
    assert results.decide(conn, [1, 2, 99], ReleaseState.RELEASED, said) == [1, 2]
    row = results.get(conn, 1)
    assert (row["verifier"], row["decided_at"]) == ("a.person", 2000.0)
    (trail,) = audit.listing(conn)
    assert (trail["action"], trail["subject"]) == ("results.released", "results 1, 2")
    assert results.held_count(conn) == 1


def test_what_was_released_cannot_be_rejected_or_released_again(conn: Connection) -> None:
    """A second click changes nothing and leaves no trace of a decision that was none."""
    journal_id = journal.append(conn, entry())
    results.save(conn, [result_row(journal_id)])
    said = Decision("a.person", "", 2000.0)
    results.decide(conn, [1], ReleaseState.RELEASED, said)
    assert results.decide(conn, [1], ReleaseState.RELEASED, said) == []
    assert results.decide(conn, [1], ReleaseState.REJECTED, said) == []
    assert len(audit.listing(conn)) == 1


def test_results_are_listed_by_what_a_person_asks(conn: Connection) -> None:
    journal_id = journal.append(conn, entry())
    rows = [result_row(journal_id, n, f"S-{n}") for n in (1, 2, 3)]
    results.save(conn, rows)
    held = results.listing(conn, ResultFilter(state=ReleaseState.HELD, limit=2))
    assert [row["id"] for row in held] == [3, 2]
    (one,) = results.listing(conn, ResultFilter(sample_id="S-2", journal_id=journal_id))
    assert one["id"] == 2
    assert len(results.listing(conn, ResultFilter(line="chem-1", before_id=2))) == 1
