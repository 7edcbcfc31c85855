"""A formula as data: what may stand in one, and the reading of the notation that settings use.

The notation is a list with the operator first: `["-", "sodium", ["+", "chloride", "bicarbonate"]]`. A text that begins
with a letter names an input; `age_years` is the patient's age in completed years. Numbers are exact: an integer, a
Decimal, or a text such as `"0.9938"`; a float is refused. `["if", condition, then, otherwise]` chooses; a condition is
`["sex_is", "female"]`, a comparison such as `["<=", "age_years", 17]`, or conditions joined by `and`, `or`, `not`.
There is nothing else: no loops, no names to define, nothing that cannot be listed and tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from middleware.calculated.codes import Comparison, Logic, Operator, Sex

DEPTH_MAX = 24
PARTS_MAX = 400
"""A formula that is deeper or longer is no clinical formula; reading and calculating stay short."""
DIGITS_MAX = 30
AGE = "age_years"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ANY_NUMBER = 64

# How many operands an operator takes.
_OPERANDS: dict[Operator, tuple[int, int]] = {
    Operator.ADD: (2, _ANY_NUMBER),
    Operator.SUBTRACT: (1, 2),
    Operator.MULTIPLY: (2, _ANY_NUMBER),
    Operator.DIVIDE: (2, 2),
    Operator.POWER: (2, 2),
    Operator.LEAST: (2, _ANY_NUMBER),
    Operator.GREATEST: (2, _ANY_NUMBER),
    Operator.LOGARITHM: (1, 1),
    Operator.EXPONENTIAL: (1, 1),
}


class FormulaWrong(ValueError):
    """A formula cannot be read. The text says where and what to write instead."""


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class Input:
    """The value of a parent, in the unit that the formula declares for it."""

    name: str


@dataclass(frozen=True, slots=True)
class Age:
    """The patient's age in completed years."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator on its operands."""

    operator: Operator
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison of two expressions."""

    comparison: Comparison
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class SexIs:
    """The patient's sex is that one."""

    sex: Sex


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined; NOT has one."""

    logic: Logic
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One expression or the other."""

    condition: Condition
    then: Expression
    otherwise: Expression


Expression = Number | Input | Age | Operation | Choice
Condition = Compared | SexIs | Joined
Part = Expression | Condition


def read_expression(notation: object) -> Expression:
    """The expression that the notation says. Raises FormulaWrong."""
    return _Reading().expression(notation, 1)


def read_condition(notation: object) -> Condition:
    """The condition that the notation says. Raises FormulaWrong."""
    return _Reading().condition(notation, 1)


def parts_of(part: Part) -> Iterator[Part]:
    """The part and everything in it."""
    yield part
    match part:
        case Operation():
            inner: tuple[Part, ...] = part.operands
        case Compared():
            inner = (part.left, part.right)
        case Joined():
            inner = part.conditions
        case Choice():
            inner = (part.condition, part.then, part.otherwise)
        case _:
            inner = ()
    for one in inner:
        yield from parts_of(one)


class _Reading:
    """One walk over a notation; counts what it finds, so that nothing endless is read."""

    def __init__(self) -> None:
        self._count = 0

    def _enter(self, depth: int) -> None:
        self._count += 1
        if depth > DEPTH_MAX or self._count > PARTS_MAX:
            raise FormulaWrong(f"more than {DEPTH_MAX} levels or {PARTS_MAX} parts")

    def expression(self, notation: object, depth: int) -> Expression:
        self._enter(depth)
        if isinstance(notation, str) and _NAME.fullmatch(notation):
            return Age() if notation == AGE else Input(notation)
        if isinstance(notation, list | tuple):
            return self._operation(notation, depth)
        return Number(_number(notation))

    def _operation(self, notation: Sequence[object], depth: int) -> Expression:
        head, *rest = notation or [None]
        if head == "if":
            return self._choice(rest, depth)
        try:
            operator = Operator(str(head))
        except ValueError:
            raise FormulaWrong(f"{head!r} is no operator; known are {_known()}") from None
        least, most = _OPERANDS[operator]
        if not least <= len(rest) <= most:
            raise FormulaWrong(f"{operator.value} does not take {len(rest)} operands")
        return Operation(operator, tuple(self.expression(one, depth + 1) for one in rest))

    def _choice(self, rest: Sequence[object], depth: int) -> Choice:
        if len(rest) != 3:  # noqa: PLR2004 - named in the text
            raise FormulaWrong("if takes a condition, a value for yes, and a value for no")
        condition = self.condition(rest[0], depth + 1)
        then, otherwise = (self.expression(one, depth + 1) for one in rest[1:])
        return Choice(condition, then, otherwise)

    def condition(self, notation: object, depth: int) -> Condition:
        self._enter(depth)
        if not isinstance(notation, list | tuple) or not notation:
            raise FormulaWrong(f"{notation!r} is no condition")
        head, *rest = notation
        if head == "sex_is":
            return SexIs(_sex(rest))
        if head in tuple(Logic):
            return self._joined(Logic(head), rest, depth)
        if head in tuple(Comparison) and len(rest) == 2:  # noqa: PLR2004 - left and right
            left, right = (self.expression(one, depth + 1) for one in rest)
            return Compared(Comparison(head), left, right)
        raise FormulaWrong(f"{head!r} with {len(rest)} parts is no condition")

    def _joined(self, logic: Logic, rest: Sequence[object], depth: int) -> Joined:
        if (len(rest) != 1) if logic is Logic.NOT else (len(rest) < 2):  # noqa: PLR2004 - two to join
            raise FormulaWrong(f"{logic.value} does not take {len(rest)} conditions")
        return Joined(logic, tuple(self.condition(one, depth + 1) for one in rest))


def _sex(rest: Sequence[object]) -> Sex:
    if len(rest) == 1 and rest[0] in tuple(Sex):
        return Sex(str(rest[0]))
    raise FormulaWrong("sex_is takes female or male")


def _number(notation: object) -> Decimal:
    if isinstance(notation, bool) or not isinstance(notation, int | Decimal | str):
        raise FormulaWrong(f'{notation!r} is no exact number: write it as text, such as "0.5"')
    try:
        number = Decimal(notation)
    except InvalidOperation:
        raise FormulaWrong(f"{notation!r} is neither a number nor the name of an input") from None
    if not number.is_finite() or len(number.as_tuple().digits) > DIGITS_MAX:
        raise FormulaWrong(f"{notation!r} is no number that a formula can use")
    return number


def _known() -> str:
    return ", ".join(["if", *(operator.value for operator in Operator)])
