"""What the LIS of an emulated laboratory orders, and its changes of mind; always the same by seed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random

from emulators.laboratory_plan import LaboratoryPlan
from emulators.order_messages import OrderLine, OrderMessage
from emulators.specimens import PANELS, EmulatedSpecimen, SpecimenSource

_SHARES = {"chem": 0.8, "count": 0.4, "immuno": 0.4, "cardiac": 0.3, "vitamins": 0.3}
_LATER = (2, 25)  # so many tubes later


class Course:
    """I am responsible for the order of the LIS's messages. `tubes`: all of them, by sample id."""

    def __init__(self, plan: LaboratoryPlan) -> None:
        self.plan = plan
        source = SpecimenSource(plan.seed, plan.prefix)
        made = [source.specimen("immuno") for _ in range(plan.count)]
        self.tubes: dict[str, EmulatedSpecimen] = {one.sample_id: one for one in made}
        self._random = Random(plan.seed)
        self._menus = [one.panel for one in plan.station]
        self._later: list[tuple[int, int, OrderMessage]] = []
        self._number = 0

    def messages(self) -> Iterator[OrderMessage]:
        """Each tube's orders, and between them what was put off."""
        for at, tube in enumerate(self.tubes.values(), start=1):
            yield from self._due(at)
            tests = self._tests()
            spare = tests.pop() if self._is_nth(at, self.plan.add_every) and len(tests) > 1 else ""
            yield self._message(tube, "NW", tests)
            if spare:
                self._put_off(at, self._message(tube, "NW", [spare]))
            if self._is_nth(at, self.plan.late_every):
                self._put_off(at, self._message(tube, "CA", tests[:1]))
            elif self._is_nth(at, self.plan.cancel_every):
                yield self._message(tube, "CA", tests[-1:])
            elif self._is_nth(at, self.plan.again_every):
                yield self._message(tube, "CA", tests[:1])
                self._put_off(at, self._message(tube, "NW", tests[:1], "-2"))
        yield from self._due(len(self.tubes) + _LATER[1])

    def _due(self, at: int) -> Iterator[OrderMessage]:
        while self._later and self._later[0][0] <= at:
            yield heapq.heappop(self._later)[2]

    def _put_off(self, at: int, message: OrderMessage) -> None:
        heapq.heappush(self._later, (at + self._random.randint(*_LATER), self._number, message))

    def _tests(self) -> list[str]:
        """Some tests of some panels; at least one."""
        tests: list[str] = []
        while not tests:
            for panel in dict.fromkeys(self._menus):
                if self._random.random() < _SHARES[panel]:
                    codes = [one.code for one in PANELS[panel]]
                    tests += self._random.sample(codes, self._random.randint(1, len(codes)))
        return tests

    def _message(
        self, tube: EmulatedSpecimen, control: str, tests: list[str], suffix: str = ""
    ) -> OrderMessage:
        self._number += 1
        lines = [OrderLine(control, f"{tube.sample_id}.{code}{suffix}", code) for code in tests]
        return OrderMessage(f"{self.plan.prefix}M{self._number}", tube, lines)

    @staticmethod
    def _is_nth(at: int, every: int) -> bool:
        return every > 0 and at % every == 0
