"""A value that a person corrects: the measured result stays as it is, and a new version of it waits to be released.

The version names the result that it corrects (`edit_of`) and who typed it (`manual_source`). It goes out only when a
person releases it; who typed it may not where the settings ask for a second person. Re-runnable jobs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from middleware.model import (
    AbnormalFlag,
    Finding,
    ReleaseState,
    ResultStatus,
    SampleRole,
    VerdictKind,
)
from middleware.pipeline.anew import findings_of, released_before
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.decision import findings_json
from middleware.pipeline.typed import Typed, columns_of, value_of
from middleware.pipeline.version import version_of, with_comment
from middleware.review.people import ReviewSettings, SecondPerson
from middleware.review.repetition import Earlier
from middleware.store import audit, results
from middleware.store.connection import Connection

CHECK = "edit"
_MAY_BE_EDITED = (ReleaseState.HELD, ReleaseState.RELEASED)
_CRITICAL_RULE = "rules.critical"
_CRITICAL = frozenset({AbnormalFlag.CRITICAL_LOW, AbnormalFlag.CRITICAL_HIGH})


def edit(conn: Connection, result_id: int, typed: Typed, asking: Asking) -> dict[str, Any]:
    """Correct the value of a result. Answers `edited`: the id of the new version, which is held.

    Raises CommandRefused; then nothing is changed.
    """
    row = _original(conn, result_id)
    if not asking.reason.strip():
        raise CommandRefused(
            "a corrected value needs a reason", what_to_do="Say with --reason why it was wrong."
        )
    unit = row["unit"] if typed.unit is None else typed.unit.strip()
    value = value_of(typed, unit, row["line"], asking.setup)
    columns = columns_of(value, unit, row["unit"], row["unit_ucum"])
    if _is_same(row, columns):
        raise CommandRefused(
            f"result {result_id} says that already", what_to_do="Type the value that is right."
        )
    is_of_two = _needs_second(conn, row, asking.setup.review)
    version = _version(row, columns, asking, is_of_two=is_of_two)
    (number,) = results.save(conn, [version])
    if row["release_state"] == ReleaseState.HELD:
        found = (*findings_of(row), _waits_finding(number, asking.author))
        results.give_findings(conn, {result_id: findings_json(found) or "[]"})
    detail = {
        "of": result_id,
        "edited": number,
        "was": f"{row['value_raw']} {row['unit']}".strip(),
        "is": f"{version['value_raw']} {unit}".strip(),
        "reason": asking.reason,
    }
    subject = f"results {result_id}, {number}"
    audit.append(
        conn, audit.AuditEntry(asking.author, "results.edited", subject, asking.now, detail)
    )
    return {"edited": number}


def check_release(conn: Connection, rows: Sequence[Mapping[str, Any]], asking: Asking) -> None:
    """Whether these may go: typed values by this author, and no result whose corrected version waits.

    Raises CommandRefused.
    """
    for row in rows:
        if row["edit_of"] is not None:
            _check_corrected(conn, row, asking)
        elif row["manual_source"]:
            _check_typed(conn, row, asking)
    waiting = _waiting_edits(conn, [row["id"] for row in rows])
    for row in waiting:
        raise CommandRefused(
            f"result {row['edit_of']} was corrected: its new version {row['id']} waits",
            what_to_do="Release or reject the new version first.",
        )


def corrects(conn: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """`supersedes` and `version` of a released row that answers no order: what went out of this test before it.

    Empty when nothing did, or when it is of a kind of which several stand side by side.
    """
    if row["edit_of"] is not None and row["identified_by"]:
        # Of a patient's number several results stand side by side: it corrects its own original, and no other.
        original = results.get(conn, row["edit_of"])
        is_out = original is not None and original["release_state"] == ReleaseState.RELEASED
        return {"supersedes": row["edit_of"] if is_out else None}
    if row["isolate"] or row["identified_by"]:
        return {}
    earlier = released_before(conn, row)
    is_version = row["edit_of"] is not None
    if earlier is None:
        is_late = is_version or row["release_state"] == ReleaseState.REJECTED
        return {"supersedes": None} if is_late else {}
    if not is_version and _is_beside(conn, row, earlier):
        return {}
    return {"supersedes": earlier.result_id, "version": max(earlier.version + 1, row["version"])}


def _is_beside(conn: Connection, row: Mapping[str, Any], earlier: Earlier) -> bool:
    """One message said both, as its runs; `earlier` is no version of the other."""
    if earlier.journal_id != row["journal_id"] or row["release_state"] != ReleaseState.HELD:
        return False
    other = results.get(conn, earlier.result_id)
    return other is not None and _first_of(conn, other)["id"] != row["id"]


def check_is_last(conn: Connection, row: Mapping[str, Any]) -> None:
    """Raises CommandRefused when a released result was corrected since: what it said must not go out once more."""
    for new in results.superseded(conn, row["sample_id"], [row["id"]]).values():
        if row["supersedes"] != new:  # else it was released again, after its correction
            raise CommandRefused(
                f"result {row['id']} was corrected since, by result {new}",
                what_to_do=f"Name result {new}: it is what the LIS has.",
            )


def check_has_no_version(conn: Connection, result_id: int) -> None:
    """Raises CommandRefused while a corrected version of the result waits: it is that which goes out."""
    for one in _waiting_edits(conn, [result_id]):
        raise CommandRefused(
            f"result {result_id} was corrected already: its new version {one['id']} waits",
            what_to_do=f"Release or reject result {one['id']} first.",
        )


def end_originals(conn: Connection, rows: Sequence[Mapping[str, Any]], asking: Asking) -> None:
    """A held result whose corrected version was just released is rejected: only one of both is ever reported."""
    for row in rows:
        if row["edit_of"] is None:
            continue
        is_none = row["result_status"] == ResultStatus.CANNOT_OBTAIN
        why = "the LIS is told that there is none" if is_none else "it was corrected"
        reason = f"{why}: result {row['id']} takes its place"
        originals = results.by_ids(conn, [row["edit_of"]])
        held = [one["id"] for one in originals if one["release_state"] == ReleaseState.HELD]
        decision = results.Decision(asking.author, reason, asking.now)
        results.decide(conn, held, ReleaseState.REJECTED, decision)


def is_critical(row: Mapping[str, Any]) -> bool:
    """The analyzer flagged it as critical (HL7 table 0078, LL and HH), or a critical limit of the rules was passed."""
    if not _CRITICAL.isdisjoint((row["abnormal_flags"] or "").split(",")):
        return True
    found = json.loads(row["findings"] or "[]") if row.get("findings") else []
    return any(one["check"].startswith(_CRITICAL_RULE) for one in found)


def same_person(one: str | None, other: str) -> bool:
    """Names are compared as people type them."""
    return (one or "").strip().casefold() == other.strip().casefold()


def _original(conn: Connection, result_id: int) -> dict[str, Any]:
    row = results.get(conn, result_id)
    if row is None:
        raise CommandRefused(
            f"there is no result {result_id}",
            what_to_do="See `labwire results list` for the ids.",
        )
    if row["sample_role"] != SampleRole.PATIENT or row["release_state"] not in _MAY_BE_EDITED:
        raise CommandRefused(
            f"result {result_id} is {row['release_state']}: only a patient's that is held or released can be corrected",
            what_to_do="Look at it with `labwire results show`.",
        )
    if row["isolate"]:
        raise CommandRefused(
            f"result {result_id} is of a culture, which goes out whole",
            what_to_do="Correct it at the analyzer and let it send the culture again.",
        )
    if row["edit_of"] is not None and row["release_state"] == ReleaseState.HELD:
        raise CommandRefused(
            f"result {result_id} is a corrected version that waits itself",
            what_to_do=f"Reject it, then correct result {row['edit_of']}.",
        )
    check_is_last(conn, row)
    check_has_no_version(conn, result_id)
    return row


def _is_same(row: Mapping[str, Any], columns: Mapping[str, Any]) -> bool:
    names = ("value_kind", "value_number", "comparator", "value_upper", "value_text", "unit")
    return all((row[name] or None) == (columns[name] or None) for name in names)


def _version(
    row: Mapping[str, Any], columns: Mapping[str, Any], asking: Asking, *, is_of_two: bool
) -> dict[str, Any]:
    """All of the original but what the value decides: its flags and, in another unit, its range. `is_of_two`: another
    person must release it."""
    changes = {
        **columns,
        "abnormal_flags": None,
        "abnormal_flags_raw": None,
        "result_status": ResultStatus.FINAL.value,
        "status_raw": None,
        "comments": _comments(row, asking),
        "is_manual": True,
        "manual_source": asking.author,
        "findings": findings_json((_finding(row, asking.author, is_of_two),)),
    }
    if columns["unit"] != row["unit"]:
        changes["reference_range"] = None
    return version_of(row, changes, asking.setup)


def _comments(row: Mapping[str, Any], asking: Asking) -> str:
    """With a remark for the LIS: what the value takes the place of, who typed it, and why."""
    said = f"{row['value_raw'].strip()} {row['unit']}".strip()
    is_reported = row["release_state"] == ReleaseState.RELEASED and row["verifier"]
    was = f"replaces the reported value {said}" if is_reported else f"the analyzer sent {said}"
    text = f"Corrected by {asking.author}: {was}. Reason: {asking.reason.strip()}"
    return with_comment(row, text)


def _finding(row: Mapping[str, Any], author: str, is_of_two: bool) -> Finding:
    said = f"{row['value_raw'].strip()} {row['unit']}".strip()
    who = "Another person" if is_of_two else "A person"
    return Finding(
        check=CHECK,
        code="corrected_by_person",
        verdict=VerdictKind.HOLD,
        text=f"{author} corrected the value of result {row['id']}, which is {said}. {who} must release or reject it.",
    )


def _waits_finding(version: int, author: str) -> Finding:
    """On the measured result: whatever else held it falls away, it does not go by itself beside its correction."""
    return Finding(
        check=CHECK,
        code="was_corrected",
        verdict=VerdictKind.HOLD,
        text=f"{author} corrected this value: result {version} is to go instead. Release or reject that one first.",
    )


def _needs_second(conn: Connection, original: Mapping[str, Any], settings: ReviewSettings) -> bool:
    """Of a correction of a correction the first result decides: typed values have no flags."""
    if settings.asks_second(SecondPerson.EDIT):
        return True
    first = _first_of(conn, original)
    if settings.asks_second(SecondPerson.MANUAL) and first["manual_source"]:
        return True
    return settings.asks_second(SecondPerson.CRITICAL) and is_critical(first)


def _first_of(conn: Connection, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result of which a version was made, however often; a version is younger than what it corrects."""
    while row["edit_of"] is not None:
        before = results.get(conn, row["edit_of"])
        if before is None:
            break
        row = before
    return row


def _check_corrected(conn: Connection, row: Mapping[str, Any], asking: Asking) -> None:
    original = results.get(conn, row["edit_of"])
    if original is None or original["release_state"] not in _MAY_BE_EDITED:
        state = "gone" if original is None else original["release_state"]
        raise CommandRefused(
            f"result {row['edit_of']}, which {row['id']} corrects, is {state} now",
            what_to_do="Reject the corrected version, or release the other one first.",
        )
    check_is_last(conn, original)
    if original["release_state"] == ReleaseState.HELD and original["is_manual"]:
        _check_goes_first(conn, original)
    is_theirs = same_person(row["manual_source"], asking.author)
    if is_theirs and _needs_second(conn, original, asking.setup.review):
        raise CommandRefused(
            f"{asking.author} typed the value of result {row['id']}: another person must release it",
            what_to_do="Ask a colleague to compare and release it (second_person of [review]).",
        )


def _check_typed(conn: Connection, row: Mapping[str, Any], asking: Asking) -> None:
    """A result that a person typed (`pipeline.manual`)."""
    is_theirs = same_person(row["manual_source"], asking.author)
    if is_theirs and asking.setup.review.asks_second(SecondPerson.MANUAL):
        raise CommandRefused(
            f"{asking.author} typed result {row['id']}: another person must release it",
            what_to_do="Ask a colleague to type it too, or to release it (second_person of [review]).",
        )
    _check_goes_first(conn, row)


def _check_goes_first(conn: Connection, row: Mapping[str, Any]) -> None:
    earlier = released_before(conn, row)
    if earlier is not None:
        raise CommandRefused(
            f"result {earlier.result_id} of the same test was released before the typed result {row['id']}",
            what_to_do="Compare both and reject the typed one; correct the other with `results edit`.",
        )


def _waiting_edits(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    found = results.edits_of(conn, ids)
    return [row for row in found if row["release_state"] == ReleaseState.HELD]
