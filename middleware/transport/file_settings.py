"""The settings of file drop: one side writes files into a folder, the other takes them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_FILE_BYTES = 16 * 1024 * 1024


class FileReady(StrEnum):
    """How a file is known to be complete."""

    STABLE = "stable"  # size and time unchanged for `stable_s`
    SEMAPHORE = (
        "semaphore"  # an (empty) file of the same name with `semaphore` as its ending follows
    )
    AT_ONCE = "at_once"  # the writer renames complete files into the folder


class FileDropSettings(BaseModel):
    """A folder into which the analyzer's software writes one file for each message or run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["file_drop"] = Field(
        description='"file_drop": the analyzer\'s software writes files into a folder.'
    )
    folder: Path = Field(description="The folder that is looked into; relative to this file.")
    pattern: str = Field(
        default="*",
        min_length=1,
        description="Which files are taken, as *.csv; names that begin with . or ~ or end in .tmp or .part never are.",
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
        description="Where stored files go, by day; relative to `folder`, on the same disk.",
    )
    failed: str = Field(
        default="failed",
        min_length=1,
        description="Where files go that cannot be taken, each with a .err file that says why.",
    )
    max_file_bytes: int = Field(
        default=LONGEST_FILE_BYTES,
        ge=1,
        le=256 * 1024 * 1024,
        description="A longer file is not taken.",
    )
    out_folder: Path | None = Field(
        default=None,
        description="Where files for the analyzer are written (orders); none: nothing is written.",
    )
