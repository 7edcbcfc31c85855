"""What people decide about ordered tests. Each is a re-runnable job of one transaction, audited in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from middleware.model import StepState
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.store import audit, order_views, work
from middleware.store.connection import Connection

_AT_ANALYZER = (StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)


def cancel(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Cancel steps without a result. Answers `cancelled` (ids) and `at_analyzers`: those that an analyzer has.

    Raises CommandRefused when one does not exist or is over; then nothing is changed.
    """
    rows = {row["id"]: row for row in order_views.by_ids(conn, list(ids))}
    missing = [one for one in ids if one not in rows]
    if missing:
        raise CommandRefused(
            f"there is no ordered test {missing[0]}",
            what_to_do="See `labwire orders list` for the ids.",
        )
    cancelled = work.cancel(
        conn, ids, asking.author, asking.reason or "cancelled by a person", asking.now
    )
    left = next((one for one in ids if one not in cancelled), None)
    if left is not None:
        raise CommandRefused(
            f"the ordered test {left} is {rows[left]['state']} and cannot be cancelled",
            what_to_do="Leave it out and ask again; nothing was changed.",
        )
    for one in cancelled:
        detail = {"state_before": rows[one]["state"], "reason": asking.reason}
        subject = f"ordered test {one}"
        entry = audit.AuditEntry(asking.author, "orders.cancel", subject, asking.now, detail)
        audit.append(conn, entry)
    held = [rows[one] for one in cancelled if rows[one]["state"] in _AT_ANALYZER]
    return {
        "cancelled": cancelled,
        "at_analyzers": [{"id": row["id"], "line": row["line"]} for row in held],
    }
