"""The command `labwire-emulate laboratory`: a LIS and all analyzers of a laboratory, as a plan says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from emulators.laboratory import Laboratory
from emulators.laboratory_plan import load_plan
from emulators.options import SecondsOption
from emulators.oracle import Book
from emulators.running import Run, the_reactor
from middleware.clock import SystemClock

commands = typer.Typer()


@commands.command()
def laboratory(
    plan: Annotated[Path, typer.Argument(help="TOML file with the LIS and its analyzers.")],
    book: Annotated[Path, typer.Option(help="File for what happens, one JSON line each.")],
    seconds: SecondsOption = 0.0,
) -> None:
    """Order, carry tubes, measure and send until everything that was ordered is done."""
    reactor = the_reactor()
    try:
        loaded = load_plan(plan)
    except (OSError, ValueError, ValidationError) as error:
        raise typer.BadParameter(str(error)) from error
    with Book(book) as written:
        emulated = Laboratory(loaded, reactor, SystemClock(), written)
        run = Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    typer.echo(f"laboratory: {emulated.summary()}")
    if not emulated.finished.called:
        typer.echo("not everything that was ordered was done in time", err=True)
        raise typer.Exit(1)
