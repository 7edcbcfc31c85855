"""What checks may know beside the result itself: the line's rules and what the whole message shows.
Built once a message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from middleware.model import Patient, Result, SampleRole, Specimen
from middleware.review.control_names import control_mark
from middleware.review.times import BY_DEFAULT, TimeRules

LONGEST_SAMPLE_ID = 64
"""Longer than any barcode symbology that tubes carry; a longer one is two fields run together."""


@dataclass(frozen=True, slots=True)
class SampleIdRules:
    """How a sample id of one line must look. `pattern` is a regular expression for the whole id, or None."""

    pattern: str | None = None
    min_length: int = 1
    max_length: int = LONGEST_SAMPLE_ID


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """One message as the checks see it.

    `received_at` is seconds since 1970 UTC. `contradicted` names the sample ids to which the
    message gives contradicting
    patients, with the words for the technologist. `repeated` counts the results of one test and detail on one specimen
    where there are several.
    `control_marks` gives for a sample id the text that names a control, where one does. `times` says how far from
    `received_at` a result may have been measured. `is_for_reporting`: the driver's profile does not say otherwise.
    `harmless_flags`: the analyzer's own flags of which the profile says that they change nothing.
    `misread`: the sample ids whose check digit is wrong. `downtime_prefix`: what labels of a downtime begin with
    (empty: there are none).
    """

    line: str
    received_at: float
    sample_ids: SampleIdRules = SampleIdRules()
    contradicted: Mapping[str, str] = field(default_factory=dict)
    repeated: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    control_marks: Mapping[str, str] = field(default_factory=dict)
    times: TimeRules = BY_DEFAULT
    is_for_reporting: bool = True
    harmless_flags: frozenset[str] = frozenset()
    misread: frozenset[str] = frozenset()
    downtime_prefix: str = ""


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once."""
    return re.compile(pattern)


def context_of(
    line: str,
    received_at: float,
    sample_ids: SampleIdRules,
    results: Iterable[Result],
    times: TimeRules = BY_DEFAULT,
) -> ReviewContext:
    """Look over the whole message once."""
    patients = [result for result in results if result.specimen.role is SampleRole.PATIENT]
    return ReviewContext(
        line,
        received_at,
        sample_ids,
        _contradicted(patients),
        _repeated(patients),
        _control_marks(patients, sample_ids),
        times,
    )


def _repeated(results: Sequence[Result]) -> dict[tuple[str, str, str], int]:
    tests = [(one.specimen.sample_id, one.test_code, one.test_detail) for one in results]
    if len(set(tests)) == len(tests):
        return {}
    return {test: count for test, count in Counter(tests).items() if count > 1}


def _control_marks(results: Iterable[Result], rules: SampleIdRules) -> dict[str, str]:
    found: dict[str, str] = {}
    seen: Specimen | None = None
    for result in results:
        specimen = result.specimen
        if specimen is seen:
            continue
        seen = specimen
        is_declared = rules.pattern is not None and bool(
            compiled(rules.pattern).fullmatch(specimen.sample_id)
        )
        mark = control_mark(specimen, is_patients_id=is_declared)
        if mark:
            found.setdefault(specimen.sample_id, mark)
    return found


def _contradicted(results: Iterable[Result]) -> dict[str, str]:
    known: dict[str, list[Patient]] = {}
    found: dict[str, str] = {}
    seen: Specimen | None = None
    for result in results:
        specimen = result.specimen
        if specimen is seen or specimen.patient is None or not specimen.sample_id:
            continue
        seen = specimen
        patients = known.setdefault(specimen.sample_id, [])
        if specimen.patient in patients:
            continue
        # With each of them: one that says little contradicts nobody, and must not stand for all.
        for patient in patients:
            difference = _difference(patient, specimen.patient)
            if difference:
                found[specimen.sample_id] = difference
        patients.append(specimen.patient)
    return found


def _difference(one: Patient, other: Patient) -> str:
    """In what two patients differ ("" when nothing that both carry differs)."""
    if one is other:
        return ""
    for identifier in one.identifiers:
        others = {peer.id for peer in other.identifiers if peer.authority == identifier.authority}
        if others and identifier.id not in others:
            return "patient ids"
    if one.birth_date and other.birth_date and one.birth_date != other.birth_date:
        return "birth dates"
    if one.name and other.name and _plain(one.name) != _plain(other.name):
        return "names"
    return ""


def _plain(name: str) -> str:
    return " ".join(name.replace("^", " ").casefold().split())
