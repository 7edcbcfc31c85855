"""Critical results that somebody must be told of: calls that open by themselves, and end when people say who was told.

Re-runnable jobs of one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from middleware.model import AbnormalFlag, ReleaseState, SampleRole
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.store import calls
from middleware.store.calls import Ended, NewCall
from middleware.store.connection import Connection

LONGEST_NAME = 200
_CRITICAL = frozenset({AbnormalFlag.CRITICAL_LOW.value, AbnormalFlag.CRITICAL_HIGH.value})
_REPORTED = frozenset({ReleaseState.RELEASED.value, ReleaseState.HELD.value})


def open_by_flags(conn: Connection, rows: Iterable[Mapping[str, Any]], now: float) -> list[int]:
    """Open a call for each patient's result, just stored, that the analyzer flagged as critical."""
    wanted = [
        NewCall(row["id"], row["sample_id"], row["line"], row["test_code"], flag)
        for row in rows
        if (flag := _critical_flag(row))
    ]
    return calls.open_calls(conn, wanted, now) if wanted else []


def _critical_flag(row: Mapping[str, Any]) -> str:
    flags = row["abnormal_flags"]
    if not flags or row["sample_role"] != SampleRole.PATIENT:
        return ""
    if row["release_state"] not in _REPORTED:  # a repetition was called before
        return ""
    return next((one for one in flags.split(",") if one in _CRITICAL), "")


def done(conn: Connection, ids: Sequence[int], ended: Ended, asking: Asking) -> dict[str, Any]:
    """Somebody was told. Answers `done` (ids). Raises CommandRefused; then nothing is changed."""
    for name, text in (("told", ended.told), ("by", ended.caller)):
        if not 0 < len(text.strip()) <= LONGEST_NAME:
            raise CommandRefused(
                f"`{name}` must be a name of 1 to {LONGEST_NAME} letters",
                what_to_do="Write who was told with --told, and who called with --by.",
            )
    return {"done": _end(conn, ids, ended, asking)}


def drop(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Nobody has to be told. Answers `dropped` (ids). Raises CommandRefused; then nothing is changed."""
    if not asking.reason.strip():
        raise CommandRefused("that needs a reason", what_to_do="Say why with --reason.")
    return {"dropped": _end(conn, ids, Ended(asking.author, asking.now), asking)}


def _end(conn: Connection, ids: Sequence[int], ended: Ended, asking: Asking) -> list[int]:
    changed = calls.end(conn, ids, replace(ended, reason=asking.reason))
    missing = sorted(set(ids) - set(changed))
    if missing:
        raise CommandRefused(
            f"there is no open call {missing[0]}",
            what_to_do="`labwire calls list` shows those that are open; nothing was changed.",
        )
    return changed
