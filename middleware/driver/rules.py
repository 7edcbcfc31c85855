"""The rules that a profile is made of: where a text is, how a time is written, what a code means.

How a path is written belongs to the protocol, which checks it when the driver is made: `R-3.4` and `OBX-5.1` are field
and component numbers of the standards, a column of a file has its heading, an XML element its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from middleware.model import AbnormalFlag, ResultStatus, SampleRole

PathText = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Words = tuple[Annotated[str, StringConstraints(min_length=1)], ...]


class Section(BaseModel):
    """Base of every part of a profile: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _from_shorthand(value: object) -> object:
    """A path or a list of paths stands for a table that holds only that."""
    if isinstance(value, str):
        return {"path": value}
    return {"first_of": value} if isinstance(value, list) else value


class PathRule(Section):
    """Where a text is: one path, or the first of several that is not empty. Blanks around the text are dropped."""

    path: PathText | None = Field(
        default=None, description="The only place to look.", examples=["R-3.4"]
    )
    first_of: tuple[PathText, ...] = Field(
        default=(),
        description="Places to look, in order; the first that is not empty counts.",
        examples=[["R-3.4", "R-3.1"]],
    )

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.path is None) == (not self.first_of):
            raise ValueError("give either `path` or `first_of`")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """All places, in order."""
        return self.first_of if self.path is None else (self.path,)


class TimeRule(PathRule):
    """Where a time is and how it is written."""

    format: str = Field(
        default="",
        description="How it is written, as `strptime` has it; empty for the standard's YYYYMMDDHHMMSS.",
        examples=["%d/%m/%Y %H:%M"],
    )


class FlagRule(PathRule):
    """Where the abnormal flags are and what each means."""

    table: Mapping[str, AbnormalFlag] | None = Field(
        default=None,
        description="Meaning of each flag; without it the table of the standard. Others stay instrument flags.",
        examples=[{"+": "high", "-": "low"}],
    )


class StatusRule(PathRule):
    """Where the result status is and what each code means."""

    table: Mapping[str, ResultStatus] | None = Field(
        default=None,
        description='Meaning of each code (`""` for none); without it the table of the standard. Others are `unknown`.',
        examples=[{"F": "final", "": "final"}],
    )


_Short = PathText | Annotated[list[PathText], Field(min_length=1)]
PathField = Annotated[
    PathRule, BeforeValidator(_from_shorthand, json_schema_input_type=_Short | PathRule)
]
TimeField = Annotated[
    TimeRule, BeforeValidator(_from_shorthand, json_schema_input_type=_Short | TimeRule)
]
FlagField = Annotated[
    FlagRule, BeforeValidator(_from_shorthand, json_schema_input_type=_Short | FlagRule)
]
StatusField = Annotated[
    StatusRule, BeforeValidator(_from_shorthand, json_schema_input_type=_Short | StatusRule)
]


class RoleRule(Section):
    """One way to tell a control, calibrator or blank from a patient's specimen: by table or by pattern."""

    path: PathText = Field(description="The field that tells.", examples=["O-12"])
    table: Mapping[str, SampleRole] = Field(
        default_factory=dict,
        description="Role for each text of the field; `*` for any other. Without an entry this rule says nothing.",
        examples=[{"Q": "qc", "C": "calibrator"}],
    )
    pattern: str = Field(
        default="",
        description="Regular expression for the whole text, upper and lower case alike.",
        examples=["QC.*"],
    )
    role: SampleRole | None = Field(
        default=None, description="The role when `pattern` matches.", examples=["qc"]
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if bool(self.table) == bool(self.pattern):
            raise ValueError("give either `table` or `pattern`")
        if bool(self.pattern) != (self.role is not None):
            raise ValueError("`role` belongs to `pattern`, and `pattern` needs a `role`")
        return self

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        return value


class PatientIdRule(Section):
    """One identifier of the patient and whose it is."""

    path: PathText = Field(description="Where the identifier is.", examples=["P-3.1"])
    authority: str = Field(
        default="", description="Who issued it; empty: not known.", examples=["laboratory"]
    )
