"""An emulated laboratory in one process: a LIS that orders and changes its mind, its analyzers, and who carries tubes.

A tube is put on an analyzer when the node has taken its orders, and once more when tests were added or are measured
again. At the end a person looks for tubes whose work is missing; the book says how often that was needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from emulators.astm_station import AstmStation
from emulators.laboratory_course import Course
from emulators.laboratory_plan import LaboratoryPlan, Speaks, StationTable
from emulators.law_station import LawStation
from emulators.oracle import Book
from emulators.order_messages import OrderMessage
from emulators.order_oracle import Deed, Did, OrderedTest
from emulators.orderer import EmulatedOrderer
from emulators.place import Place, transport_of
from emulators.specimens import PANELS
from emulators.station import Station, StationPlan, Surroundings
from middleware.clock import Clock

WALK_S = (0.05, 0.8)  # from the LIS's orders to the analyzer
LOOK_EVERY_S = 0.5
SEARCH_AFTER_LOOKS = 6
_LIS = "LIS"
_ANSWERS = {"OK": Did.ORDERED, "CR": Did.CANCELLED, "UC": Did.TOO_LATE}
_PANEL_OF = {test.code: name for name, panel in PANELS.items() for test in panel}


class Laboratory:
    """I am responsible that every tube gets where its work is. `finished` fires when nothing is left to do."""

    def __init__(self, plan: LaboratoryPlan, reactor: Any, clock: Clock, book: Book) -> None:
        self.plan = plan
        self.finished: Deferred[None] = Deferred()
        self._book = book
        self._reactor = reactor
        self._random = Random(plan.seed)
        self._course = Course(plan)
        around = Surroundings(reactor, clock, book, self._course.tubes)
        self._ordered: set[OrderedTest] = set()
        self._open: set[OrderedTest] = set()  # and not measured
        self._stations: dict[str, list[Station]] = {}
        for number, table in enumerate(plan.station):
            station = _station(table, plan.seed + number, around)
            station.measured = self._measured(station)
            station.took_back = self._open.discard
            self._stations.setdefault(table.panel, []).append(station)
        transport = transport_of(Place(tcp=plan.orders))
        self._lis = EmulatedOrderer(self._said(), transport, reactor, clock, "D")
        self._lis.answered = self._answered
        self._again: dict[OrderedTest, Station] = {}  # to be measured again, and where
        self._deeds: Counter[Did] = Counter()
        self._timer: IDelayedCall | None = None
        self._quiet_looks = 0

    def start(self) -> None:
        """Open every line and begin to order."""
        for station in self._all():
            station.start()
        self._lis.start()
        self._timer = self._reactor.callLater(LOOK_EVERY_S, self._look)

    async def stop(self) -> None:
        """Close every line."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        await self._lis.stop()
        for station in self._all():
            await station.stop()

    def summary(self) -> str:
        """What the LIS was answered, and what came of it, in one sentence."""
        done = self._deeds
        return (
            f"{done[Did.ORDERED]} tests ordered, {done[Did.CANCELLED]} cancelled, "
            f"{done[Did.TOO_LATE]} cancels too late, {done[Did.ORDER_REFUSED]} orders refused; "
            f"{done[Did.MEASURED]} results sent, {len(self._open)} tests without one; "
            f"{done[Did.SEARCHED]} times a tube was put on once more"
        )

    # -- inside -----------------------------------------------------------------------------------

    def _all(self) -> list[Station]:
        return [one for several in self._stations.values() for one in several]

    def _said(self) -> Iterator[OrderMessage]:
        """The LIS's messages; what it orders stands in the book before it is sent. What it could not cancel it does not
        order anew.
        """
        for message in self._course.messages():
            if self._stands(message):
                continue
            for line in message.lines:
                if line.control == "NW":
                    self._note(
                        Did.ORDERING, OrderedTest(message.tube.sample_id, line.test), line.placer
                    )
            yield message

    def _stands(self, message: OrderMessage) -> bool:
        tests = {OrderedTest(message.tube.sample_id, line.test) for line in message.lines}
        return message.lines[0].control == "NW" and not tests.isdisjoint(self._ordered)

    def _answered(self, message: OrderMessage, controls: Sequence[str]) -> None:
        said = controls if len(controls) == len(message.lines) else [""] * len(message.lines)
        for line, control in zip(message.lines, said, strict=True):
            did = _ANSWERS.get(control, Did.ORDER_REFUSED)
            test = OrderedTest(message.tube.sample_id, line.test)
            self._note(did, test, line.placer)
            if did is Did.ORDERED:
                self._open.add(test)
                self._ordered.add(test)
            elif did is Did.CANCELLED:
                self._open.discard(test)
                self._ordered.discard(test)
        panels = {_PANEL_OF[line.test] for line in message.lines if line.control == "NW"}
        for panel in sorted(panels):
            self._carry(message.tube.sample_id, self._random.choice(self._stations[panel]))

    def _carry(self, sample_id: str, station: Station) -> None:
        if station.plan.asks:
            self._reactor.callLater(self._random.uniform(*WALK_S), self._put, sample_id, station)

    def _put(self, sample_id: str, station: Station) -> None:
        """A tube stands on one analyzer of a kind at a time."""
        others = [one for one in self._stations[station.plan.panel] if one is not station]
        if any(one.has(sample_id) for one in others):
            self._carry(sample_id, station)
        else:
            station.put(sample_id)

    def _measured(self, station: Station) -> Any:
        def note(test: OrderedTest, value: str, run: int) -> None:
            self._deeds[Did.MEASURED] += 1
            self._open.discard(test)
            limit = self.plan.rerun_above.get(test.code)
            if run > 1:
                self._again.pop(test, None)
            elif limit is not None and float(value) > limit:
                self._again[test] = station
                self._reactor.callLater(WALK_S[1], self._carry, test.sample_id, station)

        return note

    def _look(self) -> None:
        """Is there anything left? Who waits for nothing looks for the tubes whose work is missing."""
        self._timer = self._reactor.callLater(LOOK_EVERY_S, self._look)
        is_idle = self._lis.finished.called and all(one.is_idle for one in self._all())
        self._quiet_looks = self._quiet_looks + 1 if is_idle else 0
        if self._quiet_looks < SEARCH_AFTER_LOOKS:
            return
        self._quiet_looks = 0
        missing = {test for test in self._open if not self._refuses(test)}
        if not missing and not self._again:
            if not self.finished.called:
                self.finished.callback(None)
            return
        for test in sorted(missing | set(self._again)):
            self._note(Did.SEARCHED, test)
            known = self._again.get(test)
            for station in [known] if known else self._stations[_PANEL_OF[test.code]]:
                self._carry(test.sample_id, station)

    def _refuses(self, test: OrderedTest) -> bool:
        return any(one.plan.refuses(*test) for one in self._stations[_PANEL_OF[test.code]])

    def _note(self, did: Did, test: OrderedTest, placer: str = "") -> None:
        self._deeds[did] += 1
        self._book.write(Deed(_LIS, did, test, placer).row())


def _station(table: StationTable, seed: int, around: Surroundings) -> Station:
    first = PANELS[table.panel][0].code
    every = table.refuse_every

    def refuses(sample_id: str, code: str) -> bool:
        return bool(every) and code == first and int(sample_id[-6:]) % every == 0

    plan = StationPlan(table.name, table.panel, seed, table.measure_s, table.asks, refuses)
    transport = transport_of(Place(tcp=table.tcp, serial=table.serial, baud=table.baud))
    made = AstmStation if table.speaks is Speaks.ASTM else LawStation
    return made(plan, transport, around)
