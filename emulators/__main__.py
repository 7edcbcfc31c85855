"""The command `labwire-emulate`: an analyzer, a LIS, or the oracle's verdict on what they wrote."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred

from emulators.analyzer import AnalyzerPlan, EmulatedAnalyzer
from emulators.lis import Change, EmulatedLis, parse_conduct, parse_plan
from emulators.oracle import Book, judge, read_arrivals, read_obligations
from emulators.scenario import load_scenario, scenario_names
from middleware.clock import SystemClock
from middleware.errors import MiddlewareError
from middleware.transport.base import Address
from middleware.transport.reactor import use_monotonic_time
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings

HIGHEST_PORT = 65535
# Sample ids must not repeat between two runs; a run's prefix is its start in tenths of a second.
PREFIX_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"

app = typer.Typer(
    help="Emulated analyzers and LIS for a test bench. All people and values are invented.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def analyzer(
    name: Annotated[str, typer.Argument(help="Name of the analyzer, as in H-5.")] = "EMULATOR",
    tcp: Annotated[str, typer.Option(help="HOST:PORT to connect to.")] = "",
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on, instead of --tcp.")] = "",
    scenario: Annotated[str, typer.Option(help="Name or TOML file.")] = "steady",
    seed: Annotated[int, typer.Option(help="The same seed gives the same values and faults.")] = 7,
    prefix: Annotated[str, typer.Option(help="Of sample ids; new in each run if empty.")] = "",
    time_zone: Annotated[str, typer.Option(help="Zone of the analyzer's clock.")] = "UTC",
    count: Annotated[int, typer.Option(help="Stop after so many messages (0: never).")] = 0,
    every_s: Annotated[float, typer.Option(help="Pace; -1: as the scenario says.")] = -1.0,
    seconds: Annotated[float, typer.Option(help="Stop after so long (0: never).")] = 0.0,
    obligations: Annotated[Path | None, typer.Option(help="File for the oracle.")] = None,
    quiet: Annotated[bool, typer.Option(help="Print only the summary.")] = False,
) -> None:
    """Play a scenario as an analyzer that speaks LIS01-A2 and LIS02-A2 over TCP."""
    reactor = _reactor()
    try:
        transport = _transport(tcp, listen)
        plan = AnalyzerPlan(
            name=name,
            scenario=load_scenario(scenario),
            seed=seed,
            prefix=prefix or _new_prefix(),
            time_zone=zoneinfo.ZoneInfo(time_zone),
            count=count or None,
            every_s=None if every_s < 0 else every_s,
        )
    except (MiddlewareError, ValueError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise typer.BadParameter(_sentence(error)) from error
    with Book(obligations) as book:
        emulated = EmulatedAnalyzer(plan, transport, reactor, SystemClock(), book)
        emulated.say = _speaker(name, quiet)
        run = _Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    typer.echo(
        f"{name}: {emulated.acknowledged} messages acknowledged with {emulated.results} results, "
        f"{emulated.not_delivered} sent again; faults: {_faults(emulated.faults.counts)}"
    )


@app.command()
def lis(
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on.")] = "127.0.0.1:2576",
    conduct: Annotated[
        str, typer.Option(help="accept, refuse /10, reject, busy, late 2, mute or away.")
    ] = "accept",
    plan: Annotated[str, typer.Option(help="Changes: 5:away,15:accept,20:late 0.5.")] = "",
    seconds: Annotated[float, typer.Option(help="Stop after so long (0: never).")] = 0.0,
    arrivals: Annotated[Path | None, typer.Option(help="File for the oracle.")] = None,
    quiet: Annotated[bool, typer.Option(help="Print only the summary.")] = False,
) -> None:
    """Take HL7 v2 over MLLP as a LIS, and answer as told."""
    reactor = _reactor()
    try:
        address = _address(listen)
        changes: list[Change] = parse_plan(plan) if plan else []
        first = parse_conduct(conduct)
    except ValueError as error:
        raise typer.BadParameter(_sentence(error)) from error
    with Book(arrivals) as book:
        emulated = EmulatedLis(address, reactor, SystemClock(), book)
        emulated.say = _speaker("LIS", quiet)
        run = _Run(reactor, emulated.stop, seconds)
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


def main() -> None:
    """The entry point of `labwire-emulate`."""
    app()


def _reactor() -> Any:
    use_monotonic_time(installed_reactor)
    return installed_reactor


class _Run:
    """The reactor's run: until a signal, for `seconds`, or until `end`; ends in good order."""

    def __init__(self, reactor: Any, stop: Callable[[], Any], seconds: float) -> None:
        self._reactor = reactor
        self._stop = stop
        self._seconds = seconds
        self._is_ending = False

    def until_ended(self, start: Callable[[], None]) -> None:
        """Run, and start; what cannot start is told as a mistake of usage."""
        failures: list[MiddlewareError] = []

        def begin() -> None:
            try:
                start()
            except MiddlewareError as error:
                failures.append(error)
                self.end()

        self._reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        # In the first turn of the loop: from the first word that is said, a signal ends it in good order.
        self._reactor.callLater(0, begin)
        if self._seconds > 0:
            self._reactor.callLater(self._seconds, self.end)
        self._reactor.run()
        for failure in failures:
            raise typer.BadParameter(_sentence(failure)) from failure

    def end(self) -> None:
        """End the run; harmless when it is ending already."""
        if not self._is_ending:
            self._is_ending = True
            self._reactor.callWhenRunning(self._reactor.stop)

    def _shut_down(self) -> Deferred[None]:
        self._is_ending = True  # also when a signal ended it
        return Deferred.fromCoroutine(self._stop())


def _transport(tcp: str, listen: str) -> TcpConnectSettings | TcpListenSettings:
    if bool(tcp) == bool(listen):
        raise ValueError("give either --tcp HOST:PORT or --listen HOST:PORT")
    address = _address(tcp or listen)
    if tcp:
        return TcpConnectSettings(
            type="tcp_connect", host=address.host, port=address.port, retry_longest_s=5.0
        )
    return TcpListenSettings(type="tcp_listen", host=address.host, port=address.port)


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise ValueError(f"{text!r} is no HOST:PORT")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


def _new_prefix() -> str:
    moment = int(SystemClock().utc_now().timestamp() * 10)
    letters = ""
    for _ in range(6):
        moment, place = divmod(moment, len(PREFIX_LETTERS))
        letters = PREFIX_LETTERS[place] + letters
    return f"{letters}-"


def _speaker(name: str, quiet: bool) -> Callable[[str], None]:
    return (lambda _: None) if quiet else (lambda text: typer.echo(f"{name}: {text}"))


def _sentence(error: Exception) -> str:
    advice = getattr(error, "what_to_do", "")
    return f"{error}. {advice}" if advice else str(error)


def _faults(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    main()
