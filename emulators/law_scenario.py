"""What an emulated LAW analyzer does, as a TOML file says it; the schema is documented in the README."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from enum import StrEnum
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from emulators.specimens import PANELS
from middleware.errors import SettingsError


class LawDeed(StrEnum):
    """What a step does."""

    RESULTS = "results"  # a new specimen: asked for, then measured, all tests of the panel
    RERUN = "rerun"  # the last specimen measured once more, as its second run
    FAILED = "failed"  # a new specimen whose first test could not be done
    STATE = "state"  # a new specimen is being measured; there are no results yet
    QC = "qc"
    QUERY = "query"  # asks for the orders of a new specimen and measures nothing
    WAIT = "wait"
    UNPLUG = "unplug"  # the connection breaks between two messages


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LawStep(_Part):
    """One step of a scenario."""

    do: LawDeed = Field(
        description="What happens: results, rerun, failed, state, qc, query, wait, unplug."
    )
    count: int = Field(default=1, ge=1, description="How many times.")
    every_s: float = Field(default=0.0, ge=0, description="Seconds before each of them.")
    panel: str = Field(default="chem", description="Which tests: chem, count or immuno.")

    @field_validator("panel")
    @classmethod
    def _panel_is_known(cls, value: str) -> str:
        if value not in PANELS:
            raise ValueError(f"no panel {value!r}; there are {', '.join(PANELS)}")
        return value


class LawFaults(_Part):
    """How often a fault happens, each as a share from 0 (never) to 1 (always)."""

    no_answer: float = Field(
        default=0, ge=0, le=1, description="Orders (LAB-28) that get no answer."
    )
    repeated_message: float = Field(
        default=0, ge=0, le=1, description="Acknowledged results that are sent once more."
    )
    hang_up: float = Field(
        default=0, ge=0, le=1, description="Messages in whose middle the connection breaks."
    )


class LawTimers(_Part):
    """The analyzer's own timers, in seconds."""

    reply_s: float = Field(
        default=15.0, gt=0, le=120, description="Wait for the reply to a message."
    )
    answer_wait_s: float = Field(
        default=5.0, gt=0, le=120, description="Wait for orders after a query."
    )


class LawScenario(_Part):
    """What one emulated analyzer does from its first message to its last."""

    title: str = Field(description="What this scenario shows.")
    repeats: bool = Field(default=False, description="Begin again after the last step.")
    step: tuple[LawStep, ...] = Field(min_length=1, description="The steps, in order.")
    faults: LawFaults = Field(default_factory=LawFaults, description="What goes wrong.")
    timers: LawTimers = Field(default_factory=LawTimers, description="How long it waits.")

    def deeds(self) -> Iterator[LawStep]:
        """Every deed, one after the other; endless when the scenario repeats."""
        while True:
            for step in self.step:
                for _ in range(step.count):
                    yield step
            if not self.repeats:
                return


def law_scenario_names() -> list[str]:
    """The scenarios that come with Labwire."""
    folder = resources.files("emulators") / "law_scenarios"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_law_scenario(name: str) -> LawScenario:
    """A scenario by its name, or by the path of a TOML file. Raises SettingsError."""
    try:
        if name.endswith(".toml"):
            text = Path(name).read_text("utf-8")
        elif name in law_scenario_names():
            text = (resources.files("emulators") / "law_scenarios" / f"{name}.toml").read_text(
                "utf-8"
            )
        else:
            raise SettingsError(
                f"there is no scenario {name!r}",
                what_to_do=f"Use one of {', '.join(law_scenario_names())}, or the path of a .toml file.",
            )
    except OSError as error:
        raise SettingsError(
            f"cannot read the scenario {name}: {error.strerror}", what_to_do="Check the path."
        ) from error
    return parse_law_scenario(text, name)


def parse_law_scenario(text: str, name: str) -> LawScenario:
    """A scenario from its TOML text. Raises SettingsError."""
    try:
        return LawScenario.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsError(
            f"scenario {name}: {error}", what_to_do="See the schema in emulators/README.md."
        ) from error
