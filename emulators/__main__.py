"""The command `labwire-emulate`: an analyzer, a LIS, or the oracle's verdict on what they wrote."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Annotated, Any

import typer
from twisted.internet import reactor as installed_reactor

from emulators import (
    analyzer_command,
    fhir_lis,
    hl7_analyzer,
    http_lis,
    laboratory_command,
    law_command,
    lis2_lis,
    null_modem,
    order_commands,
    replay,
)
from emulators.file_texts import FileFormat
from emulators.files import FilePlan, play
from emulators.lis import Change, EmulatedLis, parse_conduct, parse_plan
from emulators.options import (
    CountOption,
    ObligationsOption,
    PaceOption,
    PrefixOption,
    QuietOption,
    SecondsOption,
    ZoneOption,
)
from emulators.oracle import Book, judge, read_arrivals, read_obligations
from emulators.place import (
    ListenOption,
    Place,
    TcpOption,
    TlsOption,
    parse_address,
    parse_tls,
    transport_of,
)
from emulators.poct1a_analyzer import EmulatedPoct1aAnalyzer, Poct1aPlan
from emulators.running import Run, new_prefix, sentence, speaker
from emulators.scenario import load_scenario, scenario_names
from emulators.specimens import PANELS
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError
from middleware.transport.reactor import use_monotonic_time

app = typer.Typer(
    help="Emulated analyzers and LIS for a test bench. All people and values are invented.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def poct1a(
    name: Annotated[str, typer.Argument(help="Name of the analyzer, as in DEV.")] = "POC-1",
    tcp: TcpOption = "",
    listen: ListenOption = "",
    tls: TlsOption = "",
    panel: Annotated[str, typer.Option(help=f"Tests: {', '.join(PANELS)}.")] = "immuno",
    seed: Annotated[int, typer.Option(help="The same seed gives the same values.")] = 7,
    prefix: PrefixOption = "",
    time_zone: ZoneOption = "UTC",
    count: CountOption = 0,
    every_s: Annotated[float, typer.Option(help="Pace; 0: as fast as the host asks.")] = 1.0,
    seconds: SecondsOption = 0.0,
    obligations: ObligationsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure and report as a point-of-care analyzer that speaks POCT1-A over TCP."""
    reactor = _reactor()
    if panel not in PANELS:
        raise typer.BadParameter(f"no panel {panel!r}; there are {', '.join(PANELS)}")
    try:
        transport = transport_of(Place(tcp, listen, tls=tls))
        zone = zoneinfo.ZoneInfo(time_zone)
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(sentence(error)) from error
    pace = max(0.0, every_s)
    plan = Poct1aPlan(name, seed, prefix or new_prefix(), zone, panel, count or None, pace)
    with Book(obligations) as book:
        emulated = EmulatedPoct1aAnalyzer(plan, transport, reactor, SystemClock(), book)
        emulated.say = speaker(name, quiet)
        run = Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    typer.echo(
        f"{name}: {emulated.acknowledged} messages acknowledged with {emulated.results} results, "
        f"{emulated.not_delivered} sent again"
    )


@app.command()
def lis(
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on.")] = "127.0.0.1:2576",
    tls: TlsOption = "",
    conduct: Annotated[
        str, typer.Option(help="accept, refuse /10, reject, busy, late 2, mute or away.")
    ] = "accept",
    plan: Annotated[str, typer.Option(help="Changes: 5:away,15:accept,20:late 0.5.")] = "",
    seconds: SecondsOption = 0.0,
    arrivals: Annotated[Path | None, typer.Option(help="File for the oracle.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Take HL7 v2 over MLLP as a LIS, and answer as told."""
    reactor = _reactor()
    try:
        address, secured = parse_address(listen), parse_tls(tls)
        changes: list[Change] = parse_plan(plan) if plan else []
        first = parse_conduct(conduct)
    except ValueError as error:
        raise typer.BadParameter(sentence(error)) from error
    with Book(arrivals) as book:
        emulated = EmulatedLis(address, reactor, SystemClock(), book, secured)
        emulated.say = speaker("LIS", quiet)
        run = Run(reactor, emulated.stop, seconds)
        run.until_ended(lambda: emulated.start([first, *changes]))
    typer.echo(
        f"LIS: {emulated.accepted} messages accepted with {emulated.results} results, "
        f"{emulated.refused} refused, {emulated.unanswered} not answered"
    )


@app.command()
def verdict(
    obligations: Annotated[list[Path], typer.Option(help="File of an analyzer; repeatable.")],
    arrivals: Annotated[Path, typer.Option(help="File of the LIS.")],
) -> None:
    """Say whether all that was acknowledged arrived, exactly once and in order."""
    owed = [obligation for path in obligations for obligation in read_obligations(path)]
    found = judge(owed, read_arrivals(arrivals))
    for line in found.lines():
        typer.echo(line)
    if not found.is_good:
        raise typer.Exit(1)


@app.command()
def scenarios() -> None:
    """List the scenarios that come with Labwire."""
    for name in scenario_names():
        typer.echo(f"{name:16} {load_scenario(name).title}")


@app.command()
def files(
    folder: Annotated[Path, typer.Argument(help="The folder into which files are written.")],
    name: Annotated[str, typer.Option(help="Name of the analyzer.")] = "EMULATOR",
    form: Annotated[
        FileFormat, typer.Option("--format", help="How files are written.")
    ] = FileFormat.ASTM,
    semaphore: Annotated[str, typer.Option(help="Ending of an empty file behind each.")] = "",
    scenario: Annotated[str, typer.Option(help="Name or TOML file.")] = "steady",
    seed: Annotated[int, typer.Option(help="The same seed gives the same values.")] = 7,
    prefix: PrefixOption = "",
    time_zone: ZoneOption = "UTC",
    count: Annotated[int, typer.Option(help="Stop after so many files (0: never).")] = 0,
    every_s: PaceOption = -1.0,
    seconds: SecondsOption = 0.0,
    obligations: ObligationsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Play a scenario as an analyzer that writes files (ASTM text, HL7 v2 or CSV) into a folder."""
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}")
    try:
        plan = FilePlan(
            name=name,
            scenario=load_scenario(scenario),
            seed=seed,
            prefix=prefix or new_prefix(),
            time_zone=zoneinfo.ZoneInfo(time_zone),
            folder=folder,
            form=form,
            semaphore=semaphore,
            count=count or None,
            every_s=None if every_s < 0 else every_s,
        )
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(sentence(error)) from error
    typer.echo(play(plan, _reactor(), seconds, obligations, quiet=quiet))


app.command("analyzer")(analyzer_command.command)


app.command("null-modem")(null_modem.command)


app.command("replay")(replay.command)


app.command("http-lis")(http_lis.command)
app.command("fhir-lis")(fhir_lis.command)


app.command("lis2-lis")(lis2_lis.command)


app.command("law")(law_command.law)


app.command("hl7")(hl7_analyzer.command)


app.command("orders")(order_commands.orders)


app.command("asking")(order_commands.asking)


app.command("laboratory")(laboratory_command.laboratory)


def main() -> None:
    """The entry point of `labwire-emulate`."""
    app()


def _reactor() -> Any:
    use_monotonic_time(installed_reactor)
    return installed_reactor


if __name__ == "__main__":
    main()
