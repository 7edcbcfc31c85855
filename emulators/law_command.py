"""The command `labwire-emulate law`: an analyzer that speaks IHE LAW."""

from __future__ import annotations

import zoneinfo
from typing import Annotated

import typer

from emulators.law_analyzer import EmulatedLawAnalyzer, LawPlan
from emulators.law_scenario import load_law_scenario
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
from emulators.place import ListenOption, Place, TcpOption, TlsOption, transport_of
from emulators.running import Run, new_prefix, sentence, speaker, the_reactor
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError

commands = typer.Typer()


@commands.command()
def law(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    name: Annotated[str, typer.Argument(help="Name of the analyzer, as in MSH-3.")] = "EMULATOR",
    tcp: TcpOption = "",
    listen: ListenOption = "",
    tls: TlsOption = "",
    scenario: Annotated[str, typer.Option(help="steady, unreliable or a TOML file.")] = "steady",
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    time_zone: ZoneOption = "UTC",
    count: CountOption = 0,
    every_s: PaceOption = -1.0,
    seconds: SecondsOption = 0.0,
    obligations: ObligationsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Play a scenario as an analyzer that speaks IHE LAW over MLLP: it asks, takes orders and sends results."""
    reactor = the_reactor()
    try:
        transport = transport_of(Place(tcp, listen, tls=tls))
        plan = LawPlan(
            name=name,
            scenario=load_law_scenario(scenario),
            seed=seed,
            prefix=prefix or new_prefix(),
            time_zone=zoneinfo.ZoneInfo(time_zone),
            count=count or None,
            every_s=None if every_s < 0 else every_s,
        )
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(sentence(error)) from error
    with Book(obligations) as book:
        emulated = EmulatedLawAnalyzer(plan, transport, reactor, SystemClock(), book)
        emulated.say = speaker(name, quiet)
        run = Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    typer.echo(_summary(emulated))


def _summary(emulated: EmulatedLawAnalyzer) -> str:
    faults = ", ".join(f"{one} {count}" for one, count in sorted(emulated.fault_counts.items()))
    return (
        f"{emulated.plan.name}: {emulated.acknowledged} messages acknowledged with {emulated.results} results, "
        f"{emulated.not_delivered} sent again; {emulated.queries} queries, {emulated.negative} answers that there is "
        f"no work, {emulated.ordered} orders; faults: {faults or 'none'}"
    )
