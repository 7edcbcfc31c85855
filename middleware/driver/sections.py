"""The sections of driver.toml about the analyzer itself: who it is, how it is connected, how its link differs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from middleware.driver.quirks import unknown_quirks
from middleware.driver.rules import PathField, Section, Words

# As a line's `driver` setting, a folder and a metric label: short and plain.
DriverId = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)
]
# A module and a function in it; `hooks` is the file hooks.py beside the profile.
HookName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$",
        max_length=200,
    ),
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

    id: DriverId = Field(
        description="Name that a line's `driver` setting uses; never changes.",
        examples=["siemens_immulite"],
    )
    name: str = Field(
        min_length=1, description="Maker and model, for people.", examples=["Siemens Immulite 2000"]
    )
    protocol: str = Field(
        min_length=1,
        description="Protocol that reads this profile: lis2, hl7, law, poct1a, columns or framed.",
        examples=["lis2"],
    )
    roles: tuple[DriverRole, ...] = Field(
        min_length=1,
        description="What the driver can do.",
        examples=[["results", "host_query"]],
    )
    manual: str = Field(
        min_length=1,
        description="Document, edition and section it was written from.",
        examples=["Interface Specification, edition 3, chapter 4"],
    )
    tier: Tier = Field(
        description="How much evidence there is; checked against the cases.", examples=["emulated"]
    )
    reporting: bool = Field(
        default=True,
        description="false: not for reporting. It is not proven that what belongs together (a culture, a run with its "
        "controls) arrives together, so every result is held for a person.",
        examples=[False],
    )


class SerialNeeds(Section):
    """The serial settings that the analyzer can be set to; an empty list: not said."""

    baud: tuple[int, ...] = Field(
        default=(), description="Speeds in bits per second.", examples=[[9600, 19200]]
    )
    data_bits: tuple[int, ...] = Field(
        default=(), description="Data bits of a character.", examples=[[8]]
    )
    parity: tuple[str, ...] = Field(
        default=(), description="none, even, odd, mark or space.", examples=[["none"]]
    )
    stop_bits: tuple[float, ...] = Field(default=(), description="1, 1.5 or 2.", examples=[[1, 2]])


class TransportSection(Section):
    """What the analyzer allows; `labwire check` compares it with the line."""

    tcp: Literal["listen", "connect", "either", "none"] = Field(
        default="either",
        description="Whether our end of TCP listens or connects; `none`: no TCP.",
        examples=["listen"],
    )
    serial: SerialNeeds | Literal[False] = Field(
        default=SerialNeeds(),
        description="Serial settings of the analyzer; false: it has no serial port.",
        examples=[False, {"baud": [9600], "parity": ["none"]}],
    )
    file: bool = Field(
        default=False,
        description="Whether its messages also come as files in a folder.",
        examples=[True],
    )


class LinkSection(Section):
    """How the data link with this analyzer differs from the standard."""

    quirks: tuple[str, ...] = Field(
        default=(),
        description="Tolerated deviations by name; see the list in drivers/README.md.",
        examples=[["line_feed_separators"]],
    )
    receive_s: float | None = Field(
        default=None,
        gt=0,
        le=600,
        description="Silence that ends a session, in seconds (standard: 30).",
        examples=[60],
    )
    reply_deadline_s: float | None = Field(
        default=None,
        gt=0,
        le=60,
        description="Latest reply to a frame in seconds; below the analyzer's own waiting time.",
        examples=[5],
    )
    max_message_bytes: int | None = Field(
        default=None,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Longest message taken, in bytes.",
        examples=[4194304],
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

    analyzer: PathField | None = Field(
        default=None, description="The analyzer's name for itself.", examples=["H-5.1"]
    )
    serial: PathField | None = Field(
        default=None, description="Its serial number.", examples=["H-5.3"]
    )
    control_id: PathField | None = Field(
        default=None, description="The message's own number.", examples=["H-3"]
    )
    sent_at: PathField | None = Field(
        default=None, description="When the message was sent, as text.", examples=["H-14"]
    )


class QuerySection(Section):
    """Where a host query says what it asks for. Paths are read in every repeat of their field."""

    sample_id: PathField = Field(description="The identifier on the tube.", examples=["Q-3.2"])
    carrier: PathField | None = Field(
        default=None, description="Rack or tray, of the first repeat.", examples=["Q-3.3"]
    )
    position: PathField | None = Field(
        default=None, description="Place, of the first repeat.", examples=["Q-3.4"]
    )
    empty_asks_all: bool = Field(
        default=False,
        description="A query that names nothing asks for everything; else it asks for nothing. Read by lis2.",
        examples=[True],
    )
    work_codes: Words = Field(
        default=(),
        description="Status codes (Q-13) that ask for work here, beside none, N and O. Read by lis2.",
        examples=[["F"]],
    )
    all_names: Words = Field(
        default=(),
        description="More names of queries (QPD-1) that ask for everything. Read by hl7.",
        examples=[["Z01"]],
    )


class HookSection(Section):
    """Code for what no key can say: a pure function of what was read. Its author answers for it."""

    decoded: HookName | None = Field(
        default=None,
        description="`module:function`, (Envelope) -> Envelope, called with what was read of each message. `hooks` is "
        "the file hooks.py beside the profile, any other module an installed package's.",
        examples=["hooks:join_names"],
    )
