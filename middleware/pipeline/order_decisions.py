"""What people decide about ordered tests. Each is a re-runnable job of one transaction, audited in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from middleware.model import StepState, ToTell
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.claimers import tellable_lines
from middleware.store import audit, order_views, work
from middleware.store.connection import Connection
from middleware.store.steps import Change

_AT_ANALYZER = (StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)


def cancel(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Cancel steps without a result. Answers `cancelled` (ids) and `at_analyzers`: those that an analyzer has, with
    `is_told`: the line tells it.

    Raises CommandRefused when one does not exist or is over; then nothing is changed.
    """
    rows = _existing(conn, ids)
    change = Change(asking.author, asking.now, asking.reason or "cancelled by a person")
    tellable = tellable_lines(asking.setup, ToTell.CANCEL)
    cancelled = work.cancel(conn, ids, change, tellable)
    _check_all(ids, cancelled, rows, "cannot be cancelled")
    _audit(conn, "orders.cancel", [rows[one] for one in cancelled], asking)
    held = [rows[one] for one in cancelled if rows[one]["state"] in _AT_ANALYZER]
    return {
        "cancelled": cancelled,
        "at_analyzers": [
            {"id": row["id"], "line": row["line"], "is_told": row["line"] in tellable}
            for row in held
        ],
    }


def free(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Let any line have steps that an analyzer took or refused, or that expired. Answers `freed` (ids).

    Raises CommandRefused when one does not exist, is on its way, or is over; then nothing is changed.
    """
    rows = _existing(conn, ids)
    change = Change(asking.author, asking.now, asking.reason or "offered again by a person")
    freed = work.offer_again(conn, ids, change)
    _check_all(ids, freed, rows, "cannot be offered again")
    _audit(conn, "orders.free", [rows[one] for one in freed], asking)
    return {"freed": freed}


def _existing(conn: Connection, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = {row["id"]: row for row in order_views.by_ids(conn, list(ids))}
    missing = [one for one in ids if one not in rows]
    if missing:
        raise CommandRefused(
            f"there is no ordered test {missing[0]}",
            what_to_do="See `labwire orders list` for the ids.",
        )
    return rows


def _check_all(
    ids: Sequence[int], done: Sequence[int], rows: Mapping[int, Mapping[str, Any]], words: str
) -> None:
    left = next((one for one in ids if one not in done), None)
    if left is not None:
        raise CommandRefused(
            f"the ordered test {left} is {rows[left]['state']} and {words}",
            what_to_do="Leave it out and ask again; nothing was changed.",
        )


def _audit(
    conn: Connection, action: str, rows: Sequence[Mapping[str, Any]], asking: Asking
) -> None:
    for row in rows:
        detail = {"state_before": row["state"], "reason": asking.reason}
        subject = f"ordered test {row['id']}"
        audit.append(conn, audit.AuditEntry(asking.author, action, subject, asking.now, detail))
