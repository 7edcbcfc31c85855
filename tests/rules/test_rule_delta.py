"""Delta checks against the formulas and the worked value of the fact sheet (1.3), on both sides of each limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from middleware.rules.criteria import Delta
from middleware.rules.delta_checks import rcv_square
from middleware.rules.oracle_delta import rcv_percent
from tests.kit.rule_facts import DAY_S, HOUR_S, before, clean, found, potassium


def delta(settings: str) -> str:
    return f"delta = [{{ {settings} }}]"


def test_the_reference_change_value_of_the_worked_example() -> None:
    """Fact sheet 1.3: CVa 2.0 %, CVi 5.0 %, z 1.96 gives 14.9 %."""
    example = Delta(method="rcv", cv_a=Decimal("2.0"), cv_i=Decimal("5.0"), within="3 d")
    assert round(rcv_percent(example), 1) == Decimal("14.9")
    assert abs(rcv_square(example).sqrt() - rcv_percent(example)) < Decimal("1e-20")


@pytest.mark.parametrize(
    ("value", "names"),
    [("114.9", []), ("115.0", ["delta/rcv"]), ("85.1", []), ("85.0", ["delta/rcv"])],
)
def test_a_change_is_held_when_it_is_more_than_the_rcv(value: str, names: list[str]) -> None:
    """14.927 % of 100.0 lies between 14.9 and 15.0."""
    book = potassium(delta('method = "rcv", cv_a = 2.0, cv_i = 5.0, within = "3 d"'))
    assert found(book, clean(value, previous=before("100.0"))) == names


def test_an_rcv_that_is_met_exactly_is_not_more() -> None:
    """CVs of 1 and 7 % give the RCV 10 z; with z = 2 a change of 20 % is exactly it."""
    book = potassium(delta('method = "rcv", cv_a = 1, cv_i = 7, z = 2, within = "3 d"'))
    assert found(book, clean("12.0", previous=before("10.0"))) == []
    assert found(book, clean("12.1", previous=before("10.0"))) == ["delta/rcv"]


@pytest.mark.parametrize(
    ("settings", "inside", "reached"),
    [
        ('method = "absolute", limit = 1.0', ("4.9", "3.1"), ("5.0", "3.0")),
        ('method = "percent", limit = 25', ("4.9", "3.1"), ("5.0", "3.0")),
        # Over two days: half as much a day.
        ('method = "absolute_rate", limit = 0.5', ("4.9", "3.1"), ("5.0", "3.0")),
        ('method = "percent_rate", limit = 12.5', ("4.9", "3.1"), ("5.0", "3.0")),
    ],
)
def test_a_change_is_held_from_the_limit_on(
    settings: str, inside: tuple[str, str], reached: tuple[str, str]
) -> None:
    """Both ways; the previous value is 4.0, two days ago."""
    book = potassium(delta(f'{settings}, within = "3 d"'))
    code = settings.split('"')[1]
    for value in inside:
        assert found(book, clean(value, previous=before("4.0", 2 * DAY_S))) == []
    for value in reached:
        assert found(book, clean(value, previous=before("4.0", 2 * DAY_S))) == [f"delta/{code}"]


def test_a_rate_over_minutes_is_taken_over_an_hour() -> None:
    """A repeat after five minutes that differs by 0.1 is no rise of 28.8 a day (fact sheet 1.3)."""
    book = potassium(delta('method = "absolute_rate", limit = 4.8, within = "3 d"'))
    assert found(book, clean("4.1", previous=before("4.0", 300))) == []
    assert found(book, clean("4.2", previous=before("4.0", 300))) == ["delta/absolute_rate"]
    assert found(book, clean("4.2", previous=before("4.0", HOUR_S + 1))) == []


@pytest.mark.parametrize(
    ("direction", "rise", "fall"), [("rise", 1, 0), ("fall", 0, 1), ("both", 1, 1)]
)
def test_only_the_direction_that_is_asked_for_counts(direction: str, rise: int, fall: int) -> None:
    """A falling troponin needs nobody."""
    book = potassium(
        delta(f'method = "absolute", limit = 1, within = "3 d", direction = "{direction}"')
    )
    assert len(found(book, clean("5.0", previous=before("4.0")))) == rise
    assert len(found(book, clean("3.0", previous=before("4.0")))) == fall


ABSOLUTE = 'method = "absolute", limit = 1.0, within = "3 d"'
LONELY = [
    None,
    before("4.2", 3 * DAY_S + 1),
    before("4.2", comparator="<"),
    before("4.2", unit="mg/dL"),
    before("NaN"),
    replace(before("4.2"), value=None),
]


@pytest.mark.parametrize("previous", LONELY)
def test_without_a_comparable_previous_result_the_setting_decides(previous: object) -> None:
    """Too old, censored, without number, in another unit: none of them is compared."""
    facts = clean("9.9", previous=previous)
    assert found(potassium(delta(ABSOLUTE)), facts) == []
    held = potassium(delta(f'{ABSOLUTE}, without_previous = "hold"'))
    assert found(held, facts) == ["delta/absolute_no_previous"]


def test_the_last_second_of_the_window_still_counts() -> None:
    """Three days are three days."""
    facts = clean("9.9", previous=before("4.2", 3 * DAY_S))
    assert found(potassium(delta(ABSOLUTE)), facts) == ["delta/absolute"]


def test_times_that_are_missing_or_in_the_wrong_order_hold() -> None:
    """Without times nobody knows which result is the later one."""
    book = potassium(delta(ABSOLUTE))
    assert found(book, clean(previous=before("4.2"), collected_at=None)) == ["delta/time_unknown"]
    untimed = replace(before("4.2"), collected_at=None)
    assert found(book, clean(previous=untimed)) == ["delta/time_unknown"]
    assert found(book, clean(previous=before("4.2", -1))) == ["delta/time_order"]


def test_a_change_from_nothing_is_more_than_any_percentage() -> None:
    """Nothing is divided by 0."""
    book = potassium(delta('method = "percent", limit = 50, within = "3 d"'))
    assert found(book, clean("0.1", previous=before("0"))) == ["delta/percent"]
    assert found(book, clean("0.0", previous=before("0"))) == []


def test_two_checks_of_one_method_are_told_apart() -> None:
    """Each finding has a code of its own."""
    two = f"delta = [{{ {ABSOLUTE} }}, {{ method = 'absolute', limit = 3, within = '90 d' }}]"
    facts = clean("9.9", previous=before("4.0"))
    assert found(potassium(two), facts) == ["delta/absolute", "delta/absolute_2"]


def test_long_numbers_are_compared_exactly() -> None:
    """The ordinary precision of decimals, 28 digits, would round this change of 1.0 to 0."""
    value, earlier = Decimal("1" + "0" * 30), Decimal("9" * 30)
    facts = replace(clean(), value=value, previous=replace(before("1"), value=earlier))
    assert found(potassium(delta(ABSOLUTE)), facts) == ["delta/absolute"]
