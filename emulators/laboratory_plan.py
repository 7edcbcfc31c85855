"""The plan of an emulated laboratory: its LIS's orders and its analyzers, as a TOML file."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from emulators.specimens import PANELS


class Speaks(StrEnum):
    """What an analyzer of the laboratory speaks."""

    ASTM = "astm"
    LAW = "law"


class StationTable(BaseModel):
    """One `[[station]]`: an analyzer. Exactly one of `tcp` and `serial` says where it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=40)
    speaks: Speaks = Speaks.ASTM
    panel: str
    tcp: str = ""
    serial: str = ""
    baud: int = 9600
    asks: bool = True  # false: it waits for what it is told
    measure_s: float = Field(default=0.05, ge=0, le=600)
    refuse_every: int = Field(
        default=0, ge=0
    )  # of so many tubes it refuses one test of one; 0: none

    @field_validator("panel")
    @classmethod
    def _panel_exists(cls, value: str) -> str:
        if value not in PANELS:
            raise ValueError(f"no panel {value!r}; there are {', '.join(PANELS)}")
        return value


class LaboratoryPlan(BaseModel):
    """The whole file. `orders`: HOST:PORT where the node takes orders. `rerun_above`: test to the value above which the
    node has it measured again, so that a person puts the tube on once more. Every n-th tube: `cancel_every` one test is
    cancelled at once, `late_every` one later, `add_every` tests are added later, `again_every` one is cancelled and
    ordered anew; 0: none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    orders: str
    count: int = Field(ge=1)
    prefix: str = Field(min_length=1, max_length=10)
    seed: int = 7
    cancel_every: int = Field(default=5, ge=0)
    late_every: int = Field(default=7, ge=0)
    add_every: int = Field(default=6, ge=0)
    again_every: int = Field(default=11, ge=0)
    rerun_above: dict[str, float] = {}
    station: tuple[StationTable, ...] = Field(min_length=1)


def load_plan(path: Path) -> LaboratoryPlan:
    """Raises ValueError with every mistake, and OSError."""
    return LaboratoryPlan.model_validate(tomllib.loads(path.read_text("utf-8")))
