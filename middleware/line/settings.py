"""The settings of one line, as a site writes them in a `[[line]]` table (DESIGN 8.3)."""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from middleware.line.order_settings import LineOrders
from middleware.model import ReleaseMode
from middleware.model.sample_id import SampleIdSteps
from middleware.routing.codes import UnmappedRule
from middleware.transport.settings import RelaySettings, TransportSettings

# Lines are metric labels, lease names and file names: keep them short and plain.
LINE_ID = r"^[a-z0-9][a-z0-9_-]{0,39}$"
LONGEST_SAMPLE_ID = 64


class LineSettings(BaseModel):
    """One configured analyzer interface."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(
        pattern=LINE_ID,
        description="Name of the line: lower-case letters, digits, - and _; never changes.",
    )
    driver: str = Field(
        min_length=1, description="Id of the analyzer's driver; see `labwire drivers list`."
    )
    release: ReleaseMode = Field(
        default=ReleaseMode.HOLD_ALL,
        description=(
            "What becomes of sound results: `hold_all` for a person, `auto` to the LIS as final, "
            "`to_lis_unverified` to the LIS as preliminary."
        ),
    )
    time_zone: str | None = Field(
        default=None,
        description="Zone of the analyzer's clock, as Europe/Berlin; else the node's.",
    )
    encoding: str = Field(
        default="latin-1",
        description="Character encoding of the analyzer's messages (a Python codec name).",
    )
    transport: TransportSettings = Field(
        description="How the bytes travel; see the transport types."
    )
    relay: RelaySettings | None = Field(
        default=None,
        description=(
            "The analyzer's present host, as a transport: bytes pass between them unchanged, results are decoded and "
            "reviewed in shadow and never sent. To watch before a change."
        ),
    )
    link: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of the data link for this line, checked by its protocol.",
    )
    answers_on: str = Field(
        default="",
        max_length=40,
        description=(
            "Id of the line whose connection carries the answers to this line's host queries, where the analyzer "
            "takes orders on a connection of its own; empty: the connection that asked."
        ),
    )
    codes: Path | None = Field(
        default=None,
        description=(
            "Table of this line's test codes, a CSV file (see below); instead of the one of `[codes]`. "
            "Without any, codes go to the LIS as the analyzer sends them."
        ),
    )
    unmapped_codes: UnmappedRule | None = Field(
        default=None,
        description=(
            "Results that no row of the table fits: `hold` for a person, or `pass` under the analyzer's own code; "
            "else as `[codes]` says."
        ),
    )
    order_source: str = Field(
        default="",
        max_length=40,
        description="Whose sample ids these are, when several systems give out sample ids.",
    )
    orders: LineOrders = Field(
        default_factory=LineOrders,
        description="How work goes to the analyzer, and what binds its results; see `orders` of a line.",
    )
    sample_ids: SampleIdSteps = Field(
        default_factory=SampleIdSteps,
        description="How its analyzer writes the ids of tubes; see `sample_ids` of a line.",
    )
    sample_id_pattern: str | None = Field(
        default=None,
        description="Regular expression for a whole sample id; others are held.",
    )
    sample_id_min_length: int = Field(
        default=1, ge=1, le=LONGEST_SAMPLE_ID, description="Shortest sample id that is not held."
    )
    sample_id_max_length: int = Field(
        default=LONGEST_SAMPLE_ID,
        ge=1,
        le=LONGEST_SAMPLE_ID,
        description="Longest sample id that is not held.",
    )

    serial_number: str = Field(
        default="",
        max_length=80,
        description="Serial number of the analyzer; a message that names another is refused. Empty: any.",
    )
    clock_tolerance_s: float = Field(
        default=120.0,
        ge=1,
        le=86400,
        description=(
            "Seconds by which the analyzer's clock may be wrong: beyond it there is a warning, and a result measured "
            "that far in the future is held."
        ),
    )
    oldest_result_days: int = Field(
        default=7305,
        ge=1,
        le=36525,
        description="A result measured longer ago, in days, is held; 30 suits an analyzer that keeps little.",
    )
    silent_after_s: float | None = Field(
        default=None,
        ge=60,
        le=31 * 86400,
        description=(
            "Seconds without a message that are a warning at any hour; without it the line's own habit decides, "
            "as learned from the last four weeks."
        ),
    )

    @field_validator("time_zone")
    @classmethod
    def _time_zone_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                zoneinfo.ZoneInfo(value)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(
                    f"unknown time zone {value!r}; write it as Europe/Berlin"
                ) from error
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(
                f"unknown encoding {value!r}; write latin-1, utf-8, cp1252 …"
            ) from error
        return value

    @field_validator("sample_id_pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"no regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _lengths_are_ordered(self) -> LineSettings:
        if self.sample_id_max_length < self.sample_id_min_length:
            raise ValueError("sample_id_max_length must not be below sample_id_min_length")
        return self
