"""The file that `[qc]` names: control materials, lots and levels, what they should give, and what their gates do."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, field_validator, model_validator

from middleware.model.value import Frozen
from middleware.qc.codes import GateMode
from middleware.qc.materials import Control, ControlLot, Material, Place
from middleware.qc.patient_based import PatientQcSettings
from middleware.qc.rules import TWO_LEVELS, RuleChoice, rule_set
from middleware.qc.schedule import Schedule
from middleware.qc.targets import FixedTarget, LearnedTarget

CONTROLS_MOST = 20_000
"""Lots, levels, tests and modules of a large laboratory together; more is a fault of the file."""

Rules = tuple[RuleChoice | str, ...]


def _checked(value: Rules | None) -> Rules | None:
    if value is not None:
        rule_set(value)
    return value


class ControlTable(Frozen):
    """`[[control]]`: what one lot and level should give for one test of a line."""

    lot: str = Field(min_length=1, description="Lot number, as in [[lot]].")
    level: str = Field(min_length=1, description="Level, as in [[lot]].")
    line: str = Field(min_length=1, description="Line on which it is measured.")
    test: str = Field(min_length=1, description="The analyzer's code of the test.")
    analyzer: str = Field(default="", description="Analyzer, as messages name it; else any.")
    module: str = Field(default="", description="Module, as messages name it; else any.")
    unit: str = Field(
        default="", description="Unit of mean and SD; a value in another unit is not judged."
    )
    mean: Decimal | None = Field(default=None, description="Assigned mean.")
    sd: Decimal | None = Field(default=None, gt=0, description="Assigned standard deviation.")
    learned: LearnedTarget | None = Field(
        default=None, description="Mean and SD from the laboratory's own accepted values instead."
    )

    @model_validator(mode="after")
    def _has_one_target(self) -> ControlTable:
        if (self.mean is None) is not (self.sd is None):
            raise ValueError("mean and sd stand together")
        if (self.mean is None) is (self.learned is None):
            raise ValueError("write either mean and sd, or learned = { … }")
        return self

    def control(self, lot: ControlLot) -> Control:
        """The control of that lot."""
        target: FixedTarget | LearnedTarget | None = self.learned
        if self.mean is not None and self.sd is not None:
            target = FixedTarget(mean=self.mean, sd=self.sd)
        if target is None:
            raise ValueError("a control without a target")
        place = Place(line=self.line, analyzer=self.analyzer, module=self.module, test=self.test)
        return Control(lot=lot, place=place, unit=self.unit, target=target)


class PatientsTable(PatientQcSettings):
    """`[[patients]]`: a statistic over patients' results of one test of a line, one for each analyzer and module."""

    line: str = Field(min_length=1, description="Line.")
    test: str = Field(min_length=1, description="The analyzer's code of the test.")
    unit: str = Field(default="", description="Unit of the numbers; others are left out.")
    holds: bool = Field(default=True, description="An alarm holds results; else it only warns.")


class GateTable(Frozen):
    """`[[gate]]`: what is different for some lines and tests. The first that fits counts; a key that it does not
    write is as for all."""

    lines: tuple[str, ...] = Field(default=(), description="Of these lines; none: of all.")
    tests: tuple[str, ...] = Field(default=(), description="Of these tests; none: of all.")
    mode: GateMode | None = Field(default=None, description="observe, enforce or external.")
    bracketing: bool | None = Field(default=None, description="Results wait for the next good run.")
    rules: Rules | None = Field(default=None, description="Westgard rules.")
    schedule: Schedule | None = Field(default=None, description="When a run is due again.")

    _rules_exist = field_validator("rules")(_checked)

    def fits(self, line: str, test: str) -> bool:
        """Whether it is for that test of that line."""
        return line in (self.lines or (line,)) and test in (self.tests or (test,))


class QcFile(Frozen):
    """The whole file. Mode, bracketing, rules and schedule are for all gates that no `[[gate]]` says otherwise of."""

    mode: GateMode = Field(default=GateMode.ENFORCE, description="observe, enforce or external.")
    bracketing: bool = Field(default=False, description="Results wait for the next good run.")
    rules: Rules = Field(default=TWO_LEVELS, description="Westgard rules.")
    schedule: Schedule = Field(default=Schedule(), description="When a run is due again.")
    look_back_days: int = Field(
        default=30,
        ge=1,
        le=366,
        description="Days that a look-back goes back where no accepted run is known.",
    )
    material: tuple[Material, ...] = Field(default=(), description="Control materials.")
    lot: tuple[ControlLot, ...] = Field(default=(), description="Lots of their levels.")
    control: tuple[ControlTable, ...] = Field(
        default=(), max_length=CONTROLS_MOST, description="What a lot should give."
    )
    patients: tuple[PatientsTable, ...] = Field(
        default=(), description="Statistics over patients' results."
    )
    gate: tuple[GateTable, ...] = Field(default=(), description="Gates that differ.")

    _rules_exist = field_validator("rules")(_checked)
