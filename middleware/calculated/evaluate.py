"""Calculates an expression with 34 digits, the same on every machine. What cannot be calculated has a reason."""

from __future__ import annotations

import operator as plain
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from functools import reduce

from middleware.calculated.codes import Comparison, Logic, Operator, Sex
from middleware.calculated.expression import (
    Age,
    Choice,
    Compared,
    Condition,
    Expression,
    Input,
    Joined,
    Number,
    Operation,
    SexIs,
)

# Small bounds on the exponent: what leaves them is no concentration, and ends at once instead of growing.
ARITHMETIC = Context(
    prec=34, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow]
)


class PatientUnknown(Exception):
    """The formula needs the patient's age or sex, and nobody knows it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a calculation knows: the inputs in the formula's units, and the patient at the time of collection."""

    inputs: Mapping[str, Decimal]
    sex: Sex | None = None
    age_years: int | None = None


def value_of(expression: Expression, known: Known) -> Decimal:
    """The value. Raises PatientUnknown, and decimal's own errors where there is none (all are ArithmeticError)."""
    match expression:
        case Number():
            return expression.value
        case Input():
            return known.inputs[expression.name]
        case Age():
            if known.age_years is None:
                raise PatientUnknown("age")
            return Decimal(known.age_years)
        case Choice():
            is_so = is_true(expression.condition, known)
            return value_of(expression.then if is_so else expression.otherwise, known)
        case Operation():
            operands = [value_of(one, known) for one in expression.operands]
            return _OPERATORS[expression.operator](operands)


def is_true(condition: Condition, known: Known) -> bool:
    """Whether the condition holds. Raises as `value_of`."""
    match condition:
        case SexIs():
            if known.sex is None:
                raise PatientUnknown("sex")
            return known.sex is condition.sex
        case Compared():
            left, right = value_of(condition.left, known), value_of(condition.right, known)
            return _COMPARISONS[condition.comparison](left, right)
        case Joined():
            answers = [is_true(one, known) for one in condition.conditions]
            if condition.logic is Logic.NOT:
                return not answers[0]
            return all(answers) if condition.logic is Logic.AND else any(answers)


def _subtract(operands: list[Decimal]) -> Decimal:
    if len(operands) == 1:
        return ARITHMETIC.minus(operands[0])
    return ARITHMETIC.subtract(*operands)


_OPERATORS: Mapping[Operator, Callable[[list[Decimal]], Decimal]] = {
    Operator.ADD: lambda operands: reduce(ARITHMETIC.add, operands),
    Operator.SUBTRACT: _subtract,
    Operator.MULTIPLY: lambda operands: reduce(ARITHMETIC.multiply, operands),
    Operator.DIVIDE: lambda operands: ARITHMETIC.divide(*operands),
    Operator.POWER: lambda operands: ARITHMETIC.power(*operands),
    Operator.LEAST: min,
    Operator.GREATEST: max,
    Operator.LOGARITHM: lambda operands: ARITHMETIC.ln(operands[0]),
    Operator.EXPONENTIAL: lambda operands: ARITHMETIC.exp(operands[0]),
}
_COMPARISONS: Mapping[Comparison, Callable[[Decimal, Decimal], bool]] = {
    Comparison.LESS: plain.lt,
    Comparison.AT_MOST: plain.le,
    Comparison.GREATER: plain.gt,
    Comparison.AT_LEAST: plain.ge,
}
