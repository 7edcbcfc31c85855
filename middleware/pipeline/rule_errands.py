"""What follows from the rules beside a decision: tests measured again, calls, and results decided that had waited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from middleware.model import ReleaseState
from middleware.pipeline import follow_up
from middleware.pipeline.anew import decide_anew
from middleware.pipeline.decision import Judge
from middleware.pipeline.follow_up import Again
from middleware.pipeline.outgoing import Outgoing, only_true_corrections
from middleware.pipeline.rules import check_name
from middleware.pipeline.rules_review import Errand
from middleware.rules.criteria import Criterion
from middleware.rules.findings import Task
from middleware.setup import Setup
from middleware.store import calls, codes, results
from middleware.store.calls import NewCall
from middleware.store.connection import Connection
from middleware.store.steps import Change

_AGAIN = frozenset({Task.RERUN, Task.DILUTE})
CAME = "what it waited for has come"


def order_again(
    conn: Connection,
    errands: Sequence[Errand],
    bound: Mapping[int, int],
    setup: Setup,
    now: float,
) -> list[int]:
    """Order again what the rules want measured again, of results that answer an order; answers the new steps.

    How often, a measuring interval says itself (`reruns`); for any other reason it is done once.
    """
    made: list[int] = []
    asked: dict[int, Errand] = {}
    for errand in errands:
        if errand.finding.task in _AGAIN and errand.row["id"] in bound:
            known = asked.get(errand.row["id"])
            if known is None or errand.finding.task is Task.DILUTE:
                asked[errand.row["id"]] = errand
    for errand in asked.values():
        finding = errand.finding
        is_counted = finding.criterion is Criterion.MEASURING
        if not is_counted and follow_up.was_repeated(conn, errand.row, setup):
            continue
        factor = "" if finding.dilution is None else f"{finding.dilution:f}"
        change = Change(
            follow_up.RULES, now, f"rule {finding.rule} because of result {errand.row['id']}"
        )
        step = follow_up.again_by_rule(conn, errand.row, Again(dilution=factor), setup, change)
        made += [step] if step is not None else []
    return made


def call(conn: Connection, errands: Sequence[Errand], now: float) -> list[int]:
    """Open a call for each result, just stored, of which a rule says that somebody must be told; answers the calls."""
    wanted = {
        one.row["id"]: NewCall(
            one.row["id"],
            one.row["sample_id"],
            one.row["line"],
            one.row["test_code"],
            f"{check_name(one.finding.criterion, one.finding.rule)}/{one.finding.code}",
        )
        for one in errands
        if one.finding.task is Task.CALL
    }
    return calls.open_calls(conn, list(wanted.values()), now) if wanted else []


def decide_waiting(
    conn: Connection, ids: Sequence[int], setup: Setup, judge: Judge, now: float
) -> list[Outgoing]:
    """Decide these held results anew, each once; answers the messages of those that are released."""
    outgoing: list[Outgoing] = []
    for row in results.by_ids(conn, ids):
        if row["line"] not in setup.lines:
            continue
        columns, destinations = decide_anew(conn, row, (), setup, judge)
        if columns["release_state"] != ReleaseState.HELD:
            columns |= {"decided_at": now, "decision_reason": CAME}
        elif columns["findings"] == row["findings"]:
            continue
        codes.give(conn, {row["id"]: columns})
        changed = row | columns
        only_true_corrections(conn, [changed])
        for connector in destinations:
            message = (connector, row["sample_id"], row["line"], row["journal_id"])
            outgoing.append(Outgoing(*message, row["received_at"], [changed], [row["id"]]))
    return outgoing
