"""The options that every emulator's command has, with one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SeedOption = Annotated[
    int, typer.Option("--seed", help="The same seed gives the same values and faults.")
]
PrefixOption = Annotated[
    str, typer.Option("--prefix", help="Of sample ids; new in each run if empty.")
]
ZoneOption = Annotated[str, typer.Option("--time-zone", help="Zone of the analyzer's clock.")]
CountOption = Annotated[
    int, typer.Option("--count", help="Stop after so many messages (0: never).")
]
PaceOption = Annotated[float, typer.Option("--every-s", help="Pace; -1: as the scenario says.")]
SecondsOption = Annotated[float, typer.Option("--seconds", help="Stop after so long (0: never).")]
ObligationsOption = Annotated[
    Path | None, typer.Option("--obligations", help="File for the oracle.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print only the summary.")]
