"""The settings of one file drop connector."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

NAME_MAX = 180
"""HL7 2.5.1 chapter 2: an HD of MSH-3 to MSH-6 has at most 227 characters; its first part stays below."""


class MessageType(StrEnum):
    """The message that carries results (HL7 2.5.1 chapter 7)."""

    ORU_R01 = "ORU^R01"
    OUL_R22 = "OUL^R22"


class LineEnd(StrEnum):
    """What ends a segment in the file."""

    CR = "cr"  # as HL7 has it
    CR_LF = "cr_lf"
    LF = "lf"


LINE_ENDS = {LineEnd.CR: b"\r", LineEnd.CR_LF: b"\r\n", LineEnd.LF: b"\n"}


class FileDropSettings(BaseModel):
    """What a `[[connector]]` of type `file_drop` says beside `id` and `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(
        description="The folder from which the LIS takes files; relative to this file."
    )
    ending: str = Field(
        default=".hl7", pattern=r"^\.[A-Za-z0-9_]{1,16}$", description="Ending of the files."
    )
    semaphore: str = Field(
        default="",
        pattern=r"^(\.[A-Za-z0-9_]{1,16})?$",
        description="Ending of an empty file that follows each file, for a LIS that waits for one; empty: none.",
    )
    line_end: LineEnd = Field(
        default=LineEnd.CR, description="What ends a segment: `cr` as HL7 has it, `cr_lf` or `lf`."
    )
    most_waiting: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="While so many files lie in the folder, the LIS does not take them: nothing more is written.",
    )
    write_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="Seconds after which a folder counts as hanging."
    )
    message: MessageType = Field(
        default=MessageType.ORU_R01, description="The message that carries results to the LIS."
    )
    sending_application: str = Field(
        default="LABWIRE", max_length=NAME_MAX, description="MSH-3: how Labwire names itself."
    )
    sending_facility: str = Field(
        default="",
        max_length=NAME_MAX,
        description="MSH-4: the laboratory; empty: the node's name.",
    )
    receiving_application: str = Field(
        default="LIS", max_length=NAME_MAX, description="MSH-5: the LIS's own name."
    )
    receiving_facility: str = Field(
        default="", max_length=NAME_MAX, description="MSH-6: the LIS's facility."
    )
