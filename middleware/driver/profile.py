"""The schema of driver.toml: what is declared of one analyzer model. Every field is described; unknown keys are errors.

Paths use the standard's own 1-based numbers (`R-3.4` is field 3, component 4 of a result record; `O-5[2].4` names a
repeat). A path field may be written as a path, as a list of paths (the first that is not empty counts), or as a table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from middleware.driver.quirks import unknown_quirks
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
from middleware.driver.values import ValueRule
from middleware.errors import DriverError

# As a line's `driver` setting, a folder and a metric label: short and plain.
DriverId = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)
]


class DriverRole(StrEnum):
    """What a driver can do. Order download comes with orders."""

    RESULTS = "results"
    HOST_QUERY = "host_query"  # queries are read; where the protocol can, they are answered


class Tier(StrEnum):
    """How much evidence there is for a driver (see the README of this package)."""

    DRAFTED = "drafted"
    EMULATED = "emulated"
    CAPTURED = "captured"
    FIELD = "field"
    REFERENCE = "reference"


class DriverSection(Section):
    """Who this driver is for."""

    id: DriverId = Field(description="Name that a line's `driver` setting uses; never changes.")
    name: str = Field(min_length=1, description="Maker and model, for people.")
    protocol: str = Field(
        min_length=1, description="Protocol that reads this profile, such as lis2."
    )
    roles: tuple[DriverRole, ...] = Field(min_length=1, description="What the driver can do.")
    manual: str = Field(
        min_length=1, description="Document, edition and section it was written from."
    )
    tier: Tier = Field(description="How much evidence there is; checked against the cases.")


class SerialNeeds(Section):
    """The serial settings that the analyzer can be set to; an empty list: not said."""

    baud: tuple[int, ...] = Field(default=(), description="Speeds in bits per second.")
    data_bits: tuple[int, ...] = Field(default=(), description="Data bits of a character.")
    parity: tuple[str, ...] = Field(default=(), description="none, even, odd, mark or space.")
    stop_bits: tuple[float, ...] = Field(default=(), description="1, 1.5 or 2.")


class TransportSection(Section):
    """What the analyzer allows; `labwire check` compares it with the line."""

    tcp: Literal["listen", "connect", "either", "none"] = Field(
        default="either", description="Whether our end of TCP listens or connects; `none`: no TCP."
    )
    serial: SerialNeeds | Literal[False] = Field(
        default=SerialNeeds(),
        description="Serial settings of the analyzer; false: it has no serial port.",
    )
    file: bool = Field(
        default=False, description="Whether its messages also come as files in a folder."
    )


class LinkSection(Section):
    """How the data link with this analyzer differs from the standard."""

    quirks: tuple[str, ...] = Field(
        default=(), description="Tolerated deviations by name; see the list in drivers/README.md."
    )
    receive_s: float | None = Field(
        default=None,
        gt=0,
        le=600,
        description="Silence that ends a session, in seconds (standard: 30).",
    )
    reply_deadline_s: float | None = Field(
        default=None,
        gt=0,
        le=60,
        description="Latest reply to a frame in seconds; below the analyzer's own waiting time.",
    )
    max_message_bytes: int | None = Field(
        default=None, ge=1024, le=64 * 1024 * 1024, description="Longest message taken, in bytes."
    )

    @field_validator("quirks")
    @classmethod
    def _quirks_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        complaints = unknown_quirks(value)
        if complaints:
            raise ValueError("; ".join(complaints))
        return value


class HeaderSection(Section):
    """What the header says of the analyzer and of the message."""

    analyzer: PathField | None = Field(default=None, description="The analyzer's name for itself.")
    serial: PathField | None = Field(default=None, description="Its serial number.")
    control_id: PathField | None = Field(default=None, description="The message's own number.")
    sent_at: PathField | None = Field(
        default=None, description="When the message was sent, as text."
    )


class SpecimenSection(Section):
    """Whose and what the material is: by identifier, never by position."""

    sample_id: PathField = Field(description="The identifier on the tube.")
    doubt_other_parts: bool = Field(
        default=False,
        description="Hold when another part of that field could be the identifier; for profiles of no one analyzer.",
    )
    instrument_sample_id: PathField | None = Field(
        default=None, description="The analyzer's own number for the specimen."
    )
    carrier: PathField | None = Field(default=None, description="Rack or tray.")
    position: PathField | None = Field(default=None, description="Place in the carrier.")
    specimen_type: PathField | None = Field(default=None, description="Kind of material.")
    role: tuple[RoleRule, ...] = Field(
        default=(),
        description="How controls, calibrators and blanks are told; the first rule that finds one counts.",
    )
    control_lot: PathField | None = Field(
        default=None,
        description="Lot of the control or calibrator; read only where a rule says that it is one.",
    )
    control_level: PathField | None = Field(
        default=None, description="Its level; read only where a rule says that it is a control."
    )
    patient_ids: tuple[PatientIdRule, ...] = Field(
        default=(), description="Identifiers of the patient."
    )
    patient_name: PathField | None = Field(default=None, description="Name, in parts joined by ^.")
    birth_date: PathField | None = Field(default=None, description="Birth date, as sent.")
    sex: PathField | None = Field(default=None, description="Sex, as sent.")


class ResultSection(Section):
    """Where the parts of one result are."""

    test_code: PathField = Field(description="The analyzer's code for the test.")
    test_name: PathField | None = Field(default=None, description="Its name for the test.")
    test_detail: PathField | None = Field(
        default=None,
        description="What keeps several kinds of one test apart; else all that follows the code in its field.",
    )
    value: PathText = Field(
        description="The value; a field, or one component of it when the others are known not to be the value."
    )
    unit: PathField | None = Field(default=None, description="The unit, as sent.")
    reference_range: PathField | None = Field(default=None, description="The range, as sent.")
    flags: FlagField | None = Field(default=None, description="Abnormal flags.")
    no_flag: Words = Field(
        default=(), description="Texts of a flag or alarm comment that mean that there is none."
    )
    status: StatusField | None = Field(default=None, description="Result status.")
    measured_at: TimeField | None = Field(default=None, description="When it was measured.")
    operator: PathField | None = Field(default=None, description="Who ran the test.")
    module: PathField | None = Field(
        default=None, description="Part of the analyzer that measured."
    )
    reagent_lot: PathField | None = Field(default=None, description="Lot of the reagent.")
    dilution: PathField | None = Field(default=None, description="Dilution factor, a plain number.")


class QuerySection(Section):
    """Where a host query says what it asks for. Paths are read in every repeat of their field."""

    sample_id: PathField = Field(description="The identifier on the tube.")
    carrier: PathField | None = Field(
        default=None, description="Rack or tray, of the first repeat."
    )
    position: PathField | None = Field(default=None, description="Place, of the first repeat.")


class ValuesSection(Section):
    """What explains a value that is neither a plain number nor a plain word."""

    rules: tuple[ValueRule, ...] = Field(default=(), description="Rules in force, by name.")
    qualitative: Words = Field(
        default=(), description="Words that are values even when the result has a unit."
    )
    masked: Words = Field(
        default=(), description="Texts that stand where a value should be and are none."
    )

    @model_validator(mode="after")
    def _one_meaning_of_comma(self) -> Self:
        if {ValueRule.DECIMAL_COMMA, ValueRule.THOUSANDS_COMMA} <= set(self.rules):
            raise ValueError("decimal_comma and thousands_comma give one comma two meanings")
        return self


class Profile(Section):
    """The declarative part of a driver."""

    driver: DriverSection = Field(description="Who this driver is for.")
    identify: Mapping[PathText, str | tuple[str, ...]] = Field(
        default_factory=dict,
        description="What a header field must say; anything else is a wrong cable, not bad data.",
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
    values: ValuesSection = Field(default=ValuesSection(), description="What explains a value.")
    protocol: Mapping[str, Any] = Field(
        default_factory=dict,
        description="What only this protocol needs, such as the columns of a file; checked by the protocol.",
    )

    @model_validator(mode="after")
    def _queries_are_described(self) -> Self:
        if (DriverRole.HOST_QUERY in self.driver.roles) != (self.query is not None):
            raise ValueError("the role `host_query` and the section `query` need each other")
        return self

    @property
    def id(self) -> str:
        """The driver's id."""
        return self.driver.id

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


def read_profile(text: str, source: str) -> Profile:
    """Read the text of a driver.toml.

    Raises DriverError that names `source`, every mistake and what to write instead.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DriverError(
            f"{source}: {error}", what_to_do="Mend the TOML syntax at the place named."
        ) from error
    try:
        return Profile.model_validate(content)
    except ValidationError as error:
        mistakes = "\n".join(f"  {mistake}" for mistake in describe_mistakes(error, Profile))
        raise DriverError(
            f"{source}: the profile has mistakes\n{mistakes}",
            what_to_do="Correct each key named; middleware/driver/README.md describes them.",
        ) from error


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
