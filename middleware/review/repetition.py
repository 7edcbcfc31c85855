"""When is a result a repetition, and when a further run (DESIGN 8.6)? The fingerprint, and the
judgement over what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

from middleware.model import Finding, VerdictKind

FINGERPRINT_BYTES = 16
"""128 bits: two of a billion results collide by chance with a probability below 1e-20."""

_SEPARATOR = "\x1f"


class Earlier(NamedTuple):
    """An earlier result that may be repeated, or followed by a further run."""

    result_id: int
    journal_id: int
    duplicate_of: int | None = None
    version: int = 1
    is_withdrawn: bool = False


class Relation(StrEnum):
    """How a new result stands to the earlier ones."""

    NEW = "new"
    DUPLICATE = "duplicate"
    FURTHER = (
        "further"  # the same test of the same specimen was released before, and this one differs
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """`earlier` is the result that is repeated or followed."""

    relation: Relation
    earlier: Earlier | None = None


NEW = Judgement(Relation.NEW)


# Everything that the analyzer said of a result, as columns of the results table. Comments and
# instrument flags are among
# it: a resend that says more or less is never swallowed (promise 2). Where the tube stood is not.
_SAID_OF_SPECIMEN = (
    "line",
    "sample_id",
    "sample_role",
    "patient_id",
    "patient_authority",
    "patient_name",
    "birth_date",
    "sex",
)
_SAID_OF_RESULT = (
    "module",
    "test_code",
    "test_detail",
    "measured_text",
    "value_kind",
    "value_raw",
    "value_number",
    "value_upper",
    "comparator",
    "value_text",
    "unit",
    "reference_range",
    "abnormal_flags",
    "abnormal_flags_raw",
    "instrument_flags",
    "comments",
    "result_status",
    "status_raw",
    "dilution_factor",
)
_of_specimen = itemgetter(*_SAID_OF_SPECIMEN)
_of_result = itemgetter(*_SAID_OF_RESULT)


def specimen_hash(row: Mapping[str, Any]) -> blake2b:
    """What all results of one specimen on one line share, hashed once: every `fingerprint` of them goes on from it."""
    whole = blake2b(_joined(_of_specimen(row)), digest_size=FINGERPRINT_BYTES)
    lot, level = row.get("control_lot"), row.get("control_level")
    if lot or level:  # only then: a patient's results are found again after an upgrade
        whole.update(_joined((lot, level)))
    return blake2b(whole.digest(), digest_size=FINGERPRINT_BYTES)


def fingerprint(begun: blake2b, row: Mapping[str, Any]) -> bytes:
    """Equal exactly when line, specimen, test, run, measured time and everything said of the value are equal.

    `row` is a row of the results table (column name -> value), `begun` its specimen's.
    """
    whole = begun.copy()
    whole.update(b"%d" % row["run"])
    whole.update(_joined(_of_result(row)))
    isolate = row.get("isolate")
    if isolate:  # the same susceptibility of what is called another organism now is no repetition
        whole.update(_joined((isolate,)))
    return whole.digest()


def _joined(said: Sequence[str | None]) -> bytes:
    """The texts, each after a separator."""
    parts = [part or "" for part in said]
    text = _SEPARATOR + _SEPARATOR.join(parts)
    if text.count(_SEPARATOR) > len(parts):  # a field holds the separator: say it unambiguously
        text = _SEPARATOR + repr(["", *parts])
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Occasion:
    """The message that the new result came with. `previous` tells, only when asked, the line's previous message: its
    journal id, and whether our acknowledgement of it is known to have arrived (None: there is none)."""

    journal_id: int
    has_time: bool
    previous: Callable[[], tuple[int, bool] | None]


def judge(alike: Sequence[Earlier], released: Iterable[Earlier], occasion: Occasion) -> Judgement:
    """Judge one new result. `alike` have its fingerprint; `released` are of the same specimen, test and detail."""
    for earlier in alike:
        if earlier.duplicate_of is None and _is_repeated(earlier, occasion):
            return Judgement(Relation.DUPLICATE, earlier)
    last = max(released, key=lambda one: one.result_id, default=None)
    return NEW if last is None else Judgement(Relation.FURTHER, last)


def _is_repeated(earlier: Earlier, occasion: Occasion) -> bool:
    if occasion.has_time or earlier.journal_id == occasion.journal_id:
        return True
    previous = occasion.previous()
    return previous is not None and previous[0] == earlier.journal_id and not previous[1]


def further_finding(earlier: Earlier) -> Finding:
    """Why a further run waits for a person."""
    if earlier.is_withdrawn:
        return Finding(
            check="repetition",
            code="says_again_what_was_withdrawn",
            verdict=VerdictKind.HOLD,
            text=f"This says the same as result {earlier.result_id}, which a person withdrew. "
            "Release it only if it was measured again, else reject it.",
        )
    return Finding(
        check="repetition",
        code="further_run_after_release",
        verdict=VerdictKind.HOLD,
        text=f"This test of this specimen was released before (result {earlier.result_id}), "
        "and this one differs. Compare both: release this one to correct the report, or reject it.",
    )


def duplicate_finding(earlier: Earlier) -> Finding:
    """Why a repetition is not sent."""
    return Finding(
        check="repetition",
        code="duplicate",
        verdict=VerdictKind.HOLD,
        text=f"This repeats result {earlier.result_id} in every field, so it is kept and not sent again.",
    )
