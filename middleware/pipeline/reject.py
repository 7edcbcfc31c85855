"""How a rejection ends: the test again, no result at all, a list of what is still to come, or nothing more.

Also remarks that people add. Re-runnable jobs of one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from middleware.model import (
    RejectedAs,
    ReleaseState,
    ResultStatus,
    SampleRole,
    StepState,
    ValueKind,
)
from middleware.pipeline import edit, follow_up, release
from middleware.pipeline.anew import released_before
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.follow_up import Again
from middleware.pipeline.version import version_of, with_comment
from middleware.setup import Setup
from middleware.store import audit, codes, results, steps
from middleware.store.connection import Connection
from middleware.store.steps import Change

LONGEST_REMARK = 500
_STILL_OPEN = frozenset({StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS})
_NO_VALUE: Mapping[str, Any] = {
    "value_kind": ValueKind.ABSENT.value,
    "value_raw": "",
    **dict.fromkeys(("value_number", "value_upper", "comparator", "value_text", "value_rule")),
    **dict.fromkeys(("abnormal_flags", "abnormal_flags_raw", "instrument_flags", "status_raw")),
    "result_status": ResultStatus.CANNOT_OBTAIN.value,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What follows (None: nothing more). `words`: why there is no result, for the LIS; `again`: how it is measured
    again."""

    kind: RejectedAs | None = None
    words: str = ""
    again: Again = field(default_factory=Again)


def reject(conn: Connection, ids: Sequence[int], ending: Ending, asking: Asking) -> dict[str, Any]:
    """Reject held results or repetitions, or end what was on the list of those still to come.

    Answers `rejected` (ids); of a rerun `steps` that were ordered; `messages` by which the LIS is told that there is
    none. Raises CommandRefused; then nothing is changed.
    """
    rows = release.existing(conn, ids)
    listed = [row["id"] for row in rows if row["rejected_as"] == RejectedAs.PENDING]
    again = results.Decision(asking.author, "taken from the list of pending tests", asking.now)
    results.decide(conn, listed, ReleaseState.HELD, again)
    codes.give(conn, {one: {"rejected_as": None} for one in listed})
    if ending.kind is RejectedAs.CANNOT_OBTAIN:
        answer = {"rejected": list(ids), **_tell_none(conn, rows, ending.words, asking)}
    else:
        answer = release.reject(conn, ids, asking)
    if ending.kind is RejectedAs.RERUN:
        answer |= follow_up.rerun(conn, ids, ending.again, asking)
    if ending.kind is not None:
        codes.give(conn, {one: {"rejected_as": ending.kind.value} for one in ids})
    return answer


def _tell_none(
    conn: Connection, rows: Sequence[dict[str, Any]], words: str, asking: Asking
) -> dict[str, Any]:
    """The LIS gets a version without a value for each, with the reason."""
    said = _remark(words)
    for row in rows:
        _check_none_is_true(conn, row)
    text = f"Cannot be obtained: {said} ({asking.author})"
    versions = [
        version_of(row, {**_NO_VALUE, "comments": with_comment(row, text)}, asking.setup)
        for row in rows
    ]
    change = Change(asking.author, asking.now, f"cannot be obtained: {said}")
    open_steps = [one["work_order_step_id"] for one in rows if one["work_order_step_id"]]
    steps.move(conn, open_steps, StepState.RESULTED, _STILL_OPEN, change)
    answer = release.release(conn, results.save(conn, versions), asking)
    return {"messages": answer["messages"]}


def _check_none_is_true(conn: Connection, row: Mapping[str, Any]) -> None:
    if row["release_state"] not in (ReleaseState.HELD, ReleaseState.REJECTED) or row["isolate"]:
        what = "of a culture" if row["isolate"] else row["release_state"]
        raise CommandRefused(
            f"result {row['id']} is {what}: nothing can be said of it to the LIS",
            what_to_do="Reject it with --nothing-more.",
        )
    earlier = released_before(conn, row)
    if earlier is not None:
        raise CommandRefused(
            f"the LIS has a result of this test: {earlier.result_id}",
            what_to_do="Reject this one with --nothing-more; if the other is wrong, withdraw it.",
        )


def comment(conn: Connection, ids: Sequence[int], text: str, asking: Asking) -> dict[str, Any]:
    """Add a remark. Held results keep it until they go; of a released one a corrected report goes out with it.

    Answers `commented` (ids, of the new versions too) and `messages`. Raises CommandRefused; then nothing is changed.
    """
    said = f"{_remark(text)} ({asking.author})"
    rows = release.existing(conn, ids)
    for row in rows:
        _check_can_be_commented(row)
        edit.check_has_no_version(conn, row["id"])
        edit.check_is_last(conn, row)
    held = {row["id"]: row for row in rows if row["release_state"] != ReleaseState.RELEASED}
    codes.give(conn, {one: {"comments": with_comment(row, said)} for one, row in held.items()})
    versions = [_commented(row, said, asking.setup) for row in rows if row["id"] not in held]
    messages: list[int] = []
    made = results.save(conn, versions)
    if made:
        messages = release.release(conn, made, asking)["messages"]
    detail = {"ids": list(ids), "versions": made, "text": text}
    subject = f"results {', '.join(map(str, [*ids, *made]))}"
    audit.append(
        conn, audit.AuditEntry(asking.author, "results.comment", subject, asking.now, detail)
    )
    return {"commented": [*ids, *made], "messages": messages}


def _commented(row: Mapping[str, Any], said: str, setup: Setup) -> dict[str, Any]:
    return version_of(row, {"comments": with_comment(row, said), "findings": None}, setup)


def _check_can_be_commented(row: Mapping[str, Any]) -> None:
    is_sent = row["release_state"] == ReleaseState.RELEASED
    if row["sample_role"] != SampleRole.PATIENT or not (
        is_sent or row["release_state"] == ReleaseState.HELD
    ):
        raise CommandRefused(
            f"result {row['id']} is {row['release_state']}: nobody would read the remark",
            what_to_do="Name results of patients that are held or released.",
        )
    if is_sent and (row["isolate"] or not row["verifier"]):
        why = "of a culture" if row["isolate"] else "sent unverified: the LIS verifies it"
        raise CommandRefused(
            f"result {row['id']} is {why}", what_to_do="Write the remark in the LIS."
        )


def _remark(text: str) -> str:
    said = " ".join(text.split())
    if not said or len(said) > LONGEST_REMARK or not said.isprintable():
        raise CommandRefused(
            f"a remark has 1 to {LONGEST_REMARK} printable letters",
            what_to_do="Write it again, shorter.",
        )
    return said
