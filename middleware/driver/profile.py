"""The schema of driver.toml: what is declared of one analyzer model. Every field is described; unknown keys are errors.

Paths use the standard's own 1-based numbers (`R-3.4` is field 3, component 4 of a result record; `O-5[2].4` names a
repeat). A path field may be written as a path, as a list of paths (the first that is not empty counts), or as a table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator

from middleware.driver.culture import CultureSection
from middleware.driver.order_section import OrderSection
from middleware.driver.reading import (
    Dilution,
    ResultSection,
    SpecimenSection,
    UnitField,
    UnitRule,
    ValuesSection,
)
from middleware.driver.rules import PathText, Section
from middleware.driver.sections import (
    DriverId,
    DriverRole,
    DriverSection,
    HeaderSection,
    HookSection,
    LinkSection,
    QuerySection,
    SerialNeeds,
    Tier,
    TransportSection,
)
from middleware.driver.units import UCUM
from middleware.driver.value_rules import ValueRule
from middleware.errors import DriverError

__all__ = [
    "Dilution",
    "DriverId",
    "DriverRole",
    "DriverSection",
    "HeaderSection",
    "HookSection",
    "LinkSection",
    "Profile",
    "QuerySection",
    "ResultSection",
    "SerialNeeds",
    "SpecimenSection",
    "Tier",
    "TransportSection",
    "UnitRule",
    "ValuesSection",
    "describe_mistakes",
    "read_profile",
]


class Profile(Section):
    """The declarative part of a driver."""

    driver: DriverSection = Field(description="Who this driver is for.")
    identify: Mapping[PathText, str | tuple[str, ...]] = Field(
        default_factory=dict,
        description="What a header field must say; anything else is a wrong cable, not bad data.",
        examples=[{"H-5.1": "IMMULITE"}],
    )
    transport: TransportSection = Field(
        default=TransportSection(), description="What the analyzer allows."
    )
    link: LinkSection = Field(default=LinkSection(), description="How its data link differs.")
    header: HeaderSection = Field(default=HeaderSection(), description="What the header says.")
    specimen: SpecimenSection = Field(description="Whose and what the material is.")
    result: ResultSection = Field(description="Where the parts of a result are.")
    query: QuerySection | None = Field(
        default=None, description="Where a host query says what it asks for."
    )
    order: OrderSection | None = Field(
        default=None,
        description="How work is written for the analyzer, in answer to its query. Read by lis2.",
    )
    values: ValuesSection = Field(default=ValuesSection(), description="What explains a value.")
    units: Mapping[str, UnitField] = Field(
        default_factory=dict,
        description="What the analyzer's units mean: the unit as sent, and the same in UCUM or a table. Case counts.",
        examples=[{"G/L": "10*9/L", "10^(-1)%": {"unit": "%", "factor": "0.1"}}],
    )
    culture: CultureSection | None = Field(
        default=None,
        description="Microbiology: which isolate a result is of. Read by hl7 and lis2.",
    )
    hook: HookSection = Field(default=HookSection(), description="Code for what no key can say.")
    protocol: Mapping[str, Any] = Field(
        default_factory=dict,
        description="What only this protocol needs, such as the columns of a file; checked by the protocol.",
        examples=[{"run": "OBX-4"}],
    )
    _folder: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _queries_are_described(self) -> Self:
        if (DriverRole.HOST_QUERY in self.driver.roles) != (self.query is not None):
            raise ValueError("the role `host_query` and the section `query` need each other")
        return self

    @model_validator(mode="after")
    def _orders_answer_queries(self) -> Self:
        if self.order is not None and self.query is None:
            raise ValueError("the section `order` needs the section `query`")
        return self

    @model_validator(mode="after")
    def _units_and_rules_fit(self) -> Self:
        rules = self.values.rules
        has_factors = any(rule.factor != 1 for rule in self.units.values())
        if has_factors and ValueRule.UNIT_SCALE not in rules:
            raise ValueError("units: a `factor` needs the rule unit_scale in values.rules")
        if ValueRule.UNIT_SCALE in rules and not self.units:
            raise ValueError("values.rules: unit_scale needs the section `units`")
        if {ValueRule.FLAG_IN_VALUE, ValueRule.UNIT_IN_VALUE} <= set(rules):
            both = sorted(self.values.marks.keys() & {*UCUM, *self.units})
            if both:
                raise ValueError(f"values.marks: {', '.join(both)} is a unit too")
        return self

    @property
    def id(self) -> str:
        """The driver's id."""
        return self.driver.id

    def lying_in(self, folder: Path | None) -> Self:
        """This profile, knowing where its file lies."""
        self._folder = folder
        return self

    @property
    def folder(self) -> Path | None:
        """Where the profile's file lies; None when it came from elsewhere."""
        return self._folder

    def allows_transport(self, kind: str) -> bool:
        """Whether a line with transport type `kind` (`tcp_listen`, `serial` …) fits this analyzer.

        A serial analyzer behind a device server may be on either end of TCP, so where there is a serial port `tcp` is
        what the analyzer itself has.
        """
        tcp = {
            "listen": ("tcp_listen",),
            "connect": ("tcp_connect",),
            "either": ("tcp_listen", "tcp_connect"),
            "none": (),
        }[self.transport.tcp]
        serial = ("serial", "rfc2217") if self.transport.serial is not False else ()
        return kind in (*tcp, *serial, *(("file_drop",) if self.transport.file else ()))


def read_profile(text: str, source: str, folder: Path | None = None) -> Profile:
    """Read the text of a driver.toml. `folder` is where the file lies, and its hooks.py if it has one.

    Raises DriverError that names `source`, every mistake and what to write instead.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DriverError(
            f"{source}: {error}", what_to_do="Mend the TOML syntax at the place named."
        ) from error
    try:
        profile = Profile.model_validate(content)
    except ValidationError as error:
        mistakes = "\n".join(f"  {mistake}" for mistake in describe_mistakes(error, Profile))
        raise DriverError(
            f"{source}: the profile has mistakes\n{mistakes}",
            what_to_do="Correct each key named; middleware/driver/README.md describes them.",
        ) from error
    return profile.lying_in(folder)


def describe_mistakes(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One sentence for each mistake, with the nearest key for an unknown one."""
    return [_describe(mistake, model) for mistake in error.errors()]


def _describe(mistake: Mapping[str, Any], model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in mistake["loc"]) or "profile"
    if mistake["type"] != "extra_forbidden":
        return f"{where}: {mistake['msg'].removeprefix('Value error, ')}"
    near = get_close_matches(str(mistake["loc"][-1]), _keys_at(mistake["loc"][:-1], model), n=1)
    return f"{where}: unknown key" + (f"; did you mean {near[0]!r}?" if near else "")


def _keys_at(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys that may stand at a place: of the whole, or of one of its sections."""
    if not location:
        return list(model.model_fields)
    section = model.model_fields.get(str(location[0]))
    part = section.annotation if section is not None else None
    if len(location) == 1 and isinstance(part, type) and issubclass(part, BaseModel):
        return list(part.model_fields)
    return []
