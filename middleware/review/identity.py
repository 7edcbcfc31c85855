"""Checks of identity: may this result be tied to a specimen and a patient at all (DESIGN promise 2)?"""

from __future__ import annotations

import re

from middleware.model import Finding, Result, VerdictKind
from middleware.review.context import LONGEST_SAMPLE_ID, ReviewContext, compiled

_PLACEHOLDER = re.compile(
    r"[0?*\-_.#@\s]+|N[/.]?A\.?|NOT?[ _-]?(READ|ID|CODE|BARCODE|LABEL|SAMPLE([ _-]?ID)?)|NOREAD\d*|"
    r"ERR(OR)?(\d+|[:_ -].*)?|UNKNOWN|UNIDENTIFIED|UNDEFINED|UNREAD(ABLE)?|NONE|NULL|NAN|X{4,}|"
    r"INVALID([ _-]?(ID|BARCODE))?|(BARCODE|READ|BCR|BC|ID)[ _-]?(ERR|ERROR|FAIL|FAILED)",
    re.IGNORECASE,
)
"""What analyzers and barcode readers write when they read nothing."""

_UNDECODABLE = re.compile(r"<x[0-9A-F]{2}>")  # as middleware.wire.decoding marks a byte


def is_placeholder(sample_id: str) -> bool:
    """Analyzers and barcode readers write this when they read nothing: it names no tube."""
    return _PLACEHOLDER.fullmatch(sample_id.strip()) is not None


def _hold(code: str, text: str) -> Finding:
    return Finding(check="identity", code=code, verdict=VerdictKind.HOLD, text=text)


def sample_id_is_there(result: Result, _context: ReviewContext) -> Finding | None:
    """A result without a sample id, or with a placeholder, belongs to nobody."""
    sample_id = result.specimen.sample_id
    if not sample_id.strip():
        return _hold(
            "no_sample_id",
            "The analyzer sent no sample id, so nothing says whose result this is. "
            "Find the tube by its position and time, and enter the result by hand or measure it again.",
        )
    # Nearly every true id fails the cheap half of this test, so the expression seldom runs.
    if (
        sample_id[0] in "0?*-_.#@ NnEeUuBbRrXxIi" or len(sample_id) <= 1
    ) and _PLACEHOLDER.fullmatch(sample_id.strip()):
        return _hold(
            "placeholder_sample_id",
            f"The sample id {sample_id!r} is a placeholder: the analyzer did not read the barcode. "
            "Find the tube, and enter the result by hand or measure it again with a readable label.",
        )
    return None


def sample_id_is_well_formed(result: Result, context: ReviewContext) -> Finding | None:
    """A damaged or foreign sample id may be another patient's."""
    sample_id = result.specimen.sample_id
    if not sample_id:
        return None
    if not sample_id.isprintable() or _UNDECODABLE.search(sample_id):
        return _hold(
            "unprintable_sample_id",
            "The sample id holds characters that cannot be printed, so it was damaged on its way. "
            "Compare it with the tube's label.",
        )
    if len(sample_id) > LONGEST_SAMPLE_ID:
        return _hold(
            "sample_id_too_long",
            f"The sample id has {len(sample_id)} characters, more than any label carries "
            f"({LONGEST_SAMPLE_ID}). Compare it with the tube's label.",
        )
    return _breaks_the_lines_rules(sample_id, context)


def _breaks_the_lines_rules(sample_id: str, context: ReviewContext) -> Finding | None:
    rules = context.sample_ids
    if not rules.min_length <= len(sample_id) <= rules.max_length:
        return _hold(
            "sample_id_length",
            f"The sample id has {len(sample_id)} characters; this line's have {rules.min_length} to "
            f"{rules.max_length}. Compare it with the tube's label.",
        )
    if rules.pattern is not None and compiled(rules.pattern).fullmatch(sample_id) is None:
        return _hold(
            "sample_id_pattern",
            "The sample id does not look like this laboratory's (the line's sample_id_pattern). "
            "Compare it with the tube's label.",
        )
    return None


def check_digit_is_right(result: Result, context: ReviewContext) -> Finding | None:
    """A wrong check digit means that the label was misread: the id may be another tube's."""
    if not context.misread or result.specimen.sample_id not in context.misread:
        return None
    return _hold(
        "wrong_check_digit",
        f"The check digit of the sample id {result.specimen.sample_id!r} is wrong, so it was misread or typed wrong. "
        "Compare it with the tube's label; see `sample_ids` of the line if all ids are held so.",
    )


def sample_id_is_beyond_doubt(result: Result, _context: ReviewContext) -> Finding | None:
    """The driver read an id beside which another could be the true one: it must not guess whose result this is."""
    doubt = result.specimen.sample_id_doubt
    if not doubt:
        return None
    return _hold(
        "doubtful_sample_id",
        f"The sample id {result.specimen.sample_id!r} may be another number of the analyzer's: {doubt}. "
        "Compare it with the tube's label; a driver written for this analyzer settles it for good.",
    )


def specimen_is_no_control(result: Result, context: ReviewContext) -> Finding | None:
    """A control that only its name tells is never sent on without a person."""
    mark = context.control_marks.get(result.specimen.sample_id) if context.control_marks else None
    if mark is None:
        return None
    return _hold(
        "looks_like_a_control",
        f"{mark!r} names a control and not a patient's specimen, though nothing else says so. "
        "Reject it if it is one; set the line's sample_id_pattern if patients' tubes are named so.",
    )


def patient_is_one(result: Result, context: ReviewContext) -> Finding | None:
    """Two patients for one sample id: one of them would get the other's results."""
    if not context.contradicted:
        return None
    difference = context.contradicted.get(result.specimen.sample_id)
    if difference is None:
        return None
    return _hold(
        "patients_contradict",
        f"The message gives different {difference} for this sample id, so the whole specimen is held. "
        "Find out whose tube it is before anything is released.",
    )


DOWNTIME = "downtime_sample_id"
"""The code of the finding that a person ends by joining the id to a real one."""


def sample_id_is_no_downtime_id(result: Result, context: ReviewContext) -> Finding | None:
    """A label of a downtime names a tube on paper only, until a person joins it to the real one."""
    prefix, sample_id = context.downtime_prefix, result.specimen.sample_id
    if not prefix or not sample_id.startswith(prefix):
        return None
    return _hold(
        DOWNTIME,
        f"The sample id {sample_id!r} is a label of a downtime. "
        "When the tube has its order, join both: `labwire specimens join`.",
    )
