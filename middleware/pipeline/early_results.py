"""Results that came before their order: when the order comes they are bound to it, in the same transaction.

What was held only because nobody had ordered it is decided anew. A result that went out already is not sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from middleware.model import ReleaseState
from middleware.pipeline.anew import decide_anew, findings_of
from middleware.pipeline.decision import Judge
from middleware.pipeline.order_results import OrderedResults, is_final, look_up_rows
from middleware.pipeline.outgoing import Outgoing, enqueue, only_true_corrections
from middleware.review import ordered
from middleware.setup import Setup
from middleware.store import codes, results, suspensions, tubes
from middleware.store.connection import Connection

_FALLEN = tuple((ordered.CHECK, code) for code in sorted(ordered.UNORDERED))


def bind_early(
    conn: Connection, sample_ids: Collection[str], since: float, setup: Setup, now: float
) -> dict[int, int]:
    """Tests were just ordered on these sample ids: bind the results since then (seconds since 1970 UTC) that no step
    has. Answers the step of each.

    Only where an id names one tube beyond doubt, and never a result of another patient or of an earlier use of the id.
    """
    rows = results.without_step(conn, sample_ids, since)
    known = look_up_rows(conn, [row for row in rows if row["line"] in setup.lines], setup)
    rows = [row for row in rows if known is not None and _is_of_this_use(row, known)]
    if known is None or not rows:
        return {}
    # Of several runs the one that is reported already; else the first final one, as where codes are released.
    rows.sort(key=lambda row: (not is_final(row), row["release_state"] != ReleaseState.RELEASED))
    bound = known.bind_rows(conn, rows, now)
    waiting = [row for row in rows if row["id"] in bound and _waits_for_an_order(row)]
    _decide(conn, [row | {"work_order_step_id": bound[row["id"]]} for row in waiting], setup, now)
    return bound


def _is_of_this_use(row: dict[str, Any], known: OrderedResults) -> bool:
    """Where the id was used before, what came before its present use is of the earlier one."""
    tube = known.tube_of(row) if row["line"] in known.setup.lines else None
    if tube is None:
        return False
    alike = tubes.of_id(known.alike, row["sample_id"])
    is_reused = any(one.used_until is not None and one.id != tube.id for one in alike)
    return not is_reused or bool(row["received_at"] >= tube.used_from)


def _waits_for_an_order(row: dict[str, Any]) -> bool:
    if row["release_state"] != ReleaseState.HELD:
        return False
    return any(one.code in ordered.UNORDERED for one in findings_of(row))


def _decide(conn: Connection, rows: Sequence[dict[str, Any]], setup: Setup, now: float) -> None:
    judge = Judge(setup, suspensions.in_force(conn), now)
    outgoing: list[Outgoing] = []
    for row in rows:
        columns, destinations = decide_anew(conn, row, _FALLEN, setup, judge)
        columns |= {"decided_at": now, "decision_reason": "it was ordered since"}
        codes.give(conn, {row["id"]: columns})
        changed = row | columns
        only_true_corrections(conn, [changed])
        for connector in destinations:
            message = (connector, row["sample_id"], row["line"], row["journal_id"])
            outgoing.append(Outgoing(*message, row["received_at"], [changed], [row["id"]]))
    enqueue(conn, outgoing, setup, now)
