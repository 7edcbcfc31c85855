"""What `labwire-emulate analyzer` does when its name is a driver's: the twin of that driver speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from emulators.analyzer import AnalyzerPlan, EmulatedAnalyzer
from emulators.files import FilePlan, play
from emulators.oracle import Book
from emulators.place import Place, transport_of
from emulators.poct1a_analyzer import EmulatedPoct1aAnalyzer, Poct1aPlan
from emulators.running import Run, new_prefix, speaker
from emulators.scenario import Deed, Scenario, load_scenario
from emulators.twin import Twin
from emulators.twin_speech import TwinConversation, TwinSource, TwinSpeech
from emulators.twin_spoken import Manner, TwinPlan
from middleware.clock import SystemClock
from middleware.driver.api import Driver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import DriverRole
from middleware.driver.speak import SpeakingDriver
from middleware.errors import DriverError
from middleware.model import SampleRole

POCT1A = "poct1a"  # the one protocol in which the host asks before results are sent


@dataclass(frozen=True, slots=True)
class TwinOptions:
    """What was given on the command line, as for any emulated analyzer. `folder`: where files are written."""

    place: Place
    folder: Path | None = None
    scenario: str = "steady"
    seed: int = 7
    prefix: str = ""
    time_zone: str = "UTC"
    count: int = 0
    every_s: float = -1.0
    seconds: float = 0.0
    obligations: Path | None = None
    quiet: bool = False
    manner: Manner = Manner.PLAIN


def find_driver(name: str, folder: Path | None) -> Driver | None:
    """The driver of that id, of the packages or of a site's own folder; None when there is none."""
    catalogue = load_catalogue([folder] if folder is not None else [])
    known = any(profile.id == name for profile in catalogue.profiles())
    return catalogue.driver(name) if known else None


def play_twin(driver: Driver, options: TwinOptions, reactor: Any) -> str:
    """Speak until the end; the summary for the person at the keyboard.

    Raises DriverError, ValueError or SettingsError for what cannot be played.
    """
    if not isinstance(driver, SpeakingDriver):
        raise DriverError(
            f"{driver.profile.id}: its protocol has no voice, so it has no twin",
            what_to_do="Play a recording instead: labwire-emulate replay.",
        )
    if options.obligations is not None and options.manner is not Manner.PLAIN:
        raise ValueError(
            "the oracle judges plain values alone; leave out --manner or --obligations"
        )
    ZoneInfo(options.time_zone)
    prefix = options.prefix or new_prefix()
    plan = TwinPlan(options.seed, prefix, options.time_zone)
    twin = Twin(driver.profile, driver.voice(), plan)
    player = _Player(twin, options, prefix, reactor)
    for sentence in twin.untold:
        player.say(f"does not show {sentence}")
    return player.play(_scenario_of(twin, options.scenario))


def _scenario_of(twin: Twin, name: str) -> Scenario:
    """The steps that this analyzer can do. One that only asks does so where others would send results."""
    scenario = load_scenario(name)
    roles = twin.profile.driver.roles
    cannot = set() if SampleRole.QC in twin.roles else {Deed.QC}
    if DriverRole.HOST_QUERY not in roles:
        cannot.add(Deed.QUERY)
    instead = {}
    if DriverRole.RESULTS not in roles:
        cannot |= {Deed.RERUN, Deed.QC}
        instead = {Deed.RESULTS: Deed.QUERY}
    steps = [
        step.model_copy(update={"do": instead.get(step.do, step.do)})
        for step in scenario.step
        if step.do not in cannot
    ]
    if not steps:
        raise ValueError(f"{twin.profile.id} can do nothing of the scenario {name}")
    return scenario.model_copy(update={"step": tuple(steps)})


class _Player:
    """I play one twin by the emulated analyzer that fits its protocol."""

    def __init__(self, twin: Twin, options: TwinOptions, prefix: str, reactor: Any) -> None:
        self._twin, self._options, self._prefix, self._reactor = twin, options, prefix, reactor
        self._name = twin.profile.id
        self._source = TwinSource(twin, SystemClock(), options.manner)
        self.say: Callable[[str], None] = speaker(self._name, options.quiet)

    def play(self, scenario: Scenario) -> str:
        """Over a connection, or into a folder."""
        if self._options.folder is not None:
            return self._into_folder(scenario, self._options.folder)
        self._twin.voice.make_link()  # one that writes files says so now
        with Book(self._options.obligations) as book:
            if self._twin.profile.driver.protocol == POCT1A:
                emulated: Any = self._in_conversation(book)
            else:
                emulated = self._by_link(scenario, book)
            emulated.say = self.say
            run = Run(self._reactor, emulated.stop, self._options.seconds)
            emulated.finished.addCallback(lambda _: run.end())
            run.until_ended(emulated.start)
        return (
            f"{self._name}: {emulated.acknowledged} messages acknowledged with {emulated.results} "
            f"results, {emulated.not_delivered} sent again"
        )

    def _by_link(self, scenario: Scenario, book: Book) -> EmulatedAnalyzer:
        options = self._options
        plan = AnalyzerPlan(
            name=self._name,
            scenario=scenario,
            seed=options.seed,
            prefix=self._prefix,
            time_zone=ZoneInfo(options.time_zone),
            count=options.count or None,
            every_s=None if options.every_s < 0 else options.every_s,
            speech=TwinSpeech(self._twin),
            source=self._source,
        )
        return EmulatedAnalyzer(
            plan, transport_of(options.place), self._reactor, SystemClock(), book
        )

    def _in_conversation(self, book: Book) -> EmulatedPoct1aAnalyzer:
        options = self._options
        plan = Poct1aPlan(
            self._name,
            options.seed,
            self._prefix,
            ZoneInfo(options.time_zone),
            count=options.count or None,
            every_s=1.0 if options.every_s < 0 else options.every_s,
            source=self._source,
            messages=TwinConversation(self._twin, self._source),
        )
        return EmulatedPoct1aAnalyzer(
            plan, transport_of(options.place), self._reactor, SystemClock(), book
        )

    def _into_folder(self, scenario: Scenario, folder: Path) -> str:
        options = self._options
        if not folder.is_dir():
            raise typer.BadParameter(f"there is no folder {folder}")
        plan = FilePlan(
            name=self._name,
            scenario=scenario,
            seed=options.seed,
            prefix=self._prefix,
            time_zone=ZoneInfo(options.time_zone),
            folder=folder,
            count=options.count or None,
            every_s=None if options.every_s < 0 else options.every_s,
            source=self._source,
            write=TwinSpeech(self._twin).file,
        )
        return play(plan, self._reactor, options.seconds, options.obligations, quiet=options.quiet)
