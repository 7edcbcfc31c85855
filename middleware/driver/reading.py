"""The sections of driver.toml about what is read: specimen, result, values and units."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from middleware.driver.rules import (
    FlagField,
    PathField,
    PathText,
    PatientIdRule,
    RoleRule,
    Section,
    StatusField,
    TimeField,
    Words,
)
from middleware.driver.value_rules import ValueRule, two_meanings
from middleware.model import AbnormalFlag

LARGEST_FACTOR = Decimal("1e12")
# Digits and marks of numbers would be taken off a number that they belong to; a sign only behind one.
Mark = Annotated[str, StringConstraints(pattern=r"^([^\s0-9.,<>=:+-]{1,8}|[+-]{1,4})$")]
PointFormat = Annotated[str, StringConstraints(pattern=r"^#{1,15}(\.#{1,15})?$")]


class SpecimenSection(Section):
    """Whose and what the material is: by identifier, never by position."""

    sample_id: PathField = Field(
        description="The identifier on the tube.", examples=[["O-3.1", "P-4"]]
    )
    doubt_other_parts: bool = Field(
        default=False,
        description="Hold when another part of that field could be the identifier; for profiles of no one "
        "analyzer, and where two fields should name one tube.",
        examples=[True],
    )
    instrument_sample_id: PathField | None = Field(
        default=None, description="The analyzer's own number for the specimen.", examples=["O-4"]
    )
    carrier: PathField | None = Field(default=None, description="Rack or tray.", examples=["O-4.2"])
    position: PathField | None = Field(
        default=None, description="Place in the carrier.", examples=["O-4.3"]
    )
    specimen_type: PathField | None = Field(
        default=None, description="Kind of material.", examples=["O-16.1"]
    )
    role: tuple[RoleRule, ...] = Field(
        default=(),
        description="How controls, calibrators and blanks are told; the first rule that finds one counts.",
        examples=[[{"path": "O-3.1", "pattern": "QC-.*", "role": "qc"}]],
    )
    control_lot: PathField | None = Field(
        default=None,
        description="Lot of the control or calibrator; read only where a rule says that it is one.",
        examples=["O-3.2"],
    )
    control_level: PathField | None = Field(
        default=None,
        description="Its level; read only where a rule says that it is a control.",
        examples=["O-3.3"],
    )
    patient_ids: tuple[PatientIdRule, ...] = Field(
        default=(),
        description="Identifiers of the patient.",
        examples=[[{"path": "P-3.1", "authority": "practice"}]],
    )
    patient_name: PathField | None = Field(
        default=None, description="Name, in parts joined by ^.", examples=["P-6"]
    )
    birth_date: PathField | None = Field(
        default=None, description="Birth date, as sent.", examples=["P-8"]
    )
    sex: PathField | None = Field(default=None, description="Sex, as sent.", examples=["P-9"])


class ResultSection(Section):
    """Where the parts of one result are."""

    test_code: PathField = Field(
        description="The analyzer's code for the test.", examples=["R-3.4"]
    )
    test_name: PathField | None = Field(
        default=None, description="Its name for the test.", examples=["R-3.5"]
    )
    test_detail: PathField | None = Field(
        default=None,
        description="What keeps several kinds of one test apart (RLU, cut-off, dose, interpretation); else all that "
        "follows the code in its field.",
        examples=["R-3.8"],
    )
    value: PathText = Field(
        description="The value; a field, or one component of it when the others are known not to be the value.",
        examples=["R-4"],
    )
    unit: PathField | None = Field(default=None, description="The unit, as sent.", examples=["R-5"])
    reference_range: PathField | None = Field(
        default=None, description="The range, as sent.", examples=["R-6"]
    )
    flags: FlagField | None = Field(
        default=None,
        description="Abnormal flags.",
        examples=[{"path": "R-7", "table": {"+": "high", "-": "low"}}],
    )
    no_flag: Words = Field(
        default=(),
        description="Texts of a flag or alarm comment that mean that there is none.",
        examples=[["0", "VAL"]],
    )
    harmless_flags: Words = Field(
        default=(),
        description="Flags of the analyzer's own that change nothing. A result with any other is held.",
        examples=[["RERUN", "AUTO DILUTED"]],
    )
    status: StatusField | None = Field(
        default=None,
        description="Result status.",
        examples=[{"path": "R-9", "table": {"F": "final", "X": "cannot_obtain"}}],
    )
    measured_at: TimeField | None = Field(
        default=None, description="When it was measured.", examples=["R-13"]
    )
    operator: PathField | None = Field(
        default=None, description="Who ran the test.", examples=["R-11"]
    )
    module: PathField | None = Field(
        default=None, description="Part of the analyzer that measured.", examples=["R-14"]
    )
    reagent_lot: PathField | None = Field(
        default=None, description="Lot of the reagent.", examples=["R-15.2"]
    )
    dilution: PathField | None = Field(
        default=None, description="Dilution factor, a plain number.", examples=["R-3.6"]
    )


class Dilution(StrEnum):
    """Whether a value counts the dilution of its specimen already."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"


class ValuesSection(Section):
    """What explains a value that is neither a plain number nor a plain word."""

    rules: tuple[ValueRule, ...] = Field(
        default=(),
        description="Rules in force, by name; see the list in drivers/README.md.",
        examples=[["blank_padding", "decimal_comma"]],
    )
    qualitative: Words = Field(
        default=(),
        description="Words that are values even when the result has a unit.",
        examples=[["Not detected", "Trace"]],
    )
    masked: Words = Field(
        default=(),
        description="Texts that stand where a value should be and are none.",
        examples=[["-1.00", "OVER"]],
    )
    marks: Mapping[Mark, AbnormalFlag | Literal[""]] = Field(
        default_factory=dict,
        description='For the rule flag_in_value: marks in the value\'s field and their meaning (`""`: a flag of the '
        "analyzer's own).",
        examples=[{"H": "high", "L": "low", "!": ""}],
    )
    formats: Mapping[str, PointFormat] = Field(
        default_factory=dict,
        description="For the rule missing_point: test code (`*`: any other) and where the point stands.",
        examples=[{"WBC": "###.##", "HGB": "##.#"}],
    )
    dilution: Dilution | None = Field(
        default=None,
        description="Whether values count the dilution factor already (`applied`) or are multiplied by it here, once "
        "(`not_applied`). Without it a factor other than 1 holds the result.",
        examples=["applied"],
    )

    @model_validator(mode="after")
    def _rules_have_one_meaning(self) -> Self:
        complaints = two_meanings(self.rules)
        for rule, key in ((ValueRule.FLAG_IN_VALUE, "marks"), (ValueRule.MISSING_POINT, "formats")):
            if (rule in self.rules) != bool(getattr(self, key)):
                complaints.append(f"the rule {rule} and the table `{key}` need each other")
        if complaints:
            raise ValueError("; ".join(complaints))
        return self


class UnitRule(Section):
    """What one unit of the analyzer means; a text stands for a table with only `ucum`."""

    ucum: str = Field(
        default="",
        max_length=80,
        description="The same unit in UCUM; empty: looked up in the list of known ones.",
        examples=["10*9/L"],
    )
    unit: str = Field(
        default="",
        max_length=80,
        description="The unit that the value has after multiplication; empty: as sent.",
        examples=["%"],
    )
    factor: Decimal = Field(
        default=Decimal(1),
        gt=0,
        le=LARGEST_FACTOR,
        description="For the rule unit_scale: what the number is multiplied by, written as text.",
        examples=["0.1"],
    )

    @model_validator(mode="after")
    def _says_what_it_becomes(self) -> Self:
        if self.factor != 1 and not self.unit:
            raise ValueError("`factor` needs `unit`, the unit that the value has then")
        return self


def _from_ucum(value: object) -> object:
    return {"ucum": value} if isinstance(value, str) else value


UnitField = Annotated[UnitRule, BeforeValidator(_from_ucum, json_schema_input_type=str | UnitRule)]
