"""Sends journal entries through processing once more, after the mapping or the settings were mended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from middleware.model import ReleaseState
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.prepare import RESULTS_MAX
from middleware.review.manual import LINE
from middleware.store import audit, journal, results
from middleware.store.connection import Connection
from middleware.store.results import ResultFilter
from middleware.store.schema import JournalState

AUTHOR = "replay"


def replay(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Queue entries for processing under the setup in force. Raises CommandRefused when one does
    not exist, still waits, or is incomplete.

    What was released stays as it is: results that come out the same are not stored again, different ones are held.
    """
    for entry_id in ids:
        entry = _replayable(conn, entry_id)
        journal.requeue(conn, entry_id)
        detail = {"state_before": entry["state"], "reason": asking.reason}
        audit.append(
            conn,
            audit.AuditEntry(
                asking.author, "messages.replay", f"message {entry_id}", asking.now, detail
            ),
        )
    return {"replayed": list(ids)}


def _replayable(conn: Connection, entry_id: int) -> dict[str, Any]:
    entry = journal.get(conn, entry_id)
    if entry is None:
        raise CommandRefused(
            f"there is no message {entry_id}",
            what_to_do="See `labwire messages list` for the ids.",
        )
    if entry["line"] == LINE and not entry["driver"]:
        raise CommandRefused(
            f"message {entry_id} is what a person typed, not an analyzer's",
            what_to_do="Look at its result with `labwire messages show`.",
        )
    if not entry["driver"]:  # no analyzer sent it
        raise CommandRefused(
            f"message {entry_id} is an order of the LIS, which was answered",
            what_to_do="Let the LIS send it again; `labwire orders list` shows what came of it.",
        )
    if entry["state"] == JournalState.RECEIVED:
        raise CommandRefused(
            f"message {entry_id} still waits to be processed",
            what_to_do="Leave it out and ask again; nothing was changed.",
        )
    if entry["state"] == JournalState.INCOMPLETE:
        # Its last value may be half a value, and a remark that takes it back may be missing.
        raise CommandRefused(
            f"message {entry_id} is incomplete: it broke off before its last record",
            what_to_do="Let the analyzer send it again; what came of it is shown by `labwire messages show`.",
        )
    return entry


def reject_replaced(
    conn: Connection, journal_id: int, still_valid: Collection[bytes], now: float
) -> list[int]:
    """Held results of a replayed message that it does not say any more are rejected, so that nobody can release both
    readings of one value. `still_valid` are the fingerprints of what it says now: what an earlier replay rejected so,
    and it says again, is held again."""
    reason = f"message {journal_id} was replayed and is read differently now"
    held = _of_entry(conn, journal_id, ReleaseState.HELD)
    replaced = [
        row["id"]
        for row in held
        if row["edit_of"] is None and bytes(row["fingerprint"]) not in still_valid
    ]
    back = [
        row["id"]
        for row in _of_entry(conn, journal_id, ReleaseState.REJECTED)
        if row["decision_reason"] == reason and bytes(row["fingerprint"]) in still_valid
    ]
    again = f"message {journal_id} was replayed and is read so again"
    results.decide(conn, back, ReleaseState.HELD, results.Decision(AUTHOR, again, now))
    decision = results.Decision(AUTHOR, reason, now)
    return results.decide(conn, replaced, ReleaseState.REJECTED, decision)


def _of_entry(conn: Connection, journal_id: int, state: ReleaseState) -> list[dict[str, Any]]:
    return results.listing(
        conn, ResultFilter(state=state, journal_id=journal_id, limit=RESULTS_MAX)
    )
