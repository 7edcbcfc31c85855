"""What people decide about tubes and patients: another label, a change that was seen, earlier results of a file.

Each is a re-runnable job of one transaction, audited in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from middleware.model import ChangeKind, EarlierResult
from middleware.pipeline import changed
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.changed import Occasion
from middleware.pipeline.patients import is_sound
from middleware.review.context import LONGEST_SAMPLE_ID
from middleware.review.identity import is_placeholder
from middleware.store import audit, patient_changes, prior_results, relabel
from middleware.store.audit import AuditEntry
from middleware.store.connection import Connection
from middleware.store.prior_results import Origin
from middleware.store.steps import Change

MOST_LOADED = 1000
"""Earlier results in one command; a file is loaded in several."""

LONGEST_NAME = 200


def label_anew(conn: Connection, old: str, new: str, source: str, asking: Asking) -> dict[str, Any]:
    """Give the tube `old` the sample id `new`, and look again at its results.

    Answers `lines` whose analyzers have work under the former id, `held` and `delivered` (result ids). Raises
    CommandRefused; then nothing was changed.
    """
    if not asking.reason:
        raise CommandRefused("a new label needs a reason", what_to_do="Give --reason.")
    if len(new) > LONGEST_SAMPLE_ID or not new.isprintable() or is_placeholder(new):
        raise CommandRefused(
            "the new sample id is a placeholder, damaged or too long",
            what_to_do="Read it from the new label.",
        )
    change = Change(asking.author, asking.now, asking.reason)
    try:
        done = relabel.relabel(conn, old, new, change, source)
    except relabel.CannotRelabel as error:
        raise CommandRefused(str(error), what_to_do=error.what_to_do) from error
    occasion = Occasion(asking.author, asking.now, f"{old} became {new}: {asking.reason}")
    looked = changed.look_again(conn, ChangeKind.RELABELLED, [done.specimen_id], occasion)
    answer = {
        "lines": list(done.lines),
        "held": list(looked.held),
        "delivered": list(looked.delivered),
    }
    detail = {"old": old, "new": new, "reason": asking.reason, **answer}
    subject = f"specimen {done.specimen_id}"
    audit.append(conn, AuditEntry(asking.author, "orders.relabel", subject, asking.now, detail))
    return answer


def seen(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """A person has looked at these changes. Answers `seen` (ids). Raises CommandRefused when one is not open."""
    done = patient_changes.see(conn, ids, asking.author, asking.reason, asking.now)
    left = [one for one in ids if one not in done]
    if left:
        raise CommandRefused(
            f"there is no open change {left[0]}",
            what_to_do="See `labwire patients changes`; nothing was changed.",
        )
    return {"seen": done}


def load_earlier(
    conn: Connection, rows: Sequence[Mapping[str, Any]], origin: Origin, asking: Asking
) -> dict[str, Any]:
    """Keep earlier results (`EarlierResult` as JSON). Answers `new` and `known` (counts). Raises CommandRefused."""
    if not 0 < len(rows) <= MOST_LOADED or not origin.source or len(origin.source) > LONGEST_NAME:
        raise CommandRefused(
            f"1 to {MOST_LOADED} results and a source are needed", what_to_do="Send fewer at once."
        )
    try:
        found = [EarlierResult.model_validate(row) for row in rows]
    except ValidationError:
        raise CommandRefused(
            "one of the results is no earlier result", what_to_do="Use `labwire prior load`."
        ) from None  # its text would quote the patient
    if not all(is_sound(one) for one in found):
        raise CommandRefused(
            "one of the results has a text that is damaged or too long",
            what_to_do="Mend the file, and load it again.",
        )
    new = prior_results.save(conn, found, origin, asking.now)
    detail = {"source": origin.source, "order_source": origin.order_source, "new": new}
    detail["reason"] = asking.reason
    audit.append(conn, AuditEntry(asking.author, "prior.load", origin.source, asking.now, detail))
    return {"new": new, "known": len(found) - new}
