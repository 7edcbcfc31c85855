"""Settles deliveries, and mends a message of which the LIS refused only some results (DESIGN 8.5).

The results that the answer names are held again with the LIS's words; the others go as a new
message, under a new control id
that names the one it replaces. Otherwise the whole message stays refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from middleware.model import OutcomeKind, ReleaseState
from middleware.payload.outgoing import by_order
from middleware.pipeline.outgoing import Outgoing, as_sent, enqueue, only_true_corrections
from middleware.setup import Setup
from middleware.store import audit, outbox, results
from middleware.store.connection import Connection
from middleware.store.outbox import Settlement
from middleware.store.schema import OutboxState

AUTHOR = "lis"
_RESULT_PLACE = re.compile(r"OBX\^(\d{1,5})(?:\^.*)?")  # ERL: segment, its sequence, then more
_MENDED_CODES = frozenset({"AE"})


def settle(conn: Connection, settlements: Sequence[Settlement], setup: Callable[[], Setup]) -> None:
    """The settle job of lanes (with `setup` filled in), under the setup in force."""
    settle_and_mend(conn, settlements, setup())


def settle_and_mend(conn: Connection, settlements: Sequence[Settlement], setup: Setup) -> list[int]:
    """Settle; returns the numbers of the new messages. Safe to run again: what is settled is not
    mended a second time.
    """
    mendable = [
        (one, row) for one in settlements if (row := _mendable(conn, one, setup)) is not None
    ]
    outbox.settle(conn, settlements)
    numbers: list[int] = []
    for one, row in mendable:
        numbers += _mend(conn, one, row, setup)
    return numbers


def _mendable(conn: Connection, one: Settlement, setup: Setup) -> dict[str, Any] | None:
    """The refused message's row when the answer names results of it, and a place in the store says
    that it still waited.
    """
    outcome = one.outcome
    if (
        outcome.kind is not OutcomeKind.REFUSED
        or not outcome.error_locations
        or outcome.code not in _MENDED_CODES
        or one.connector not in setup.connectors
    ):
        return None
    row = outbox.get(conn, one.number)
    open_states = {OutboxState.WAITING, OutboxState.HELD}
    return row if row is not None and row["state"] in open_states else None


def named_results(locations: Sequence[str], count: int) -> set[int]:
    """Which of the `count` results (from 1) the answer names; empty when it names anything else, or all of them."""
    named = set()
    for location in locations:
        found = _RESULT_PLACE.fullmatch(location)
        if found is None or not 1 <= int(found.group(1)) <= count:
            return set()
        named.add(int(found.group(1)))
    return named if len(named) < count else set()


def _mend(conn: Connection, one: Settlement, row: dict[str, Any], setup: Setup) -> list[int]:
    carried = as_sent(conn, results.by_ids(conn, row["result_ids"]))
    ids = [result["id"] for result in carried]  # the order in which they were rendered
    named = named_results(one.outcome.error_locations, len(ids))
    if not named or any(result["isolate"] for result in carried):
        return []  # half a culture misleads, and its OBX stand in another order than its results
    if bytes(row["payload"]).count(b"\rOBR|") != len(by_order(carried)):
        return []  # ordered since: nobody knows any more which result the answer names
    bad = sorted(result_id for place, result_id in enumerate(ids, 1) if place in named)
    reason = f"the LIS refused it in message {one.number}: {one.outcome.text or one.outcome.code}"
    results.decide(conn, bad, ReleaseState.HELD, results.Decision(AUTHOR, reason, one.at))
    rest = results.by_ids(conn, [result_id for result_id in ids if result_id not in bad])
    late = _followed(conn, row["sample_id"], rest, ids)
    why = f"it was refused with message {one.number}, and a later result of this test was released since"
    results.decide(conn, late, ReleaseState.HELD, results.Decision(AUTHOR, why, one.at))
    rest = [result for result in rest if result["id"] not in late]
    if not rest:
        return []
    only_true_corrections(conn, rest)
    replacement = Outgoing(
        row["connector"],
        row["sample_id"],
        row["line"],
        row["journal_id"],
        row["received_at"],
        rows=list(rest),
        result_ids=[result["id"] for result in rest],
        replaces=one.number,
    )
    numbers = enqueue(conn, [replacement], setup, one.at)
    detail = {"held": bad + late, "replaced_by": numbers, "reason": reason}
    audit.append(
        conn, audit.AuditEntry(AUTHOR, "outbox.mend", f"outbox {one.number}", one.at, detail)
    )
    return numbers


def _followed(
    conn: Connection, sample_id: str, rest: Sequence[dict[str, Any]], ids: Sequence[int]
) -> list[int]:
    """Results of `rest` whose test has a later released result in another message: that one went ahead in the lane,
    so the older value must not arrive after it.
    """
    runs = results.runs_of_samples(conn, [sample_id]).get(sample_id, [])
    newest = {
        (run.test_code, run.test_detail): run.result_id
        for run in runs
        if run.release_state == ReleaseState.RELEASED and run.result_id not in ids
    }
    return [
        row["id"]
        for row in rest
        if newest.get((row["test_code"], row["test_detail"]), 0) > row["id"]
    ]
