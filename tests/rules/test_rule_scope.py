"""Ages and scopes: exact edges, birthdays, and which of two rules goes first."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from middleware.rules.scope import (
    NO_END,
    SEX_OF,
    Match,
    Population,
    Scope,
    Sex,
    age_days,
    age_words,
    days_of,
)

ADULT = days_of("18 a")


@pytest.mark.parametrize(
    ("text", "days"), [("28 d", 28), ("6 wk", 42), ("3 mo", 92), ("1 a", 366), ("18 a", 6575)]
)
def test_an_age_is_whole_days(text: str, days: int) -> None:
    """A year has 365.25 days; rounded up."""
    assert days_of(text) == days
    assert days_of(age_words(days)) == days


@pytest.mark.parametrize("text", ["18", "18 y", "-1 d", "1.5 a", "", "999999 d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    """The message says how to write it."""
    with pytest.raises(ValueError, match="write an age as"):
        days_of(text)


@pytest.mark.parametrize("born", [date(2000, 2, 29), date(1999, 3, 1), date(2001, 12, 31)])
def test_birthdays_fall_exactly_on_the_edges_of_bands(born: date) -> None:
    """Whatever leap years lie between, one is an adult on the 18th birthday and not the day before."""
    day = 1 if (born.month, born.day) == (2, 29) else born.day
    birthday = date(born.year + 18, 3 if day != born.day else born.month, day)
    assert age_days(born, birthday) == ADULT
    eve = age_days(born, birthday - timedelta(days=1))
    assert eve is not None
    assert eve < ADULT


def test_days_of_the_first_year_are_days() -> None:
    """A neonate's band ends after 28 days, not after a rounded month."""
    born = date(2026, 1, 1)
    assert [age_days(born, born + timedelta(days=days)) for days in (0, 27, 28, 364)] == [
        0,
        27,
        28,
        364,
    ]
    assert age_days(born, date(2025, 12, 31)) is None


def test_age_never_goes_back() -> None:
    """Day after day it grows or stays."""
    born = date(2004, 2, 29)
    ages = [age_days(born, born + timedelta(days=days)) for days in range(1600)]
    assert all(
        one is not None and other is not None and one <= other for one, other in pairwise(ages)
    )


@pytest.mark.parametrize(
    ("age", "match"),
    [(27, Match.NO), (28, Match.YES), (6574, Match.YES), (6575, Match.NO), (None, Match.UNKNOWN)],
)
def test_the_first_day_is_inside_and_the_last_outside(age: int | None, match: Match) -> None:
    """`from <= age < below`."""
    assert Scope(age_from=28, age_below=6575).match(Population(age_days=age)) is match


def test_a_property_that_excludes_is_stronger_than_one_that_is_not_known() -> None:
    """Of a man nobody has to know the age to say that a rule for women is not his."""
    scope = Scope(age_from=28, sex=Sex.FEMALE)
    assert scope.match(Population(sex=Sex.MALE)) is Match.NO
    assert scope.missing(Population(sex=Sex.FEMALE)) == "age"
    assert scope.missing(Population(age_days=30)) == "sex"


def test_no_location_is_known_and_is_none() -> None:
    """An outpatient is not at the ICU; of somebody whose location is not known, nobody can say."""
    scope = Scope(locations=frozenset({"ICU"}))
    assert scope.match(Population(location="")) is Match.NO
    assert scope.match(Population(location=None)) is Match.UNKNOWN


ORDER = [
    Scope(),
    Scope(lines=frozenset({"a"})),
    Scope(specimens=frozenset({"a"})),
    Scope(specimens=frozenset({"a"}), lines=frozenset({"a"})),
    Scope(sex=Sex.MALE),
    Scope(age_below=NO_END - 1),
    Scope(age_below=28),
    Scope(age_below=28, sex=Sex.MALE),
    Scope(locations=frozenset({"a"})),
    Scope(locations=frozenset({"a"}), age_below=28),
]


@pytest.mark.parametrize(("weak", "strong"), list(pairwise(ORDER)))
def test_the_order_of_precedence_is_total(weak: Scope, strong: Scope) -> None:
    """Location, age, sex, specimen, line; then the narrower band (README)."""
    assert weak.rank() < strong.rank()


def test_a_sex_that_is_not_known_is_none() -> None:
    """U is no third sex: rules by sex hold there."""
    assert (SEX_OF["F"], SEX_OF["A"]) == (Sex.FEMALE, Sex.OTHER)
    assert not {"U", "N", ""} & set(SEX_OF)
