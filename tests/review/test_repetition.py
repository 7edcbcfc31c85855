"""A repetition is recognised, and anything different is never swallowed (DESIGN 8.6)."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import Comment, Identifier, MeasuredTime, Patient, Specimen
from middleware.review.repetition import (
    Earlier,
    Occasion,
    Relation,
    fingerprint,
    judge,
    specimen_hash,
)
from tests.kit.made_setups import made_result, made_value
from tests.kit.stored_rows import stored_row

EARLIER = Earlier(result_id=7, journal_id=3)


def mark(line: str = "chem-1", **change: Any) -> bytes:
    """The fingerprint of a result that differs from the usual one in `change`."""
    row = stored_row(made_result(**change)) | {"line": line}
    return fingerprint(specimen_hash(row), row)


def occasion(*, has_time: bool = True, previous: tuple[int, bool] | None = None) -> Occasion:
    return Occasion(journal_id=9, has_time=has_time, previous=lambda: previous)


def test_the_same_result_has_the_same_fingerprint() -> None:
    """A resend is recognised across messages."""
    assert mark() == mark()


@pytest.mark.parametrize(
    "change",
    [
        {"value": made_value("5.40")},
        {"unit": "mg/dL"},
        {"test_code": "NA"},
        {"test_detail": "urine"},
        {"run": 2},
        {"measured": MeasuredTime(text="20310304101501")},
        {"reference_range": "3.9 to 6.1"},
        {"abnormal_flags_raw": "H"},
        {"instrument_flags": ("HEMOLYSIS",)},
        {"status_raw": "C"},
        {"comments": (Comment(text="lipaemic"),)},
        {"comments": (Comment(text="a", kind="b"),)},
        {"module": "2"},
        {"specimen": Specimen(sample_id="S1002")},
        {
            "specimen": Specimen(
                sample_id="S1001", patient=Patient(identifiers=(Identifier(id="P"),))
            )
        },
    ],
    ids=str,
)
def test_any_difference_makes_another_fingerprint(change: dict[str, object]) -> None:
    """A resend that lost or gained anything is shown to a person, never dropped."""
    assert mark(**change) != mark()


def test_the_same_result_of_another_line_is_another_result() -> None:
    """Two analyzers that measure alike both count."""
    assert mark() != mark(line="chem-2")


def test_fields_cannot_be_shifted_into_each_other() -> None:
    """A separator inside a field does not make two different results equal."""
    one = mark(unit="a\x1fb", reference_range="c")
    assert one != mark(unit="a", reference_range="b\x1fc")


def test_with_a_measured_time_equality_is_enough() -> None:
    """Nothing is measured twice at the same second with the same outcome."""
    assert judge([EARLIER], [], occasion()).relation is Relation.DUPLICATE


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        ((3, False), Relation.DUPLICATE),  # our acknowledgement may not have arrived
        ((3, True), Relation.NEW),  # it did: the analyzer measured the same again
        ((4, False), Relation.NEW),  # another message lies between
        (None, Relation.NEW),
    ],
)
def test_without_time_only_an_unconfirmed_previous_message_is_repeated(
    previous: tuple[int, bool] | None, expected: Relation
) -> None:
    """A control that is negative every day is no repetition."""
    judged = judge([EARLIER], [], occasion(has_time=False, previous=previous))
    assert judged.relation is expected


def test_a_repetition_of_a_repetition_names_the_first() -> None:
    """The chain does not grow."""
    copy = Earlier(result_id=8, journal_id=4, duplicate_of=7)
    judged = judge([copy, EARLIER], [], occasion())
    assert judged.earlier is EARLIER


def test_a_further_run_after_release_follows_the_last_one() -> None:
    """It is a new version of what was reported last."""
    later = Earlier(result_id=11, journal_id=5, version=2)
    judged = judge([], [EARLIER, later], occasion())
    assert (judged.relation, judged.earlier) == (Relation.FURTHER, later)
