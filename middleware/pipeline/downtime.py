"""A label of a downtime is joined to the real sample id by a person: its results get that id, and wait for a release.

Re-runnable jobs of one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from middleware.model import Finding, ReleaseState, SampleRole, VerdictKind
from middleware.pipeline import whose
from middleware.pipeline.anew import findings_of
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.decision import findings_json
from middleware.review.identity import DOWNTIME
from middleware.review.repetition import Earlier, duplicate_finding, fingerprint, specimen_hash
from middleware.review.times import DAY_S
from middleware.store import audit, codes, results, tubes
from middleware.store.connection import Connection


def join(conn: Connection, label: str, sample_id: str, asking: Asking) -> dict[str, Any]:
    """Give the held results of a downtime's `label` the sample id of a tube in use. Answers `joined` (ids, held) and
    `repeated` (ids that say what is known of the tube already). Raises CommandRefused; then nothing is changed.
    """
    _check(conn, label, sample_id, asking)
    runs = results.runs_of_samples(conn, [label, sample_id])
    known = {bytes(run.fingerprint): run for run in runs.get(sample_id, [])}
    rows = results.by_ids(conn, [run.result_id for run in runs.get(label, [])])
    changes: dict[int, dict[str, Any]] = {}
    for row in rows:
        if _waits(row, asking):
            columns = _under_its_id(row, label, sample_id, asking)
            same = known.get(columns["fingerprint"])
            if same is not None:
                earlier = Earlier(same.result_id, same.journal_id)
                columns |= _repeated(row, earlier)
            changes[row["id"]] = columns
    _check_whose(conn, [row | changes[row["id"]] for row in rows if row["id"] in changes])
    if not changes:
        raise CommandRefused(
            f"no result is held under {label!r}",
            what_to_do="Write the label as `labwire results list --state held` shows it.",
        )
    codes.give(conn, changes)
    repeated = [one for one, columns in changes.items() if "duplicate_of" in columns]
    answer = {"joined": [one for one in changes if one not in repeated], "repeated": repeated}
    detail = {**answer, "label": label, "sample_id": sample_id, "reason": asking.reason}
    subject = f"specimens {label}, {sample_id}"
    audit.append(
        conn, audit.AuditEntry(asking.author, "specimens.join", subject, asking.now, detail)
    )
    return answer


def _waits(row: Mapping[str, Any], asking: Asking) -> bool:
    """Labels of an earlier downtime come again: what was held so long ago is of another tube."""
    since = asking.now - asking.setup.node.orders_keep_days * DAY_S
    if row["sample_role"] != SampleRole.PATIENT or row["received_at"] < since:
        return False
    return bool(row["release_state"] == ReleaseState.HELD)


def _under_its_id(
    row: Mapping[str, Any], label: str, sample_id: str, asking: Asking
) -> dict[str, Any]:
    finding = Finding(
        check="identity",
        code="joined",
        verdict=VerdictKind.HOLD,
        text=f"{asking.author} joined it from the label {label} to {sample_id}. Compare both labels, then release it.",
    )
    kept = [one for one in findings_of(row) if one.code != DOWNTIME]
    columns = {
        "sample_id": sample_id,
        "instrument_sample_id": row["instrument_sample_id"] or label,
        "findings": findings_json((*kept, finding)),
    }
    made = {**row, **columns}
    return columns | {"fingerprint": fingerprint(specimen_hash(made), made)}


def _repeated(row: Mapping[str, Any], earlier: Earlier) -> dict[str, Any]:
    kept = [one for one in findings_of(row) if one.code != DOWNTIME]
    return {
        "release_state": ReleaseState.DUPLICATE.value,
        "duplicate_of": earlier.result_id,
        "findings": findings_json((*kept, duplicate_finding(earlier))),
    }


def _check_whose(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raises CommandRefused when the analyzer says that one of them is another patient's than the order says."""
    alike = tubes.alike(conn, {row["sample_id"] for row in rows}) if rows else {}
    for sample_id, found in whose.contradictions(conn, rows, alike).items():
        raise CommandRefused(
            f"the results are not of the patient of {sample_id}: {found.text}",
            what_to_do="Compare both labels with the patient, and join the label to the right tube.",
        )


def _check(conn: Connection, label: str, sample_id: str, asking: Asking) -> None:
    prefix = asking.setup.review.downtime_prefix
    if not prefix or not label.startswith(prefix) or sample_id.startswith(prefix):
        raise CommandRefused(
            f"only a label of a downtime can be joined to a real id (downtime_prefix is {prefix!r})",
            what_to_do="Another label of a tube is told by `labwire orders relabel`.",
        )
    if not asking.reason.strip():
        raise CommandRefused("that needs a reason", what_to_do="Say why with --reason.")
    alike = tubes.of_id(tubes.alike(conn, [sample_id]), sample_id)
    in_use = {one.id for one in alike if one.used_until is None and one.sample_id == sample_id}
    if len(in_use) != 1 or len({one.id for one in alike if one.used_until is None}) != 1:
        found = "several tubes are" if in_use else "no tube is"
        raise CommandRefused(
            f"{found} in use under {sample_id!r} or an id like it",
            what_to_do="Let the LIS send the order first, and write its sample id exactly.",
        )
