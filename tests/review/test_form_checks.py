"""May this value be reported? What is not explained, not final or not believable waits for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from middleware.model import MeasuredTime, ResultStatus, ResultValue, ValueKind
from middleware.review.checks import NamedCheck, in_order, run
from middleware.review.context import SampleIdRules, context_of
from middleware.review.times import DAY_S, TimeRules
from tests.kit.made_setups import RECEIVED_AT, made_result


def codes(result, *others) -> list[str]:
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result, *others))
    return [finding.code for finding in run(result, context)]


def test_an_unexplained_value_is_held_with_its_reason() -> None:
    """A masked number is never guessed; the technologist reads why."""
    value = ResultValue(kind=ValueKind.UNEXPLAINED, raw="*54*", reason="masked by the analyzer")
    result = made_result(value=value)
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result,))
    (finding,) = run(result, context)
    assert finding.code == "unexplained_value"
    assert "masked by the analyzer" in finding.text


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ResultStatus.FINAL, []),
        (ResultStatus.PRELIMINARY, []),
        (ResultStatus.QUESTIONABLE, ["questionable_status"]),
        (ResultStatus.UNKNOWN, ["unknown_status"]),
        (ResultStatus.CORRECTED, ["corrected_by_analyzer"]),
        (ResultStatus.PENDING, ["pending"]),
        (ResultStatus.PARTIAL, ["partial"]),
        (ResultStatus.WITHDRAWN, ["withdrawn_by_analyzer"]),
        (ResultStatus.CANNOT_OBTAIN, []),
    ],
)
def test_each_status_goes_or_waits(status: ResultStatus, expected: list[str]) -> None:
    """Every status of the model has its answer; a correction is never released by itself."""
    assert codes(made_result(status=status)) == expected


def test_a_final_result_without_value_is_held() -> None:
    """Nothing was measured, and nobody said so."""
    absent = ResultValue(kind=ValueKind.ABSENT, raw="")
    assert codes(made_result(value=absent)) == ["no_value"]
    assert codes(made_result(value=absent, status=ResultStatus.CANNOT_OBTAIN)) == []


@pytest.mark.parametrize("mark", ["unreadable", "ambiguous", "implausible"])
def test_a_doubtful_time_is_held(mark: str) -> None:
    """A wrong time puts results into the wrong order."""
    assert codes(made_result(measured=MeasuredTime(text="?", mark=mark))) == [
        f"measured_time_{mark}"
    ]


def measured(**ago: float) -> MeasuredTime:
    return MeasuredTime(text="x", at=datetime.fromtimestamp(RECEIVED_AT, UTC) - timedelta(**ago))


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        ({"seconds": -119}, []),
        ({"seconds": -121}, ["measured_time_implausible"]),
        ({"hours": 14}, []),
        ({"days": 7300}, []),
        ({"days": 7310}, ["measured_time_implausible"]),
    ],
)
def test_a_time_that_cannot_be_is_held(ago: dict[str, float], expected: list[str]) -> None:
    """A little drift is forgiven; the future is not, nor the year in which a clock without battery begins."""
    assert codes(made_result(measured=measured(**ago))) == expected


def test_how_far_a_time_may_be_off_is_the_lines_own() -> None:
    """A site that knows its analyzer is stricter, or more patient."""
    rules = TimeRules(ahead_s=3600, oldest_s=30 * DAY_S)
    kept = {}
    for days in (-1.0, -0.04, 29.0, 31.0):
        result = made_result(measured=measured(days=days))
        context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result,), rules)
        kept[days] = [finding.text for finding in run(result, context)]
    assert [bool(texts) for texts in kept.values()] == [True, False, False, True]
    assert "lies 24 hours in the future" in kept[-1.0][0]
    assert "is 31 days old" in kept[31.0][0]


def test_an_absent_time_is_no_fault() -> None:
    """Many analyzers send none."""
    assert codes(made_result(measured=MeasuredTime(mark="absent"))) == []


def test_a_dilution_that_nobody_declared_is_held() -> None:
    """Whether the value counts the dilution already is a factor between right and wrong."""
    assert codes(made_result(dilution_factor=Decimal(5))) == ["undeclared_dilution"]
    assert codes(made_result(dilution_factor=Decimal("1.0"))) == []


@pytest.mark.parametrize("rule", ["dilution_applied", "range,dilution_multiplied"])
def test_a_dilution_that_the_profile_declares_is_no_reason_to_hold(rule: str) -> None:
    """The value says which rule counts it."""
    value = ResultValue(kind=ValueKind.NUMBER, raw="5.4", number=Decimal(54), rule=rule)
    assert codes(made_result(value=value, dilution_factor=Decimal(10))) == []


def test_without_a_value_there_is_nothing_to_multiply() -> None:
    """Nothing was obtained, diluted or not."""
    absent = ResultValue(kind=ValueKind.ABSENT, raw="")
    result = made_result(
        value=absent, status=ResultStatus.CANNOT_OBTAIN, dilution_factor=Decimal(10)
    )
    assert codes(result) == []


def test_a_result_that_the_analyzer_flags_is_held_with_the_flag_named() -> None:
    """Haemolysis, a clot, an expired reagent: the analyzer said so, and nobody would have read it."""
    result = made_result(instrument_flags=("HEM", "CLOT"))
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result,))
    (finding,) = run(result, context)
    assert finding.code == "instrument_flags"
    assert "'HEM', 'CLOT'" in finding.text
    harmless = replace(context, harmless_flags=frozenset({"HEM"}))
    (finding,) = run(result, harmless)
    assert "'HEM'" not in finding.text
    assert run(result, replace(context, harmless_flags=frozenset({"HEM", "CLOT"}))) == ()


def test_a_flood_of_flags_is_told_shortly() -> None:
    """A finding is a sentence."""
    result = made_result(instrument_flags=tuple(f"{n}" * 500 for n in range(50)))
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result,))
    (finding,) = run(result, context)
    assert "and 45 more" in finding.text
    assert len(finding.text) < 1000


def test_several_runs_in_one_message_are_all_held() -> None:
    """The newest is not automatically the one that counts; a test measured once goes its way."""
    runs = [made_result(run=number, value=value) for number, value in ((1, "5.4"), (2, "5.6"))]
    single = made_result(test="NA")
    assert [
        codes(one, *[o for o in (*runs, single) if o is not one]) for one in (*runs, single)
    ] == [
        ["several_runs"],
        ["several_runs"],
        [],
    ]


def test_all_findings_are_kept_and_in_order() -> None:
    """A person sees every reason at once."""
    result = made_result("NOREAD", status=ResultStatus.UNKNOWN, dilution_factor=Decimal(2))
    assert codes(result) == ["placeholder_sample_id", "unknown_status", "undeclared_dilution"]


def test_two_checks_with_one_name_are_a_mistake() -> None:
    """A verdict must name one rule."""
    twice = [NamedCheck("same", 1, lambda _r, _c: None), NamedCheck("same", 2, lambda _r, _c: None)]
    with pytest.raises(ValueError, match="same"):
        in_order(twice)
