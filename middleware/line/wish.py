"""What a person wants sent to an analyzer now, and what became of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from middleware.model import SpecimenWork
from middleware.store.wanted import Chosen


@dataclass(slots=True)
class SendReport:
    """What became of a wish. `trouble` ended it early: what was not sent then is open as before."""

    line: str
    sent: list[str] = field(default_factory=list)  # sample ids of tubes whose work was taken
    tests: int = 0
    refused: dict[str, str] = field(
        default_factory=dict
    )  # "sample id test" -> the analyzer's reason
    not_taken: dict[str, str] = field(default_factory=dict)  # sample id -> why
    without_work: list[str] = field(default_factory=list)
    trouble: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the control socket."""
        return {name: getattr(self, name) for name in self.__slots__}

    def took(self, work: Sequence[SpecimenWork], refused: Mapping[int, str]) -> None:
        """The analyzer took a message, and refused some steps of it."""
        for one in work:
            self.sent.append(one.sample_id)
            for step in one.steps:
                if step.id in refused:
                    self.refused[f"{one.sample_id} {step.lis_code}"] = refused[step.id]
                else:
                    self.tests += 1


@dataclass(slots=True, eq=False)
class Wish:
    """Tubes by their ids as ordered, those on a carrier, or (neither) everything that the line may do."""

    report: SendReport
    sample_ids: deque[str] = field(default_factory=deque)
    carrier: str = ""
    is_by_id: bool = False
    is_new: bool = True
    done: Deferred[SendReport] = field(default_factory=Deferred)

    def found_on_carrier(self, sample_ids: Collection[str]) -> None:
        """The carrier's tubes are known: from now on they are meant."""
        self.sample_ids = deque(sample_ids)
        self.is_by_id, self.carrier = True, ""

    def chosen(self, most: int) -> Chosen:
        """What is to be claimed next."""
        return Chosen(tuple(self.sample_ids)[:most], most=most)

    def came(self, most: int, work: Sequence[SpecimenWork], label: Callable[[str], str]) -> bool:
        """What was claimed for `chosen(most)`; whether there is more to ask. `label`: an id as the analyzer has it."""
        found = {one.sample_id for one in work}
        if not self.is_by_id:
            return bool(work)
        for _ in range(min(most, len(self.sample_ids))):
            one = self.sample_ids.popleft()
            if label(one) not in found:
                self.report.without_work.append(one)
        return bool(self.sample_ids)

    def end(self, trouble: str = "") -> None:
        """Tell whoever asked; once."""
        self.report.trouble = self.report.trouble or trouble
        if not self.done.called:
            self.done.callback(self.report)
