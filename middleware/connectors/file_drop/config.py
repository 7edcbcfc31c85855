"""The settings of one file drop connector."""

from __future__ import annotations

import codecs
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from middleware.connectors.order_settings import OrderRules
from middleware.payload.hl7_orders import USUAL_SAMPLE_ID
from middleware.transport.file_settings import FileDropSettings as FolderSettings
from middleware.transport.file_settings import FileReady
from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7 import Path as Hl7Path

NAME_MAX = 180
"""HL7 2.5.1 chapter 2: an HD of MSH-3 to MSH-6 has at most 227 characters; its first part stays below."""


class MessageType(StrEnum):
    """What a file with results holds: a message of HL7 2.5.1 (chapter 7), LIS2 records, or our JSON; the last two in
    UTF-8."""

    ORU_R01 = "ORU^R01"
    OUL_R22 = "OUL^R22"
    LIS2 = "LIS2"
    JSON = "JSON"


class LineEnd(StrEnum):
    """What ends a segment in the file."""

    CR = "cr"  # as HL7 has it
    CR_LF = "cr_lf"
    LF = "lf"


LINE_ENDS = {LineEnd.CR: b"\r", LineEnd.CR_LF: b"\r\n", LineEnd.LF: b"\n"}


class OrdersFormat(StrEnum):
    """What a file of orders holds."""

    HL7 = "hl7"  # one OML^O21, OML^O33 or ORM^O01
    CSV = "csv"  # one test in each row


class OrdersFolder(OrderRules):
    """`orders` of a connector: the LIS also writes files of orders."""

    folder: Path = Field(
        description="The folder from which files of orders are taken; relative to this file."
    )
    format: OrdersFormat = Field(
        default=OrdersFormat.HL7, description="What the files hold: `hl7` or `csv`."
    )
    pattern: str = Field(
        default="*",
        min_length=1,
        description="Which files are taken, as *.hl7; names that begin with . or ~ or end in .tmp or .part never are.",
    )
    ready: FileReady = Field(
        default=FileReady.STABLE,
        description="How a file is known to be complete: `stable`, `semaphore` or `at_once`.",
    )
    stable_s: float = Field(
        default=5.0,
        ge=0,
        le=3600,
        description="Seconds for which size and time of a file must stay the same (`stable`).",
    )
    semaphore: str = Field(
        default=".ok", pattern=r"^\.[A-Za-z0-9_]+$", description="Ending of the semaphore file."
    )
    poll_s: float = Field(
        default=2.0, gt=0, le=3600, description="Seconds between two looks into the folder."
    )
    processed: str = Field(
        default="processed",
        min_length=1,
        description="Where files go that were taken, by day; relative to `folder`, on the same disk.",
    )
    refused: str = Field(
        default="refused",
        min_length=1,
        description="Where files go of which nothing could be taken, each with a .err file that says why.",
    )
    answers: Path | None = Field(
        default=None,
        description="Where answers are written, one for each file; none: the folder `answers` in `folder`.",
    )
    max_file_bytes: int = Field(
        default=1024 * 1024, ge=1, le=16 * 1024 * 1024, description="A longer file is not taken."
    )
    sample_id: tuple[str, ...] = Field(
        default=USUAL_SAMPLE_ID,
        min_length=1,
        description="HL7: where an order has the sample id of the tube's label: the first that is not empty.",
    )
    delimiter: str = Field(
        default=",", pattern=r"^[,;|\t]$", description="CSV: what stands between two columns."
    )
    encoding: str = Field(default="utf-8", description="CSV: the encoding (a Python codec name).")

    @field_validator("sample_id")
    @classmethod
    def _paths_can_be_read(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            try:
                Hl7Path.parse(path)
            except LocalProtocolError as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str) -> str:
        try:
            codecs.lookup(value)
            "A".encode(value)
        except (LookupError, ValueError) as error:
            raise ValueError(f"{value!r} is no character encoding that is known") from error
        return value

    @property
    def answer_folder(self) -> Path:
        """Where answers are written."""
        return self.answers if self.answers is not None else self.folder / "answers"

    @property
    def transport(self) -> FolderSettings:
        """The folder as a transport looks into it."""
        return FolderSettings(
            type="file_drop",
            folder=self.folder,
            pattern=self.pattern,
            ready=self.ready,
            stable_s=self.stable_s,
            semaphore=self.semaphore,
            poll_s=self.poll_s,
            processed=self.processed,
            failed=self.refused,
            max_file_bytes=self.max_file_bytes,
        )


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
        default=MessageType.ORU_R01,
        description="What a file holds: an HL7 message, `LIS2` records or a `JSON` document, in UTF-8.",
    )
    sending_application: str = Field(
        default="LABWIRE", max_length=NAME_MAX, description="MSH-3, H-5: how Labwire names itself."
    )
    sending_facility: str = Field(
        default="",
        max_length=NAME_MAX,
        description="MSH-4: the laboratory; empty: the node's name.",
    )
    receiving_application: str = Field(
        default="LIS", max_length=NAME_MAX, description="MSH-5, H-10: the LIS's own name."
    )
    receiving_facility: str = Field(
        default="", max_length=NAME_MAX, description="MSH-6: the LIS's facility."
    )
    orders: OrdersFolder | None = Field(
        default=None,
        description='The LIS also writes files of orders: where they are taken from, as { folder = "..." }.',
    )
