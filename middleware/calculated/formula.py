"""A declared formula, made ready once, and the calculation of one result from its parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from pydantic import Field

from middleware.calculated.codes import NoValue, Rounding, Sex
from middleware.calculated.evaluate import ARITHMETIC, Known, PatientUnknown, is_true, value_of
from middleware.calculated.expression import (
    AGE,
    Condition,
    Expression,
    FormulaWrong,
    Input,
    parts_of,
    read_condition,
    read_expression,
)
from middleware.model.codes import ValueKind
from middleware.model.value import Frozen, ResultValue
from middleware.routing.ucum import UnknownUnit, factor, unit

_ROUNDINGS = {Rounding.HALF_UP: ROUND_HALF_UP, Rounding.HALF_EVEN: ROUND_HALF_EVEN}
_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class FormulaInput(Frozen):
    """One input: its name in the formula and the unit in which the formula wants it.

    Units that measure the same kind of quantity are converted exactly. Where they do not (mmol/L and mg/dL), `also`
    names the unit and the factor, as a decimal or a fraction: `{"umol/L": "10/884"}`.
    """

    name: str = Field(pattern=_NAME, description="Name in the formula.")
    unit: str = Field(description="Unit (UCUM) that the formula wants.")
    also: dict[str, str] = Field(default_factory=dict, description="Other units: factor.")


class Validity(Frozen):
    """A condition under which the formula holds, and what a person reads when it does not."""

    # The notation is checked by `expression`; its nesting has no type that says more.
    when: Any = Field(description="Condition, in the notation of formulas.")
    reason: str = Field(min_length=1, description="Why there is no value otherwise.")


class FormulaSettings(Frozen):
    """A formula as it is declared."""

    id: str = Field(pattern=_NAME, description="Name of the formula.")
    name: str = Field(description="What it calculates, for people.")
    source: str = Field(description="Where the formula was published.")
    inputs: tuple[FormulaInput, ...] = Field(min_length=1, description="Its inputs.")
    expression: Any = Field(description="The formula, in the notation of formulas.")
    unit: str = Field(description="Unit (UCUM) of the value.")
    decimals: int = Field(ge=0, le=6, description="Digits after the decimal point.")
    rounding: Rounding = Field(default=Rounding.HALF_UP, description="What happens to a half.")
    valid: tuple[Validity, ...] = Field(default=(), description="When it may be used.")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read and checked."""

    settings: FormulaSettings
    expression: Expression
    valid: tuple[tuple[Condition, str], ...]
    factors: Mapping[str, Mapping[str, Fraction]]


@dataclass(frozen=True, slots=True)
class Parent:
    """One result that a formula uses: its number in the store, its value, its unit in UCUM, and whether it waits."""

    result_id: int
    value: ResultValue
    unit: str
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Sex, and age in completed years at the time of collection; None: not known."""

    sex: Sex | None = None
    age_years: int | None = None


@dataclass(frozen=True, slots=True)
class Calculated:
    """What came out. `parents` are the results that were used, in the order of the inputs. Without a value `reason`
    says why, and `why` says it in sentences, one for each fault."""

    formula: str
    unit: str
    parents: tuple[int, ...]
    value: ResultValue | None = None
    reason: NoValue | None = None
    why: tuple[str, ...] = ()


def make_formula(settings: FormulaSettings) -> Formula:
    """Read and check. Raises FormulaWrong with the formula's name."""
    try:
        expression = read_expression(settings.expression)
        valid = tuple((read_condition(one.when), one.reason) for one in settings.valid)
        _check_names(settings, [expression, *(condition for condition, _ in valid)])
        _check_units(settings)
        factors = {one.name: _factors(one) for one in settings.inputs}
    except (FormulaWrong, UnknownUnit) as wrong:
        raise FormulaWrong(f"formula {settings.id}: {wrong}") from wrong
    return Formula(settings, expression, valid, factors)


def _check_names(settings: FormulaSettings, roots: Sequence[Expression | Condition]) -> None:
    declared = [one.name for one in settings.inputs]
    used = {part.name for root in roots for part in parts_of(root) if isinstance(part, Input)}
    faults = [f"{name} is used but not declared" for name in sorted(used - set(declared))]
    faults += [f"{name} is declared but not used" for name in declared if name not in used]
    faults += [f"{name} is declared twice" for name in set(declared) if declared.count(name) > 1]
    if AGE in declared:
        faults.append(f"{AGE} is the patient's age and no name of an input")
    if faults:
        raise FormulaWrong("; ".join(faults))


def _check_units(settings: FormulaSettings) -> None:
    for text in (settings.unit, *(one.unit for one in settings.inputs)):
        unit(text)


def _factors(one: FormulaInput) -> dict[str, Fraction]:
    factors = {one.unit: Fraction(1)}
    for text, written in one.also.items():
        try:
            factors[text] = Fraction(written)
        except (ValueError, ZeroDivisionError):
            raise FormulaWrong(f"{written!r} is no factor for {text}") from None
        if factors[text] <= 0:
            raise FormulaWrong(f"the factor for {text} is not greater than zero")
    return factors


def calculate(
    formula: Formula, parents: Mapping[str, Parent], patient: PatientFacts = PatientFacts()
) -> Calculated:
    """The value from the parents (by the names of the inputs), or why there is none. Never raises for what was
    measured."""
    faults: list[tuple[NoValue, str]] = []
    numbers: dict[str, Decimal] = {}
    for one in formula.settings.inputs:
        found = _number(formula, one.name, parents.get(one.name))
        if isinstance(found, Decimal):
            numbers[one.name] = found
        else:
            faults.append(found)
    if not faults:
        return _result(formula, parents, Known(numbers, patient.sex, patient.age_years))
    return _without(formula, parents, faults)


def _number(formula: Formula, name: str, parent: Parent | None) -> Decimal | tuple[NoValue, str]:
    if parent is None:
        return NoValue.INPUT_MISSING, f"{name} was not measured."
    if parent.is_held:
        return NoValue.INPUT_HELD, f"{name} is held for a person."
    value = parent.value
    if value.comparator:
        return NoValue.INPUT_CENSORED, f"{name} is {value.comparator}{value.number}, not a number."
    if value.kind is not ValueKind.NUMBER or value.number is None or not value.number.is_finite():
        return NoValue.INPUT_NOT_A_NUMBER, f"{name} is not a number."
    try:
        return _converted(formula, name, value.number, parent.unit)
    except UnknownUnit as wrong:
        return NoValue.INPUT_UNIT, f"{name}: {wrong}."


def _converted(formula: Formula, name: str, number: Decimal, sent: str) -> Decimal:
    known = formula.factors[name]
    wanted = next(iter(known))
    times = known[sent] if sent in known else factor(sent, wanted)
    if times == 1:
        return number
    product = ARITHMETIC.multiply(number, Decimal(times.numerator))
    return ARITHMETIC.divide(product, Decimal(times.denominator))


def _result(formula: Formula, parents: Mapping[str, Parent], known: Known) -> Calculated:
    try:
        broken = [reason for condition, reason in formula.valid if not is_true(condition, known)]
        if broken:
            return _without(formula, parents, [(NoValue.NOT_APPLICABLE, one) for one in broken])
        number = value_of(formula.expression, known)
        return _with(formula, parents, number)
    except PatientUnknown as unknown:
        why = f"The patient's {unknown} is not known."
        return _without(formula, parents, [(NoValue.PATIENT_UNKNOWN, why)])
    except ArithmeticError:
        why = "These values cannot be calculated with."
        return _without(formula, parents, [(NoValue.IMPOSSIBLE, why)])


def _with(formula: Formula, parents: Mapping[str, Parent], number: Decimal) -> Calculated:
    settings = formula.settings
    step = Decimal(1).scaleb(-settings.decimals)
    rounded = number.quantize(step, rounding=_ROUNDINGS[settings.rounding], context=ARITHMETIC)
    if not rounded:
        rounded = abs(rounded)  # no "-0.0"
    value = ResultValue(
        kind=ValueKind.NUMBER,
        raw=format(rounded, "f"),
        number=rounded,
        rule=f"calculated_{settings.id}",
    )
    return Calculated(settings.id, settings.unit, _ids(formula, parents), value)


def _without(
    formula: Formula, parents: Mapping[str, Parent], faults: Sequence[tuple[NoValue, str]]
) -> Calculated:
    return Calculated(
        formula.settings.id,
        formula.settings.unit,
        _ids(formula, parents),
        reason=faults[0][0],
        why=tuple(text for _, text in faults),
    )


def _ids(formula: Formula, parents: Mapping[str, Parent]) -> tuple[int, ...]:
    names = [one.name for one in formula.settings.inputs]
    return tuple(parents[name].result_id for name in names if name in parents)
