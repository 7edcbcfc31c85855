"""What people decide about results: release (render and queue them, as processing does) and reject.
All in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from middleware.model import ReleaseState, SampleRole
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.codes import translated_now
from middleware.pipeline.outgoing import Outgoing, enqueue, only_true_corrections
from middleware.routing.code_row import CodeFate
from middleware.routing.codes import COLUMNS
from middleware.routing.route import choose
from middleware.setup import Setup
from middleware.store import codes, outbox, results
from middleware.store.connection import Connection
from middleware.store.schema import OutboxState

_BELONGS_TO_NOBODY = frozenset({"no_sample_id", "placeholder_sample_id"})


def release(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Release held results, or repetitions by name: they go to their connectors with the author as verifier.

    Raises CommandRefused when one of them does not exist, belongs to nobody, has no route, or may not be released; then
    none is.
    """
    rows = _existing(conn, ids)
    for row in rows:
        _check_may_go(row, asking.setup)
    changed = results.decide(conn, ids, ReleaseState.RELEASED, _decision(asking))
    _check_all_changed(rows, changed, "released")
    _translate(conn, rows, asking.setup)
    messages = enqueue(conn, _outgoing(conn, changed, asking.setup), asking.setup, asking.now)
    return {"released": changed, "messages": messages}


def reject(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Reject held results or repetitions: they are never sent. Raises CommandRefused as `release` does."""
    rows = _existing(conn, ids)
    changed = results.decide(conn, ids, ReleaseState.REJECTED, _decision(asking))
    _check_all_changed(rows, changed, "rejected")
    return {"rejected": changed}


def _decision(asking: Asking) -> results.Decision:
    return results.Decision(asking.author, asking.reason, asking.now)


def _existing(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
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
    _check_code(row, setup)
    if not choose(row["line"], row["test_code"], setup.routes, setup.connectors):
        raise CommandRefused(
            f"no route sends result {row['id']} anywhere",
            what_to_do="Add a route for its line and test to the settings.",
        )


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
    there = _on_their_way(conn, ids)
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
            found[key].rows.append(row)
            found[key].result_ids.append(row["id"])
    return list(found.values())


def _on_their_way(conn: Connection, ids: Sequence[int]) -> set[tuple[int, str]]:
    """(result, connector) of results that a message carries which was not refused. Only one of several LIS may have
    refused a result that is released again.
    """
    found = set()
    for number, result_id in outbox.for_results(conn, ids):
        message = outbox.get(conn, number)
        if message is not None and message["state"] != OutboxState.REFUSED:
            found.add((result_id, message["connector"]))
    return found
