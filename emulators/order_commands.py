"""The commands `labwire-emulate orders` and `labwire-emulate asking`: a LIS that orders, an analyzer that asks."""

from __future__ import annotations

import zoneinfo
from typing import Annotated

import typer

from emulators.asking_analyzer import AskingAnalyzer, AskingPlan
from emulators.options import (
    ObligationsOption,
    PrefixOption,
    QuietOption,
    SecondsOption,
    SeedOption,
    ZoneOption,
)
from emulators.oracle import Book
from emulators.orderer import EmulatedOrderer, OrderPlan, planned_messages
from emulators.place import BaudOption, ListenOption, Place, SerialOption, TcpOption, transport_of
from emulators.running import Run, new_prefix, sentence, speaker, the_reactor
from emulators.specimens import PANELS
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError

commands = typer.Typer()

PanelOption = Annotated[str, typer.Option(help=f"Which tests: {', '.join(PANELS)}.")]
TubesOption = Annotated[int, typer.Option("--count", min=1, help="How many tubes.")]


@commands.command()
def orders(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    tcp: TcpOption = "127.0.0.1:2577",
    count: TubesOption = 10,
    panel: PanelOption = "chem",
    cancel_every: Annotated[
        int, typer.Option(min=0, help="Cancel one test of every so many tubes (0: none).")
    ] = 0,
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    processing_id: Annotated[str, typer.Option(help="MSH-11: P, D (test) or T.")] = "D",
    seconds: SecondsOption = 0.0,
    quiet: QuietOption = False,
) -> None:
    """Send orders as a LIS: OML^O33 over MLLP, each answered before the next."""
    reactor = the_reactor()
    try:
        transport = transport_of(Place(tcp))
        _check_panel(panel)
    except ValueError as error:
        raise typer.BadParameter(sentence(error)) from error
    plan = OrderPlan(count, seed, prefix or new_prefix(), panel, cancel_every)
    messages = planned_messages(plan)
    emulated = EmulatedOrderer(messages, transport, reactor, SystemClock(), processing_id)
    emulated.say = speaker("LIS", quiet)
    run = Run(reactor, emulated.stop, seconds)
    emulated.finished.addCallback(lambda _: run.end())
    run.until_ended(emulated.start)
    said = ", ".join(f"{word} {number}" for word, number in sorted(emulated.answers.items()))
    typer.echo(
        f"LIS: {emulated.acknowledged} messages answered ({said or 'nothing'}), "
        f"{len(emulated.refused)} refused; the tubes begin with {plan.prefix}"
    )


@commands.command()
def asking(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    name: Annotated[str, typer.Argument(help="Name of the analyzer, as in H-5.")] = "ASKING",
    tcp: TcpOption = "",
    listen: ListenOption = "",
    serial: SerialOption = "",
    baud: BaudOption = 9600,
    count: TubesOption = 10,
    panel: PanelOption = "chem",
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    time_zone: ZoneOption = "UTC",
    seconds: SecondsOption = 0.0,
    obligations: ObligationsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Ask for each tube as an ASTM analyzer does, and send results of exactly what was ordered."""
    reactor = the_reactor()
    try:
        transport = transport_of(Place(tcp, listen, serial, baud))
        _check_panel(panel)
        zone = zoneinfo.ZoneInfo(time_zone)
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(sentence(error)) from error
    plan = AskingPlan(name, seed, prefix or new_prefix(), count, zone, panel)
    with Book(obligations) as book:
        emulated = AskingAnalyzer(plan, transport, reactor, SystemClock(), book)
        emulated.say = speaker(name, quiet)
        run = Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    typer.echo(
        f"{name}: {emulated.asked} queries, {emulated.results} results sent, "
        f"{emulated.without_work} tubes without work, {emulated.unanswered} without an answer, "
        f"{len(emulated.strange)} strange answers"
    )


def _check_panel(panel: str) -> None:
    if panel not in PANELS:
        raise ValueError(f"there is no panel {panel!r}; write {', '.join(PANELS)}")
