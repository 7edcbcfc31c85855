"""An analyzer's result that comes after a person had typed it: alike, it repeats that and is not sent again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from middleware.model import Finding, ReleaseState, VerdictKind
from middleware.pipeline.decision import columns_of
from middleware.pipeline.edit import is_critical
from middleware.pipeline.prepared import PreparedResult
from middleware.review.manual import CHECK, repeats
from middleware.review.release import Decision
from middleware.review.repetition import Earlier
from middleware.store import results
from middleware.store.connection import Connection


def typed_before(
    conn: Connection, earlier: Earlier, result: PreparedResult, tolerance_percent: Decimal
) -> PreparedResult | None:
    """The result as a repetition of the released one before it; None: that was measured, or says something else.

    What the checks have against it holds it all the same; what the analyzer flags as critical nobody was called about
    when it was typed, for people type no flags; and what was withdrawn since cannot be repeated.
    """
    before = results.get(conn, earlier.result_id)
    if before is None or before["release_state"] != ReleaseState.RELEASED:
        return None
    is_heard = not result.findings and not is_critical(result.row)
    if not is_heard or not repeats(before, result.row, tolerance_percent):
        return None
    finding = Finding(
        check=CHECK,
        code="repeats_typed",
        verdict=VerdictKind.HOLD,
        text=f"{before['manual_source']} typed this before (result {before['id']}), and it was released: "
        "it is kept and not sent again.",
    )
    decision = Decision(VerdictKind.HOLD, ReleaseState.DUPLICATE, (finding,))
    row = result.row | columns_of(decision) | {"duplicate_of": earlier.result_id}
    return replace(result, row=row, findings=(finding,), destinations=())
