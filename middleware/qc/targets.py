"""Mean and SD of a control: fixed by the laboratory, or learned from its own runs with a defined start-up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

from pydantic import Field, model_validator

from middleware.model.value import Frozen
from middleware.qc.codes import TargetKind

# Sums of squares lose no digit of a value that an analyzer can send.
_SUMS = Context(prec=80)
_LEAST_FOR_SD = 2
PLAIN_MAX = 30
"""Digits, and powers of ten, of a number that is believed."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a value is judged by. `sd` is greater than zero."""

    mean: Decimal
    sd: Decimal
    kind: TargetKind = TargetKind.FIXED


class FixedTarget(Frozen):
    """Mean and SD that the laboratory assigned, in the unit of the control."""

    mean: Decimal = Field(description="Assigned mean.")
    sd: Decimal = Field(gt=0, description="Assigned standard deviation.")


class LearnedTarget(Frozen):
    """Mean and SD from the laboratory's own accepted values.

    Until the start-up is over (`runs_min` values on `days_min` different days) the target is provisional:
    `until_then` if it is given, else what the values so far say, from `provisional_from` values on. Before that
    nothing is judged. With `is_frozen` the target stays as the start-up found it; without, it goes on with every
    accepted value."""

    runs_min: int = Field(default=20, ge=20, description="Values that the start-up needs.")
    days_min: int = Field(default=10, ge=1, description="Different days that it needs.")
    provisional_from: int = Field(default=10, ge=3, description="Values for a provisional target.")
    until_then: FixedTarget | None = Field(default=None, description="Target of the start-up.")
    is_frozen: bool = Field(default=False, description="Keep the target that the start-up found.")

    @model_validator(mode="after")
    def _is_in_order(self) -> LearnedTarget:
        if self.provisional_from > self.runs_min:
            raise ValueError("provisional_from is greater than runs_min")
        return self


class Learned(Frozen):
    """What was learned so far: number, sum and sum of squares of the accepted values, and on how many days they
    fell."""

    count: int = 0
    total: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)
    days: int = 0
    last_day: date | None = None

    @property
    def mean(self) -> Decimal:
        """Raises ValueError when nothing was learned."""
        if not self.count:
            raise ValueError("no values, no mean")
        return self.total / self.count

    @property
    def sd(self) -> Decimal:
        """Sample standard deviation (n - 1). Raises ValueError for fewer than two values."""
        if self.count < _LEAST_FOR_SD:
            raise ValueError("an SD needs two values")
        square = _SUMS.divide(_SUMS.multiply(self.total, self.total), Decimal(self.count))
        spread = _SUMS.divide(_SUMS.subtract(self.squares, square), Decimal(self.count - 1))
        return +_SUMS.sqrt(max(spread, Decimal(0)))


def learn(learned: Learned, wish: LearnedTarget, value: Decimal, day: date) -> Learned:
    """Take in one accepted value. A frozen target takes in nothing after its start-up.

    Days are counted when they change, so values must come in order of their days; one that comes late adds a value and
    no day.
    """
    if wish.is_frozen and is_established(learned, wish):
        return learned
    is_new_day = learned.last_day is None or day > learned.last_day
    return Learned(
        count=learned.count + 1,
        total=_SUMS.add(learned.total, value),
        squares=_SUMS.add(learned.squares, _SUMS.multiply(value, value)),
        days=learned.days + is_new_day,
        last_day=day if is_new_day else learned.last_day,
    )


def is_plain(number: Decimal) -> bool:
    """A number of a size and precision that a measurement can have: finite, to 30 digits, between 1E-30 and 1E+30.

    Sums, squares and quotients of such numbers never leave the range of Decimals.
    """
    if not number.is_finite() or len(number.as_tuple().digits) > PLAIN_MAX:
        return False
    return not number or -PLAIN_MAX <= number.adjusted() <= PLAIN_MAX


def learned_from(values: Iterable[Decimal]) -> Learned:
    """What values say together, whatever their days."""
    count, total, squares = 0, Decimal(0), Decimal(0)
    for value in values:
        count += 1
        total = _SUMS.add(total, value)
        squares = _SUMS.add(squares, _SUMS.multiply(value, value))
    return Learned(count=count, total=total, squares=squares)


def is_established(learned: Learned, wish: LearnedTarget) -> bool:
    """The start-up is over."""
    return learned.count >= wish.runs_min and learned.days >= wish.days_min


def target_of(wish: FixedTarget | LearnedTarget, learned: Learned) -> Target | None:
    """The target to judge the next value by. None: there is none yet, or the values so far do not differ at all."""
    if isinstance(wish, FixedTarget):
        return Target(wish.mean, wish.sd)
    if is_established(learned, wish):
        return _from_values(learned, TargetKind.LEARNED)
    if wish.until_then is not None:
        return Target(wish.until_then.mean, wish.until_then.sd, TargetKind.PROVISIONAL)
    if learned.count < wish.provisional_from:
        return None
    return _from_values(learned, TargetKind.PROVISIONAL)


def _from_values(learned: Learned, kind: TargetKind) -> Target | None:
    sd = learned.sd
    return Target(learned.mean, sd, kind) if sd > 0 else None
