"""What an emulated analyzer does, as a TOML file says it; the schema is documented in the README."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from emulators.specimens import PANELS
from middleware.errors import SettingsError
from middleware.wire.lis1.options import Packaging

Share = float


class Deed(StrEnum):
    """What a step does."""

    RESULTS = "results"  # new specimens, all tests of the panel
    RERUN = "rerun"  # the last specimen measured once more
    QC = "qc"
    QUERY = "query"  # asks for the orders of a new specimen
    WAIT = "wait"
    UNPLUG = "unplug"  # the connection breaks between two messages


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Part):
    """One step of a scenario."""

    do: Deed = Field(description="What happens: results, rerun, qc, query, wait or unplug.")
    count: int = Field(default=1, ge=1, description="How many times.")
    every_s: float = Field(default=0.0, ge=0, description="Seconds before each of them.")
    panel: str = Field(default="chem", description="Which tests: chem, count or immuno.")

    @field_validator("panel")
    @classmethod
    def _panel_is_known(cls, value: str) -> str:
        if value not in PANELS:
            raise ValueError(f"no panel {value!r}; there are {', '.join(PANELS)}")
        return value


class FaultShares(_Part):
    """How often a fault happens, each as a share from 0 (never) to 1 (always)."""

    bad_checksum: Share = Field(default=0, ge=0, le=1, description="Frames with a wrong checksum.")
    repeated_frame: Share = Field(
        default=0, ge=0, le=1, description="Acknowledged frames that are sent once more."
    )
    lost_ack: Share = Field(
        default=0, ge=0, le=1, description="Replies of the host that the analyzer never hears."
    )
    split_writes: Share = Field(default=0, ge=0, le=1, description="Frames cut into two writes.")
    joined_writes: Share = Field(
        default=0, ge=0, le=1, description="Ends of session that leave with the next session's ENQ."
    )
    contention: Share = Field(
        default=0, ge=0, le=1, description="Sessions of the host that meet an ENQ of ours."
    )
    hang_up: Share = Field(
        default=0, ge=0, le=1, description="Frames in whose middle the connection breaks."
    )

    @property
    def is_none(self) -> bool:
        """Nothing goes wrong."""
        return not any(getattr(self, name) for name in type(self).model_fields)


class LinkChoices(_Part):
    """How the emulated analyzer speaks LIS01-A2."""

    packaging: Packaging = Field(
        default=Packaging.RECORD_PER_FRAME, description="How messages are cut into frames."
    )
    frame_text: int = Field(default=240, ge=16, le=63993, description="Longest text of a frame.")
    frame_reply_s: float = Field(
        default=15.0, gt=0, le=60, description="Seconds to wait for the reply to a frame."
    )
    busy_backoff_s: float = Field(
        default=10.0, gt=0, le=60, description="Seconds to wait after the host refused a session."
    )


class Scenario(_Part):
    """What one emulated analyzer does from its first message to its last."""

    title: str = Field(description="What this scenario shows.")
    repeats: bool = Field(default=False, description="Begin again after the last step.")
    step: tuple[Step, ...] = Field(min_length=1, description="The steps, in order.")
    faults: FaultShares = Field(default_factory=FaultShares, description="What goes wrong.")
    link: LinkChoices = Field(default_factory=LinkChoices, description="How it speaks.")

    def deeds(self) -> Iterator[Step]:
        """Every deed, one after the other; endless when the scenario repeats."""
        while True:
            for step in self.step:
                for _ in range(step.count):
                    yield step
            if not self.repeats:
                return


def scenario_names() -> list[str]:
    """The scenarios that come with Labwire."""
    folder = resources.files("emulators") / "scenarios"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_scenario(name: str) -> Scenario:
    """A scenario by its name, or by the path of a TOML file. Raises SettingsError."""
    path = Path(name)
    if path.suffix == ".toml":
        text = _read(path)
    elif name in scenario_names():
        text = (resources.files("emulators") / "scenarios" / f"{name}.toml").read_text("utf-8")
    else:
        raise SettingsError(
            f"there is no scenario {name!r}",
            what_to_do=f"Use one of {', '.join(scenario_names())}, or the path of a .toml file.",
        )
    return parse_scenario(text, name)


def parse_scenario(text: str, name: str) -> Scenario:
    """A scenario from its TOML text. Raises SettingsError."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
        return Scenario.model_validate(table)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsError(
            f"scenario {name}: {error}", what_to_do="See the schema in emulators/README.md."
        ) from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise SettingsError(
            f"cannot read the scenario {path}: {error.strerror}", what_to_do="Check the path."
        ) from error
