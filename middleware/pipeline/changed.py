"""Results of tubes whose patient or label changed: what is not delivered is held again, what is delivered is listed.

Nothing that the LIS has is changed silently. All in the transaction of the change.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from middleware.model import ChangeKind, Finding, ReleaseState, VerdictKind
from middleware.store import outbox, patient_changes, results
from middleware.store.connection import Connection
from middleware.store.patient_changes import Concerned, Noted

_TEXTS = {
    ChangeKind.PATIENT: "The LIS changed the birth date or sex of this tube's patient after the result came.",
    ChangeKind.MERGED: "The LIS made this tube's patient one with another after the result came.",
    ChangeKind.RELABELLED: "This tube was labelled anew after the result came.",
}
_CURES = {
    ChangeKind.PATIENT: "Look at it again, then release or reject it: a release sends a new message.",
    ChangeKind.MERGED: "Look at it again, then release or reject it: a release sends a new message.",
    ChangeKind.RELABELLED: "Find out which tube was measured, then release or reject it. "
    "Released, it goes out under the former sample id.",
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who said so (a connector or a person), in which message, when, and why."""

    author: str
    now: float
    reason: str = ""
    journal_id: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of the results of the touched tubes: ids."""

    held: tuple[int, ...] = ()
    delivered: tuple[int, ...] = ()


def look_again(
    conn: Connection, kind: ChangeKind, specimen_ids: Sequence[int], occasion: Occasion
) -> Looked:
    """Hold what these tubes' results have not delivered, and list every tube that has results with the LIS."""
    held: list[int] = []
    delivered: list[int] = []
    for tube in patient_changes.changed_tubes(conn, specimen_ids):
        found = patient_changes.concerned(conn, tube)
        stopped = _hold(conn, kind, [one for one in found if not _is_done(one)], occasion)
        there = [one.id for one in found if one.is_delivered]
        if stopped or there:
            noted = Noted(
                kind=kind,
                tube=tube,
                held=stopped,
                delivered=there,
                author=occasion.author,
                reason=occasion.reason,
                at=occasion.now,
                journal_id=occasion.journal_id,
            )
            patient_changes.note(conn, noted)
        held += stopped
        delivered += there
    return Looked(tuple(held), tuple(delivered))


def _is_done(one: Concerned) -> bool:
    """Released, and no message of it is under way: the LIS has it, or nobody gets it."""
    return one.release_state == ReleaseState.RELEASED and not one.on_the_way


def _hold(
    conn: Connection, kind: ChangeKind, found: Sequence[Concerned], occasion: Occasion
) -> list[int]:
    """Stop the messages, hold the results, and say why on each; answers the results."""
    numbers = sorted({number for one in found for number in one.on_the_way})
    reason = _TEXTS[kind]
    if numbers:
        outbox.hold(conn, numbers, occasion.author, occasion.now, reason)
    released = [one.id for one in found if one.release_state == ReleaseState.RELEASED]
    decision = results.Decision(occasion.author, reason, occasion.now)
    results.decide(conn, released, ReleaseState.HELD, decision)
    results.give_findings(conn, {one.id: _with(one, _finding(kind)) for one in found})
    return [one.id for one in found]


def _finding(kind: ChangeKind) -> Finding:
    return Finding(
        check="identity",
        code=kind.value,
        verdict=VerdictKind.HOLD,
        text=f"{_TEXTS[kind]} {_CURES[kind]}",
    )


def _with(one: Concerned, finding: Finding) -> str:
    """Its findings and this one; said once, however often the patient changes."""
    findings = [said for said in json.loads(one.findings or "[]") if said["code"] != finding.code]
    return json.dumps([*findings, finding.model_dump(mode="json")], ensure_ascii=False)
