"""What processing keeps is what was sent, and each step leaves its trace."""

from __future__ import annotations

from middleware.model import Outcome, OutcomeKind
from middleware.pipeline.mend import settle_and_mend
from middleware.pipeline.outgoing import lane_of
from middleware.store import audit, results
from middleware.store.outbox import Settlement
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup


def test_the_raw_value_is_kept_to_the_last_blank(conn, run) -> None:
    """The raw text stands beside the number as sent (promise 2)."""
    run(decoded(journaled(conn), made_result(value=" +05.40 ")))
    assert results.get(conn, 1)["value_raw"] == " +05.40 "


def test_a_mended_message_is_in_the_audit_trail(conn, run) -> None:
    """Who looks for the message finds why it was replaced (promise 4)."""
    run(decoded(journaled(conn), *[made_result(test=test) for test in ("GLU", "NA")]))
    outcome = Outcome(kind=OutcomeKind.REFUSED, code="AE", error_locations=("OBX^1",))
    settle_and_mend(conn, [Settlement(1, "lis", 0, 1, outcome, RECEIVED_AT)], made_setup())
    rows = audit.listing(conn)
    assert ("outbox.mend", "outbox 1") in [(row["action"], row["subject"]) for row in rows]


def test_a_specimen_has_the_same_lane_after_every_restart() -> None:
    """Fixed numbers: another process must not choose another lane."""
    assert [lane_of(name, 8) for name in ("S1001", "S1002", "26030401")] == [3, 1, 6]
