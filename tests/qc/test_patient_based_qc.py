"""Statistics over patients' results against worked examples, and the simulator that chooses among them."""

from __future__ import annotations

import random
import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import ResultStatus, SampleRole, Specimen
from middleware.model.codes import ValueKind
from middleware.model.result import Result, SourcePointer
from middleware.model.value import ResultValue
from middleware.qc.codes import LimitKind, PatientMethod, PatientQcStatus, Truncation
from middleware.qc.patient_based import (
    STARTED,
    PatientQcSettings,
    PatientQcState,
    baseline,
    is_usable,
    limits_now,
    patient_qc_from,
    patient_qc_text,
    prepare,
    step,
)
from middleware.qc.simulator import Goal, Plan, Shift, propose, simulate

D = Decimal
ALARM, FINE, STARTING = PatientQcStatus.ALARM, PatientQcStatus.IN_CONTROL, PatientQcStatus.STARTING


def play(settings: PatientQcSettings, values) -> list[PatientQcState]:
    qc, state, states = prepare(settings), STARTED, []
    for order, value in enumerate(values, start=1):
        state = step(qc, state, D(str(value)), order)
        states.append(state)
    return states


def ewma(weight: str, target: str, sd: str, width: str = "3") -> PatientQcSettings:
    return PatientQcSettings(
        method=PatientMethod.EWMA,
        weight=D(weight),
        target=D(target),
        sd=D(sd),
        limits=LimitKind.STANDARD_ERRORS,
        width=D(width),
    )


def bull(size: int, target: str = "90", percent: str = "3") -> PatientQcSettings:
    return PatientQcSettings(
        method=PatientMethod.BULL,
        size=size,
        target=D(target),
        limits=LimitKind.PERCENT,
        width=D(percent),
    )


def moving(method: PatientMethod, size: int, low: str, high: str, **more) -> PatientQcSettings:
    target = (D(low) + D(high)) / 2
    return PatientQcSettings(
        method=method,
        size=size,
        target=target,
        limits=LimitKind.ABSOLUTE,
        low=D(low),
        high=D(high),
        **more,
    )


def shown(number: Decimal | None, places: str = "0.0001") -> Decimal:
    assert number is not None
    return number.quantize(D(places))


def test_ewma_gives_the_check_values_of_the_fact_sheet() -> None:
    """Weight 0.1, mean 0, SD 1, width 3, five inputs of 1: value and limit of each step."""
    settings = ewma("0.1", "0", "1")
    states = play(settings, [1] * 5)
    assert [state.statistic for state in states] == [
        D(z) for z in ["0.1", "0.19", "0.271", "0.3439", "0.40951"]
    ]
    half = [shown(limits_now(prepare(settings), state)[1]) for state in states]
    assert half == [D(limit) for limit in ["0.3000", "0.4036", "0.4711", "0.5194", "0.5554"]]
    assert shown(prepare(settings).high) == D("0.6882")
    assert prepare(settings).low == -prepare(settings).high


NIST_DATA = (
    "52.0 47.0 53.0 49.3 50.1 47.0 51.0 50.1 51.2 50.5 "
    "49.6 47.6 49.9 51.3 47.8 51.2 52.6 52.4 53.6 52.1"
)
NIST_EWMA = (
    "50.60 49.52 50.56 50.18 50.16 49.21 49.75 49.85 50.26 50.33 "
    "50.11 49.36 49.52 50.05 49.38 49.92 50.73 51.23 51.94 51.99"
)


def test_ewma_gives_the_worked_example_of_the_engineering_statistics_handbook() -> None:
    """NIST/SEMATECH e-Handbook 6.3.2.4: weight 0.3, target 50, SD 2.0539, limits 47.4115 and 52.5884."""
    settings = ewma("0.3", "50", "2.0539")
    states = play(settings, NIST_DATA.split())
    assert [shown(state.statistic, "0.01") for state in states] == [D(z) for z in NIST_EWMA.split()]
    qc = prepare(settings)
    assert abs(qc.low - D("47.4115")) < D("0.0002")
    assert abs(qc.high - D("52.5884")) < D("0.0002")
    assert states[-1].status is FINE


def test_ewma_alarms_beyond_its_limit_and_not_on_it() -> None:
    """The first value of 3 SD lies exactly on the first limit."""
    settings = ewma("0.1", "0", "1")
    assert play(settings, ["3"])[0].status is FINE
    assert play(settings, ["3.0001"])[0].status is ALARM
    assert play(settings, ["-3.0001"])[0].status is ALARM


def test_ewma_alarms_at_the_steady_limit_when_the_start_is_long_past() -> None:
    """After 200 results the growing limit has arrived."""
    settings = ewma("0.1", "0", "1")
    steady = prepare(settings).high
    state = play(settings, [0] * 200)[-1]
    assert limits_now(prepare(settings), state) == (-steady, steady)
    just = steady * 10
    assert step(prepare(settings), state, just - D("1e-9"), 1).status is FINE
    assert step(prepare(settings), state, just + D("1e-9"), 1).status is ALARM


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([91] * 20, "91.0000"),
        ([92] * 10 + [88] * 10, "90.0000"),
        ([94] * 12 + [90] * 8, "91.4400"),
        ([86] * 12 + [90] * 8, "88.5600"),
    ],
)
def test_bull_gives_the_check_values_of_the_fact_sheet(values, expected) -> None:
    """Batches of twenty from 90."""
    assert shown(play(bull(20), values)[-1].statistic) == D(expected)


def test_bull_gives_the_worked_example_of_an_analyzers_manual() -> None:
    """Sysmex SF-3000 operator's manual 1995, figure 6-42: from 90, a batch of five gives 89.72."""
    state = play(bull(5), [92, 84, 84, 95, 88])[-1]
    assert shown(state.statistic, "0.01") == D("89.72")


def test_bull_speaks_once_a_batch_and_alarms_beyond_its_percent() -> None:
    """Three percent of 90 is 2.7: a batch of 92.7 lies on the limit, one of 92.8 beyond."""
    states = play(bull(20), [D("92.7")] * 20)
    assert {state.statistic for state in states[:-1]} == {None}
    assert {state.status for state in states[:-1]} == {STARTING}
    # Twenty roots of 2.7 have no end in decimals: what is squared again may miss it in the last digit.
    assert abs(states[-1].statistic - D("92.7")) < D("1e-24")
    assert play(bull(20), [D("92.69")] * 20)[-1].status is FINE
    assert play(bull(20), [D("92.71")] * 20)[-1].status is ALARM
    assert play(bull(20), [D("87.31")] * 20)[-1].status is FINE
    assert play(bull(20), [D("87.29")] * 20)[-1].status is ALARM


def test_a_moving_mean_speaks_when_its_window_is_full_and_forgets_the_oldest() -> None:
    """Window of three."""
    states = play(moving(PatientMethod.MEAN, 3, "1", "4"), [1, 2, 3, 7, 3])
    assert [state.statistic for state in states] == [None, None, D(2), D(4), D(13) / 3]
    assert [state.status for state in states] == [STARTING, STARTING, FINE, FINE, ALARM]
    assert states[-1].alarm_order == 5


def test_the_limits_of_a_mean_are_standard_errors() -> None:
    """AON: mean +- k s / sqrt(N); 100 +- 3 * 10 / sqrt(25) is 94 to 106."""
    settings = PatientQcSettings(
        method=PatientMethod.MEAN,
        size=25,
        target=D(100),
        sd=D(10),
        limits=LimitKind.STANDARD_ERRORS,
        width=D(3),
    )
    assert (prepare(settings).low, prepare(settings).high) == (D(94), D(106))
    assert play(settings, [106] * 25)[-1].status is FINE
    assert play(settings, [106] * 24 + [D("106.001")])[-1].status is ALARM


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 4])
@given(values=st.lists(st.integers(-20, 20), min_size=1, max_size=25))
def test_mean_and_median_are_those_of_the_last_window(size: int, values: list[int]) -> None:
    """Step by step the same as over the window at once; equal values do not confuse it."""
    for method, oracle in (
        (PatientMethod.MEAN, lambda part: sum(part) / D(len(part))),
        (PatientMethod.MEDIAN, statistics.median),
    ):
        for at, state in enumerate(play(moving(method, size, "-99", "99"), values), start=1):
            part = [D(value) for value in values[at - size : at]] if at >= size else None
            assert state.statistic == (None if part is None else oracle(part))


@pytest.mark.parametrize(
    "settings",
    [ewma("0.1", "90", "3"), bull(4), moving(PatientMethod.MEDIAN, 3, "80", "95")],
    ids=["ewma", "bull", "median"],
)
def test_a_statistic_goes_on_after_a_restart_as_if_nothing_had_been(settings) -> None:
    """The state is stored as text after every result, alarms too."""
    values = ["91.3", "88.7", "90.1", "99.9", "99.8", "99.7", "70.1"]
    qc, state = prepare(settings), STARTED
    for order, value in enumerate(values, start=1):
        state = patient_qc_from(patient_qc_text(step(qc, state, D(value), order)))
    assert state == play(settings, values)[-1]


def test_an_alarm_stays_until_a_person_clears_it() -> None:
    """Coming back inside is no explanation; the statistic goes on so that one sees it come back."""
    states = play(moving(PatientMethod.MEAN, 2, "1", "3"), [9, 9, 2, 2, 2])
    assert [state.status for state in states[1:]] == [ALARM] * 4
    assert states[-1].statistic == 2
    assert states[-1].alarm_order == 2


@pytest.mark.parametrize(
    ("truncation", "expected"), [(Truncation.EXCLUDE, D(5)), (Truncation.WINSORISE, D("7.5"))]
)
def test_what_is_beyond_the_truncation_limits_is_left_out_or_counts_as_the_limit(
    truncation, expected
) -> None:
    """The limits themselves are inside."""
    settings = moving(
        PatientMethod.MEAN,
        2,
        "0",
        "20",
        truncate_low=D(0),
        truncate_high=D(10),
        truncation=truncation,
    )
    values = [0, 10, 5, 11] if truncation is Truncation.WINSORISE else [0, 10, 11, -1]
    assert play(settings, values)[-1].statistic == expected


def test_the_baseline_is_that_of_the_truncated_history() -> None:
    """Target and SD come from the results that will count."""
    settings = moving(PatientMethod.MEAN, 2, "0", "20", truncate_high=D(10))
    assert baseline([D(2), D(4), D(99)], settings) == (D(3), D(2).sqrt())


WRONG = [
    ({"method": "mean", "size": 1, "limits": "absolute", "low": 0, "high": 1}, "size of two"),
    ({"method": "ewma", "limits": "absolute", "low": 0, "high": 1}, "weight greater"),
    (
        {"method": "median", "size": 5, "limits": "standard_errors", "sd": 1, "width": 3},
        "no standard",
    ),
    ({"method": "mean", "size": 5, "limits": "standard_errors", "width": 3}, "need sd"),
    ({"method": "bull", "size": 20, "limits": "percent"}, "need a width"),
    (
        {"method": "bull", "size": 20, "limits": "percent", "width": 3, "target": 0},
        "other than zero",
    ),
    ({"method": "mean", "size": 5, "limits": "absolute", "low": 2, "high": 2}, "low below high"),
    (
        {"method": "mean", "size": 5, "limits": "absolute", "low": 0, "high": 1}
        | {"truncate_low": 3, "truncate_high": 3},
        "truncate_low",
    ),
]


@pytest.mark.parametrize(("settings", "expected"), WRONG)
def test_settings_that_say_nothing_are_refused_in_words(settings, expected) -> None:
    """Before they watch over anything."""
    with pytest.raises(ValueError, match=expected):
        PatientQcSettings.model_validate({"target": 100, **settings})


def _result(**changes) -> Result:
    value = ResultValue(kind=ValueKind.NUMBER, raw="90", number=D(90))
    fields = {"specimen": Specimen(sample_id="26030401"), "test_code": "MCV", "value": value}
    return Result(**{**fields, "source": SourcePointer(record=3, name="R"), **changes})


UNUSABLE = {
    "control": {"specimen": Specimen(sample_id="QC1", role=SampleRole.QC)},
    "comparator": {
        "value": ResultValue(kind=ValueKind.NUMBER, raw="<5", number=D(5), comparator="<")
    },
    "endless": {"value": ResultValue(kind=ValueKind.NUMBER, raw="1E+99", number=D("1E+99"))},
    "text": {"value": ResultValue(kind=ValueKind.TEXT, raw="clotted", text="clotted")},
    "preliminary": {"status": ResultStatus.PRELIMINARY},
    "rerun": {"run": 2},
    "diluted": {"dilution_factor": D(10)},
    "flagged": {"instrument_flags": ("SHORT SAMPLE",)},
    "typed": {"is_manual": True},
}


def test_a_patients_plain_number_is_usable() -> None:
    """Also when the analyzer says that it did not dilute."""
    assert is_usable(_result())
    assert is_usable(_result(dilution_factor=D(1)))


@pytest.mark.parametrize("why", UNUSABLE)
def test_what_is_no_plain_number_of_a_patient_is_left_out(why: str) -> None:
    """Controls, errors, reruns and comparators would hide a shift, or feign one."""
    assert not is_usable(_result(**UNUSABLE[why]))


def _history(count: int = 3000) -> list[Decimal]:
    chance = random.Random(4)
    return [D(chance.gauss(140, 3)).quantize(D("0.1")) for _ in range(count)]


def _candidate(size: int, width: str) -> PatientQcSettings:
    return PatientQcSettings(
        method=PatientMethod.MEAN,
        size=size,
        target=D(140),
        sd=D(3),
        limits=LimitKind.STANDARD_ERRORS,
        width=D(width),
    )


@pytest.mark.slow
def test_the_simulator_tells_how_soon_a_shift_is_seen_and_how_often_nothing_is() -> None:
    """A shift of 3 (one SD): tight limits cry wolf, a short window is too blunt, and the right one is proposed."""
    tight, blunt, right = _candidate(20, "1"), _candidate(2, "4"), _candidate(20, "3.3")
    plan = Plan(Shift(amount=D(3)), places=60, within=100)
    outcomes = simulate(_history(), [tight, blunt, right], plan)
    assert outcomes[0].false_alarms_per_1000 > 5
    assert outcomes[1].power < D("0.9")
    assert outcomes[2].false_alarms_per_1000 <= 1
    assert outcomes[2].power == 1
    assert 5 < outcomes[2].to_detection < 20
    proposal = propose(outcomes, Goal())
    assert proposal.outcome is outcomes[2]
    assert "half of them within" in proposal.reason
    assert simulate(_history(), [right], plan)[0] == outcomes[2]


@pytest.mark.slow
def test_without_a_shift_the_simulator_sees_none() -> None:
    """The detection power is that of the shift, not of the simulator."""
    plan = Plan(Shift(), places=30, within=50)
    (outcome,) = simulate(_history(1000), [_candidate(20, "5")], plan)
    assert outcome.power == 0
    assert outcome.to_detection is None


def test_a_proposal_says_why_there_is_none() -> None:
    """Too many alarms, or too little seen."""
    plan = Plan(Shift(percent=D(1)), places=5, within=10, warm_up=10)
    outcomes = simulate(_history(100), [_candidate(5, "0.1")], plan)
    assert "too many false alarms" in propose(outcomes, Goal()).reason
    outcomes = simulate(_history(100), [_candidate(5, "9")], plan)
    assert "often enough" in propose(outcomes, Goal()).reason


def test_a_history_that_is_too_short_is_refused() -> None:
    """Three results prove nothing."""
    with pytest.raises(ValueError, match="3 results are too few"):
        simulate(_history(3), [_candidate(5, "3")], Plan(Shift()))


def test_a_shift_is_percent_and_amount_together() -> None:
    """As a calibration error and a blank error are."""
    assert Shift(percent=D(10), amount=D(-1)).of(D(50)) == 54
