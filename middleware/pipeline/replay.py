"""Sends journal entries through processing once more, after the mapping or the settings were mended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from middleware.model import ReleaseState
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.store import audit, journal, results
from middleware.store.connection import Connection
from middleware.store.results import ResultFilter
from middleware.store.schema import JournalState

AUTHOR = "replay"
_HELD_MAX = 10_000
"""More results than a message of the largest accepted size can hold."""


def replay(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Queue entries for processing under the setup in force. Raises CommandRefused when one does
    not exist or still waits.

    What was released stays as it is: results that come out the same are not stored again, different ones are held.
    """
    for entry_id in ids:
        entry = journal.get(conn, entry_id)
        if entry is None:
            raise CommandRefused(
                f"there is no message {entry_id}",
                what_to_do="See `labwire messages list` for the ids.",
            )
        if entry["state"] == JournalState.RECEIVED:
            raise CommandRefused(
                f"message {entry_id} still waits to be processed",
                what_to_do="Leave it out and ask again; nothing was changed.",
            )
        journal.requeue(conn, entry_id)
        detail = {"state_before": entry["state"], "reason": asking.reason}
        audit.append(
            conn,
            audit.AuditEntry(
                asking.author, "messages.replay", f"message {entry_id}", asking.now, detail
            ),
        )
    return {"replayed": list(ids)}


def reject_replaced(
    conn: Connection, journal_id: int, still_valid: Collection[bytes], now: float
) -> list[int]:
    """Held results of a replayed message that it does not say any more are rejected, so that nobody can release both
    readings of one value. `still_valid` are the fingerprints of what it says now."""
    held = results.listing(
        conn, ResultFilter(state=ReleaseState.HELD, journal_id=journal_id, limit=_HELD_MAX)
    )
    replaced = [row["id"] for row in held if bytes(row["fingerprint"]) not in still_valid]
    if not replaced:
        return []
    reason = f"message {journal_id} was replayed and is read differently now"
    decision = results.Decision(AUTHOR, reason, now)
    return results.decide(conn, replaced, ReleaseState.REJECTED, decision)
