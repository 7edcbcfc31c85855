"""Stored results find the work order steps that asked for them, in the transaction that stores them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from middleware.model import ReleaseState, ResultStatus
from middleware.pipeline.prepared import PreparedResult
from middleware.store import results, work
from middleware.store.connection import Connection
from middleware.store.work import Reported

_NOT_FINISHED = frozenset(
    {
        ResultStatus.PRELIMINARY.value,
        ResultStatus.PENDING.value,
        ResultStatus.PARTIAL.value,
        ResultStatus.CANNOT_OBTAIN.value,
    }
)
# A repetition says nothing new; in shadow of another host the orders are that host's.
_BINDS_NOTHING = frozenset({ReleaseState.DUPLICATE.value, ReleaseState.SHADOW.value})


def bind(conn: Connection, stored: Iterable[PreparedResult], now: float) -> None:
    """Give steps their results, and results their steps. Asks the store once, and again only where orders exist."""
    found = [
        _reported(one.row)
        for one in stored
        if one.may_follow and one.row["release_state"] not in _BINDS_NOTHING
    ]
    if found:
        results.bind_steps(conn, work.note_results(conn, found, now))


def _reported(row: dict[str, Any]) -> Reported:
    return Reported(
        result_id=row["id"],
        sample_id=row["sample_id"],
        test_code=row["test_code"],
        lis_code=row.get("lis_code") or "",
        line=row["line"],
        order_source=row["order_source"] or "",
        is_final=row["result_status"] not in _NOT_FINISHED,
    )
