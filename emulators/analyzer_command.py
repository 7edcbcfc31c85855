"""The command `labwire-emulate analyzer`: the twin of a driver, or an analyzer that speaks LIS01-A2 and LIS02-A2."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from emulators.analyzer import AnalyzerPlan, EmulatedAnalyzer
from emulators.options import (
    CountOption,
    ObligationsOption,
    PaceOption,
    PrefixOption,
    QuietOption,
    SecondsOption,
    SeedOption,
    ZoneOption,
)
from emulators.oracle import Book
from emulators.place import (
    BaudOption,
    ListenOption,
    Place,
    SerialOption,
    TcpOption,
    TlsOption,
    transport_of,
)
from emulators.running import Run, new_prefix, sentence, speaker, the_reactor
from emulators.scenario import load_scenario
from emulators.twin_command import TwinOptions, find_driver, play_twin
from emulators.twin_spoken import Manner
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError


def command(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    name: Annotated[
        str,
        typer.Argument(help="A driver's id: its twin speaks. Else the analyzer's name, as in H-5."),
    ] = "EMULATOR",
    tcp: TcpOption = "",
    listen: ListenOption = "",
    serial: SerialOption = "",
    baud: BaudOption = 9600,
    tls: TlsOption = "",
    folder: Annotated[Path | None, typer.Option(help="A twin writes its files there.")] = None,
    drivers: Annotated[Path | None, typer.Option(help="Folder with a site's own drivers.")] = None,
    manner: Annotated[
        Manner, typer.Option(help="A twin's values: plain, by all rules, or odd ones too.")
    ] = Manner.PLAIN,
    scenario: Annotated[str, typer.Option(help="Name or TOML file.")] = "steady",
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    time_zone: ZoneOption = "UTC",
    count: CountOption = 0,
    every_s: PaceOption = -1.0,
    seconds: SecondsOption = 0.0,
    obligations: ObligationsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Play a scenario as the analyzer of a driver, or as one that speaks LIS01-A2 and LIS02-A2."""
    place, pace = Place(tcp, listen, serial, baud, tls), (count, every_s, seconds)
    told = (obligations, quiet, manner)
    options = TwinOptions(place, folder, scenario, seed, prefix, time_zone, *pace, *told)
    try:
        driver, reactor = find_driver(name, drivers), the_reactor()
        summary = play_twin(driver, options, reactor) if driver else _play(name, options, reactor)
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(sentence(error)) from error
    typer.echo(summary)


def _play(name: str, options: TwinOptions, reactor: Any) -> str:
    """An analyzer that no driver describes; the summary for the person at the keyboard."""
    plan = AnalyzerPlan(
        name=name,
        scenario=load_scenario(options.scenario),
        seed=options.seed,
        prefix=options.prefix or new_prefix(),
        time_zone=zoneinfo.ZoneInfo(options.time_zone),
        count=options.count or None,
        every_s=None if options.every_s < 0 else options.every_s,
    )
    transport = transport_of(options.place)
    with Book(options.obligations) as book:
        emulated = EmulatedAnalyzer(plan, transport, reactor, SystemClock(), book)
        emulated.say = speaker(name, options.quiet)
        run = Run(reactor, emulated.stop, options.seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    return (
        f"{name}: {emulated.acknowledged} messages acknowledged with {emulated.results} results, "
        f"{emulated.not_delivered} sent again; faults: {_faults(emulated.faults.counts)}"
    )


def _faults(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
