"""What people decide about results: release (render and queue them, as processing does) and reject.
All in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from middleware.model import ReleaseState, SampleRole
from middleware.pipeline import edit, whom, withdraw
from middleware.pipeline.anew import released_before
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.bulk import check_many
from middleware.pipeline.codes import translated_now
from middleware.pipeline.order_results import bind_later, note_released, reported_before
from middleware.pipeline.outgoing import Outgoing, enqueue, only_true_corrections
from middleware.review.identity import DOWNTIME
from middleware.routing.code_row import CodeFate
from middleware.routing.codes import COLUMNS
from middleware.routing.route import choose
from middleware.setup import Setup
from middleware.store import codes, outbox, results
from middleware.store.connection import Connection
from middleware.store.schema import OutboxState
from middleware.store.steps import Change

_BELONGS_TO_NOBODY = frozenset({"no_sample_id", "placeholder_sample_id", DOWNTIME})


def release(
    conn: Connection, ids: Sequence[int], asking: Asking, counted: int | None = None
) -> dict[str, Any]:
    """Release held results, or repetitions by name: they go to their connectors with the author as verifier.

    `counted`: how many the person says they are, where they are many. Raises CommandRefused when one of them does not
    exist, belongs to nobody, has no route, or may not be released; then none is.
    """
    rows = existing(conn, ids)
    for row in rows:
        _check_may_go(row, asking.setup)
    whom.check_known(conn, rows)
    check_many(rows, counted, asking)
    _check_one_run_each(rows)
    edit.check_release(conn, rows, asking)
    withdraw.check_release(conn, rows, asking.setup)
    changed = results.decide(conn, ids, ReleaseState.RELEASED, _decision(asking))
    _check_all_changed(rows, changed, "released")
    _translate(conn, rows, asking.setup)
    _report_these(conn, rows, asking)
    edit.end_originals(conn, rows, asking)
    messages = enqueue(conn, _outgoing(conn, changed, asking.setup), asking.setup, asking.now)
    return {"released": changed, "messages": messages}


def reject(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Reject held results or repetitions: they are never sent. Raises CommandRefused as `release` does."""
    rows = existing(conn, ids)
    changed = results.decide(conn, ids, ReleaseState.REJECTED, _decision(asking))
    _check_all_changed(rows, changed, "rejected")
    return {"rejected": changed}


def _decision(asking: Asking) -> results.Decision:
    return results.Decision(asking.author, asking.reason, asking.now)


def existing(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """These results, every column. Raises CommandRefused when one is not there."""
    rows = results.by_ids(conn, ids)
    missing = sorted(set(ids) - {row["id"] for row in rows})
    if missing:
        raise CommandRefused(
            f"there is no result {', '.join(map(str, missing))}",
            what_to_do="See `labwire results list` for the ids.",
        )
    return rows


def _check_may_go(row: dict[str, Any], setup: Setup) -> None:
    if row["sample_role"] != SampleRole.PATIENT:
        raise CommandRefused(
            f"result {row['id']} is not a patient's but of {row['sample_role']} material, which never goes to the LIS",
            what_to_do="Correct the rule of the driver that says so if it is a patient's, then replay the message.",
        )
    codes = {one["code"] for one in json.loads(row["findings"] or "[]")}
    if not row["sample_id"].strip() or codes & _BELONGS_TO_NOBODY:
        raise CommandRefused(
            f"result {row['id']} has no sample id that names a specimen, so the LIS could give it to anybody",
            what_to_do="Enter the result in the LIS by hand, or measure it again with a readable label.",
        )
    line = setup.lines.get(row["line"])
    if line is not None and line.relay is not None:
        raise CommandRefused(
            f"the line {row['line']} only listens: the LIS has result {row['id']} by the other way",
            what_to_do="Release nothing of it until `relay` is taken out of the line's settings.",
        )
    _check_code(row, setup)
    if not choose(row["line"], row["test_code"], setup.routes, setup.connectors):
        raise CommandRefused(
            f"no route sends result {row['id']} anywhere",
            what_to_do="Add a route for its line and test to the settings.",
        )


def _check_one_run_each(rows: Sequence[dict[str, Any]]) -> None:
    """Exactly one run of a test is reported (DESIGN 1.1)."""
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        test = tuple(row[name] for name in ("sample_id", "test_code", "test_detail", "isolate"))
        before = first.setdefault(test, row)
        if before is not row and _is_one_or_the_other(before, row):
            what = "one test" if row["work_order_step_id"] is None else "one ordered test"
            raise CommandRefused(
                f"results {before['id']} and {row['id']} are runs of {what}: only one can be reported",
                what_to_do="Release the one that is right, and reject the other.",
            )


def _is_one_or_the_other(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Of a test that nobody ordered one message may say several runs, which belong together."""
    if one["work_order_step_id"] is not None and other["work_order_step_id"] is not None:
        return True
    is_apart = one["isolate"] or one["identified_by"]
    return not is_apart and bool(one["journal_id"] != other["journal_id"])


def _report_these(conn: Connection, rows: Sequence[dict[str, Any]], asking: Asking) -> None:
    """What an order asked for is reported from now on; it corrects the run that went out before, also a later one."""
    unbound = [row for row in rows if row["work_order_step_id"] is None]
    bound = bind_later(conn, unbound, asking.setup, asking.now)
    for row in rows:
        row["work_order_step_id"] = row["work_order_step_id"] or bound.get(row["id"])
        if row["work_order_step_id"] is None:
            columns = edit.corrects(conn, row)
            if columns:
                codes.give(conn, {row["id"]: columns})
            continue
        earlier = reported_before(conn, row) or released_before(conn, row)
        if earlier is not None and row["supersedes"] != earlier.result_id:
            columns = {"supersedes": earlier.result_id, "version": earlier.version + 1}
            codes.give(conn, {row["id"]: columns})
        note_released(conn, row, Change(asking.author, asking.now, f"result {row['id']} released"))


def _check_code(row: dict[str, Any], setup: Setup) -> None:
    """Writes into the row what it becomes now: the table may have been mended since it came in."""
    finding = translated_now(row, setup)
    if finding is not None:
        raise CommandRefused(
            f"result {row['id']} has no code for the LIS: {finding.text}",
            what_to_do="Mend the table of codes and start the node anew; then `labwire codes release`.",
        )
    if row.get("code_fate") in (CodeFate.KEEP, CodeFate.IGNORE):
        raise CommandRefused(
            f"the table of codes keeps the test {row['test_code']} of result {row['id']} here",
            what_to_do="Leave it out, or give the test another fate in the table.",
        )


def _translate(conn: Connection, rows: Sequence[dict[str, Any]], setup: Setup) -> None:
    codes.give(
        conn,
        {
            row["id"]: {name: row[name] for name in COLUMNS}
            for row in rows
            if row["line"] in setup.codes
        },
    )


def _check_all_changed(rows: Sequence[dict[str, Any]], changed: Sequence[int], word: str) -> None:
    for row in rows:
        if row["id"] not in changed:
            raise CommandRefused(
                f"result {row['id']} is {row['release_state']} and cannot be {word}",
                what_to_do="Leave it out and ask again; nothing was changed.",
            )


def _outgoing(conn: Connection, ids: Sequence[int], setup: Setup) -> list[Outgoing]:
    """One message for each message of the analyzer, specimen and connector that does not have the result yet."""
    found: dict[tuple[int, str, str], Outgoing] = {}
    rows = results.by_ids(conn, ids)
    there, stopped = _on_their_way(conn, ids)
    only_true_corrections(conn, rows)
    for row in rows:
        for connector in choose(row["line"], row["test_code"], setup.routes, setup.connectors):
            if (row["id"], connector) in there:
                continue
            key = (row["journal_id"], connector, row["sample_id"])
            if key not in found:
                found[key] = Outgoing(
                    connector, row["sample_id"], row["line"], row["journal_id"], row["received_at"]
                )
                found[key].replaces = stopped.get((row["id"], connector))
            found[key].rows.append(row)
            found[key].result_ids.append(row["id"])
    return list(found.values())


def _on_their_way(
    conn: Connection, ids: Sequence[int]
) -> tuple[set[tuple[int, str]], dict[tuple[int, str], int]]:
    """(result, connector) of results with a message that was neither refused nor stopped; and the stopped messages.

    Only one of several LIS may have refused a result that is released again. A message was stopped with its results
    when their patient changed: it never goes, and the new one names it.
    """
    there: set[tuple[int, str]] = set()
    stopped: dict[tuple[int, str], int] = {}
    for number, result_id in outbox.for_results(conn, ids):
        message = outbox.get(conn, number)
        if message is None or message["state"] == OutboxState.REFUSED:
            continue
        if message["state"] == OutboxState.HELD:
            stopped[result_id, message["connector"]] = number
        else:
            there.add((result_id, message["connector"]))
    return there, stopped
