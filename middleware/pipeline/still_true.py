"""Whether a message of the outbox may be sent once more: what it says must still be so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from middleware.model import ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.store import outbox, results
from middleware.store.connection import Connection


def check_still_true(conn: Connection, number: int) -> None:
    """Raises CommandRefused when a newer message says something else of a result that this one carries."""
    row = outbox.get(conn, number)
    if row is None or row["journal_id"] is None:
        return
    for other in outbox.for_journal(conn, row["journal_id"]):
        if other["replaces"] == number:
            raise CommandRefused(
                f"message {number} was replaced by message {other['number']}, which carries its accepted results",
                what_to_do="Release the results that the LIS refused, or resend the replacement.",
            )
    for result in results.by_ids(conn, row["result_ids"]):
        if result["release_state"] != ReleaseState.RELEASED and not _withdraws(conn, row, result):
            raise CommandRefused(
                f"message {number} carries result {result['id']}, which is {result['release_state']} now",
                what_to_do="Release the results that are right; they go as a new message.",
            )
    for old, new in results.superseded(conn, row["sample_id"], row["result_ids"]).items():
        raise CommandRefused(
            f"message {number} carries result {old}, which result {new} corrected since",
            what_to_do="Resend the message of the correction: the old value must not arrive last.",
        )


def _withdraws(conn: Connection, message: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    """The message told that the result is wrong: it is the last one of it, and was made when it was withdrawn."""
    if result["release_state"] != ReleaseState.WITHDRAWN:
        return False
    numbers = [number for number, _ in outbox.for_results(conn, [result["id"]])]
    others = [outbox.get(conn, number) for number in numbers]
    same = [one for one in others if one and one["connector"] == message["connector"]]
    is_last = bool(message["number"] == same[-1]["number"])
    return is_last and bool(message["created_at"] >= result["decided_at"])
