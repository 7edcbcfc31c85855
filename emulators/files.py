"""An emulated analyzer whose software writes one file for each message into a folder.

A message is the analyzer's until its file has been taken away: then it becomes an obligation and is written to the
book. A file that lies in `failed` was not taken, and is told. Files are written under another name and renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from emulators.file_texts import FileFormat, file_text
from emulators.oracle import Book, Expectation, Obligation, obligation_line
from emulators.running import Run, speaker
from emulators.scenario import Deed, Scenario, Step
from emulators.specimens import EmulatedSpecimen, Source, SpecimenSource
from middleware.clock import Clock, SystemClock
from middleware.transport.file_writer import write_file

LOOK_EVERY_S = 0.1
_OWN_ENDING = "txt"


@dataclass(frozen=True, slots=True)
class FilePlan:
    """Who the analyzer is, what it does and where it writes. `semaphore`: ending of an empty file behind each; `ahead`:
    files that may lie in the folder before it waits; `count`, `every_s`, `source` as for any emulated analyzer;
    `write`: the whole file of a specimen, instead of `form`."""

    name: str
    scenario: Scenario
    seed: int
    prefix: str
    time_zone: tzinfo
    folder: Path
    form: FileFormat = FileFormat.ASTM
    semaphore: str = ""
    ahead: int = 20
    count: int | None = None
    every_s: float | None = None
    source: Source | None = None
    write: Callable[[EmulatedSpecimen], bytes] | None = None


class EmulatedFileAnalyzer:
    """I am responsible for one scenario, from its first file to the last that was taken."""

    def __init__(self, plan: FilePlan, reactor: Any, clock: Clock, book: Book) -> None:
        self.plan = plan
        self.written = 0
        self.acknowledged = 0
        self.failed = 0
        self.results = 0
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = lambda _text: None
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._source: Source = plan.source or SpecimenSource(plan.seed, plan.prefix)
        self._deeds = plan.scenario.deeds()
        self._last: EmulatedSpecimen | None = None
        self._lying: dict[Path, Obligation] = {}  # in the order of writing
        self._has_ended = False
        self._next_at = 0.0
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to write."""
        self._turn()

    async def stop(self) -> None:
        """Write no more; what lies in the folder stays there."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._look()
        self._finish()

    def _turn(self) -> None:
        self._look()
        while not self._has_ended and self._may_write():
            self._do(next(self._deeds, None))
        if self._has_ended and not self._lying:
            self._finish()
        else:
            self._timer = self._reactor.callLater(LOOK_EVERY_S, self._turn)

    def _may_write(self) -> bool:
        return len(self._lying) < self.plan.ahead and self._reactor.seconds() >= self._next_at

    def _do(self, step: Step | None) -> None:
        if step is None or self.written == self.plan.count:
            self._has_ended = True
            return
        pause = step.every_s if self.plan.every_s is None else self.plan.every_s
        self._next_at = self._reactor.seconds() + pause
        if step.do in (
            Deed.RESULTS,
            Deed.RERUN,
            Deed.QC,
        ):  # a folder cannot be asked, nor unplugged
            self._write(step)

    def _write(self, step: Step) -> None:
        plan = self.plan
        expect = Expectation.KEEP
        if step.do is Deed.QC:
            specimen = self._source.control(step.panel)
        elif step.do is Deed.RERUN and self._last is not None:
            specimen = self._source.again(self._last)
        else:
            expect = Expectation.DELIVER
            specimen = self._last = self._source.specimen(step.panel)
        measured = self._clock.utc_now().astimezone(plan.time_zone).replace(microsecond=0)
        own = plan.write(specimen) if plan.write is not None else None
        text = own or file_text(plan.form, plan.name, specimen, measured)
        ending = plan.form.value if own is None else _OWN_ENDING
        self.written += 1
        path = write_file(plan.folder, f"{plan.prefix}{self.written:06d}.{ending}", text)
        if plan.semaphore:
            write_file(plan.folder, path.name + plan.semaphore, b"")
        values = specimen.values()
        self._lying[path] = Obligation(plan.name, specimen.sample_id, values, expect)

    def _look(self) -> None:
        """Which files were taken away since."""
        for path in [one for one in self._lying if not one.exists()]:
            obligation = self._lying.pop(path)
            if (path.parent / "failed" / path.name).exists():
                self.failed += 1
                self.say(f"{path.name} was set aside")
                continue
            self.acknowledged += 1
            self.results += len(obligation.values)
            self._book.write(obligation_line(obligation))

    def _finish(self) -> None:
        self._has_ended = True
        if not self.finished.called:
            self.finished.callback(None)


def play(
    plan: FilePlan, reactor: Any, seconds: float, obligations: Path | None, *, quiet: bool
) -> str:
    """Run to the end; the summary for the person at the keyboard."""
    with Book(obligations) as book:
        emulated = EmulatedFileAnalyzer(plan, reactor, SystemClock(), book)
        emulated.say = speaker(plan.name, quiet)
        run = Run(reactor, emulated.stop, seconds)
        emulated.finished.addCallback(lambda _: run.end())
        run.until_ended(emulated.start)
    return (
        f"{plan.name}: {emulated.written} files written, {emulated.acknowledged} taken with "
        f"{emulated.results} results, {emulated.failed} set aside"
    )
