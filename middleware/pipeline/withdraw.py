"""Results that people withdraw: the LIS is told that they are wrong (OBX-11 W), and of a withdrawn specimen nothing
more is reported.

A message goes out for each message that carried such results, in the same lane and after everything that is there.
Re-runnable jobs of one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from middleware.model import Finding, ReleaseMode, ReleaseState, SampleRole, VerdictKind
from middleware.pipeline.anew import findings_of
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.decision import Judge, findings_json
from middleware.pipeline.outgoing import Outgoing, enqueue
from middleware.pipeline.prepared import PreparedResult
from middleware.pipeline.version import with_comment
from middleware.review.times import DAY_S
from middleware.setup import Setup
from middleware.store import audit, codes, outbox, patient_changes, results, tubes, withdrawals
from middleware.store.connection import Connection
from middleware.store.schema import OutboxState
from middleware.store.withdrawals import ToWithdraw, Withdrawal

CODE = "specimen_withdrawn"
_WAITS = frozenset({ReleaseState.RELEASED.value, ReleaseState.HELD.value})


def withdraw(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """Withdraw released results. Answers `withdrawn` (ids) and `messages` (outbox numbers).

    Raises CommandRefused; then nothing is changed.
    """
    _check_reason(asking)
    rows = {row["id"]: row for row in results.by_ids(conn, ids)}
    for one in ids:
        state = rows[one]["release_state"] if one in rows else None
        if state != ReleaseState.RELEASED:
            raise CommandRefused(
                f"there is no result {one}" if state is None else f"result {one} is {state}",
                what_to_do="Only what was released can be withdrawn; reject what is held.",
            )
    later = {one: new for row in rows.values() for one, new in _corrected(conn, row).items()}
    for one, new in later.items():
        if new not in rows:
            raise CommandRefused(
                f"result {one} was corrected since, by result {new}",
                what_to_do=f"Withdraw result {new}, which is what the LIS has: what it corrected goes with it.",
            )
    return _withdraw(conn, _with_earlier(conn, rows), asking)


def _corrected(conn: Connection, row: Mapping[str, Any]) -> dict[int, int]:
    found = results.superseded(conn, row["sample_id"], [row["id"]])
    return {one: new for one, new in found.items() if row["supersedes"] != new}


def _with_earlier(conn: Connection, rows: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """And the released results that they corrected: else those would count as what the LIS has."""
    found = dict(rows)
    new = found
    while new:
        earlier = {row["supersedes"] for row in new.values()} - {None} - found.keys()
        new = {
            row["id"]: row
            for row in (results.by_ids(conn, earlier) if earlier else ())
            if row["release_state"] == ReleaseState.RELEASED
        }
        found |= new
    return [found[one] for one in sorted(found)]


def withdraw_specimen(
    conn: Connection, sample_id: str, source: str, asking: Asking
) -> dict[str, Any]:
    """Withdraw all released results of a specimen and hold the rest, also what still comes.

    `source` may be empty: the only order source that knows the sample id. Answers as `withdraw`, and `held` (ids).
    Raises CommandRefused.
    """
    _check_reason(asking)
    what, rows = _of_specimen(conn, sample_id, source, asking)
    keep_s = asking.setup.node.orders_keep_days * DAY_S
    for one in withdrawals.of_samples(conn, [sample_id]).get(sample_id, []):
        is_same = None in (one.specimen_id, what.specimen_id) or one.specimen_id == what.specimen_id
        if is_same and one.is_of(asking.now, keep_s):
            raise CommandRefused(
                f"the specimen {sample_id} is withdrawn already, by {one.author}: {one.reason}",
                what_to_do="Reject what is held of it.",
            )
    if not rows and what.specimen_id is None:
        raise CommandRefused(
            f"nothing is known of a specimen {sample_id!r}",
            what_to_do="Write the sample id as `labwire results list` shows it.",
        )
    withdrawals.note(conn, what, asking.author, asking.reason, asking.now)
    released = [row for row in rows if row["release_state"] == ReleaseState.RELEASED]
    held = [row for row in rows if row["release_state"] == ReleaseState.HELD]
    finding = _finding(asking.author, asking.reason)
    results.give_findings(conn, {row["id"]: _with(row, finding) for row in held})
    answer = _withdraw(conn, released, asking) | {"held": [row["id"] for row in held]}
    detail = {**answer, "sample_ids": list(what.sample_ids), "reason": asking.reason}
    _audit(conn, "specimens.withdraw", f"specimen {sample_id}", detail, asking)
    return answer


def restore_specimen(conn: Connection, sample_id: str, asking: Asking) -> dict[str, Any]:
    """Take a withdrawal back: results of the specimen may be released again, by a person. Answers `restored`.

    What was withdrawn stays so: measure it again. Raises CommandRefused.
    """
    _check_reason(asking)
    of_it = withdrawals.of_samples(conn, [sample_id]).get(sample_id, [])
    names = {sample_id}
    for one in of_it:
        if one.specimen_id is not None:
            for tube in patient_changes.changed_tubes(conn, [one.specimen_id]):
                names.update(tube.names)
    done = withdrawals.end(conn, sorted(names), asking.author, asking.reason, asking.now)
    if not done:
        raise CommandRefused(
            f"the specimen {sample_id!r} is not withdrawn",
            what_to_do="`labwire specimens list` shows those that are.",
        )
    detail = {"sample_ids": done, "reason": asking.reason}
    _audit(conn, "specimens.restore", f"specimen {sample_id}", detail, asking)
    return {"restored": done}


# -- what comes later -----------------------------------------------------------------------------


def hold_late(
    conn: Connection,
    stored: Sequence[PreparedResult],
    mode: ReleaseMode,
    setup: Setup,
) -> list[PreparedResult]:
    """One message's results, held where their specimen is withdrawn."""
    judge = Judge(setup)
    found = withdrawals.of_samples(conn, {one.row["sample_id"] for one in stored})
    if not found:
        return list(stored)
    kept = []
    for one in stored:
        by = _withdrawn(one.row, found, setup)
        if by is not None and one.row["release_state"] in _WAITS:
            findings = (*one.findings, _finding(by.author, by.reason))
            destinations, columns = judge.decide(one.row, findings, one.role, mode)
            row = one.row | columns
            kept.append(replace(one, row=row, findings=findings, destinations=destinations))
        else:
            kept.append(one)
    return kept


def check_release(conn: Connection, rows: Sequence[Mapping[str, Any]], setup: Setup) -> None:
    """Raises CommandRefused when one of them is of a withdrawn specimen, or repeats a withdrawn result."""
    repeated = {row["duplicate_of"] for row in rows} - {None}
    for one in results.by_ids(conn, repeated) if repeated else ():
        if one["release_state"] == ReleaseState.WITHDRAWN:
            raise CommandRefused(
                f"that repeats result {one['id']}, which {one['verifier']} withdrew: {one['decision_reason']}",
                what_to_do="Reject it, and measure the test again.",
            )
    found = withdrawals.of_samples(conn, {row["sample_id"] for row in rows})
    for row in rows if found else ():
        by = _withdrawn(row, found, setup)
        if by is not None:
            raise CommandRefused(
                f"result {row['id']} is of a specimen that {by.author} withdrew: {by.reason}",
                what_to_do="Reject it; if the withdrawal was wrong: `labwire specimens restore`.",
            )


def _withdrawn(
    row: Mapping[str, Any], found: Mapping[str, Sequence[Withdrawal]], setup: Setup
) -> Withdrawal | None:
    keep_s = setup.node.orders_keep_days * DAY_S
    if row["sample_role"] != SampleRole.PATIENT:
        return None
    of_id = found.get(row["sample_id"], ())
    return next((one for one in of_id if one.is_of(row["received_at"], keep_s)), None)


# -- the messages ---------------------------------------------------------------------------------


def _withdraw(conn: Connection, rows: Sequence[dict[str, Any]], asking: Asking) -> dict[str, Any]:
    ids = [row["id"] for row in rows]
    decision = results.Decision(asking.author, asking.reason, asking.now)
    done = results.decide(conn, ids, ReleaseState.WITHDRAWN, decision)
    verifiers = {str(row["id"]): row["verifier"] for row in rows}
    if done:
        subject = f"results {', '.join(map(str, done))}"
        detail = {"verified_by": verifiers, "reason": asking.reason}
        _audit(conn, "results.withdraw", subject, detail, asking)
    codes.give(conn, {one: {"verifier": asking.author} for one in done})
    told = {row["id"]: _as_told(row, asking) for row in rows}
    _hold_stranded(conn, done, asking)
    messages = enqueue(conn, list(_outgoing(conn, told, asking.setup)), asking.setup, asking.now)
    return {"withdrawn": done, "messages": messages}


def _as_told(row: Mapping[str, Any], asking: Asking) -> dict[str, Any]:
    """The row as the LIS is told of it: who withdrew it, and why."""
    text = f"Withdrawn by {asking.author}: {asking.reason.strip()}"
    return {
        **row,
        "release_state": ReleaseState.WITHDRAWN.value,
        "verifier": asking.author,
        "comments": with_comment(row, text),
    }


def _outgoing(
    conn: Connection, told: Mapping[int, dict[str, Any]], setup: Setup
) -> Iterable[Outgoing]:
    """One for each message that carried them, as they went; nothing for one that never reached the LIS."""
    last: dict[tuple[int, str], tuple[int, Mapping[str, Any]]] = {}
    for number, result_id in outbox.for_results(conn, list(told)):
        carried = outbox.get(conn, number)
        if carried is not None and carried["connector"] in setup.connectors and _arrives(carried):
            last[result_id, carried["connector"]] = (number, carried)
    by_message: dict[int, Outgoing] = {}
    for (result_id, connector), (number, message) in sorted(last.items()):
        one = by_message.get(number)
        if one is None:
            one = by_message[number] = Outgoing(
                connector,
                message["sample_id"],
                message["line"],
                message["journal_id"],
                message["received_at"],
            )
        one.rows.append(told[result_id])
        one.result_ids.append(result_id)
    return [by_message[number] for number in sorted(by_message)]


def _hold_stranded(conn: Connection, withdrawn: Sequence[int], asking: Asking) -> None:
    """Results that went with a withdrawn one in a message that the LIS refused, or that was stopped unsent, are held:
    that message can never go any more, and a release sends them in a new one."""
    with_them: set[int] = set()
    for number in sorted({number for number, _ in outbox.for_results(conn, withdrawn)}):
        message = outbox.get(conn, number)
        if message is not None and not _arrives(message):
            with_them.update(message["result_ids"])
    others = sorted(with_them.difference(withdrawn))
    arrived = {
        result_id
        for number, result_id in outbox.for_results(conn, others)
        if (message := outbox.get(conn, number)) is not None and _arrives(message)
    }
    left = [one for one in others if one not in arrived]
    why = f"it was to go in one message with a withdrawn result: {asking.reason}"
    results.decide(conn, left, ReleaseState.HELD, results.Decision(asking.author, why, asking.now))


def _arrives(message: Mapping[str, Any]) -> bool:
    """The LIS has it, or may have it, or is about to get it."""
    if message["state"] == OutboxState.HELD:
        return bool(message["attempts"])
    return bool(message["state"] != OutboxState.REFUSED)


# -- which results --------------------------------------------------------------------------------


def _of_specimen(
    conn: Connection, sample_id: str, source: str, asking: Asking
) -> tuple[ToWithdraw, list[dict[str, Any]]]:
    """The specimen under all its ids, with its results that are released or held."""
    alike = tubes.of_id(tubes.alike(conn, [sample_id]), sample_id)
    in_use = {
        one.id
        for one in alike
        if one.used_until is None
        and sample_id in (one.sample_id, one.former)
        and source in ("", one.order_source)
    }
    if len(in_use) > 1:
        raise CommandRefused(
            f"several systems ordered on a specimen {sample_id!r}",
            what_to_do="Name whose it is with --order-source.",
        )
    if in_use:
        (tube,) = patient_changes.changed_tubes(conn, in_use)
        ids = [one.id for one in patient_changes.concerned(conn, tube)]
        return ToWithdraw(tube.names, tube.id), _patients(conn, ids)
    since = asking.now - asking.setup.node.orders_keep_days * DAY_S
    runs = results.runs_of_samples(conn, [sample_id]).get(sample_id, [])
    rows = _patients(conn, [run.result_id for run in runs if run.release_state in _WAITS])
    recent = [row for row in rows if row["received_at"] >= since and not row["identified_by"]]
    return ToWithdraw((sample_id,), None), recent


def _patients(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    return [row for row in results.by_ids(conn, ids) if row["sample_role"] == SampleRole.PATIENT]


def _finding(author: str, reason: str) -> Finding:
    return Finding(
        check="withdrawal",
        code=CODE,
        verdict=VerdictKind.HOLD,
        text=f"{author} withdrew this specimen: {reason}. Reject the result; it cannot be released while that stands.",
    )


def _with(row: Mapping[str, Any], finding: Finding) -> str:
    kept = [one for one in findings_of(row) if one.code != CODE]
    return findings_json((*kept, finding)) or "[]"


def _check_reason(asking: Asking) -> None:
    if not asking.reason.strip():
        raise CommandRefused("that needs a reason", what_to_do="Say why with --reason.")


def _audit(
    conn: Connection, action: str, subject: str, detail: Mapping[str, Any], asking: Asking
) -> None:
    audit.append(conn, audit.AuditEntry(asking.author, action, subject, asking.now, detail))
