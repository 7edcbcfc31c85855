"""The small laboratory of `qc_world`, with the real pipeline and store in place of its gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from middleware.model import MeasuredTime, ReleaseState, SampleRole, Specimen
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.prepare import Preparation
from middleware.pipeline.process import process
from middleware.qc.gate_model import Cleared, Event, Mark, gate_from
from middleware.review.quality import SiteQc
from middleware.review.quality_file import QcFile
from middleware.store import qc, qc_lists, results
from middleware.store.connection import Connection
from tests.kit.made_setups import decoded, journaled, made_result, made_setup, made_value
from tests.kit.qc_world import Item, World, at

_TARGET = {"L1": ("5.0", "0.2", "5.0", "9.0"), "L2": ("15.0", "0.5", "15.0", "19.0")}
"""Mean, SD, a value in control and one that is not."""
CRASHES = 0.1
"""Share of messages whose transaction is undone and done again, as after a crash."""


@dataclass
class PipelineWorld(World):
    """A world whose results are stored, gated, freed and listed by the node's own code."""

    conn: Connection | None = None
    enforces: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        schedule = self.gate.settings.schedule
        file = {
            "mode": "enforce" if self.enforces else "observe",
            "bracketing": self.bracketing,
            "schedule": schedule.model_dump(),
            "material": [{"id": "m"}],
            "lot": [{"material": "m", "lot": "9", "level": level} for level in _TARGET],
            "control": [
                {"lot": "9", "level": level, "line": "chem-1", "test": "GLU", "unit": "mmol/L"}
                | {"mean": mean, "sd": sd}
                for level, (mean, sd, _, _) in _TARGET.items()
            ],
            "rules": ["1-3s"],
        }
        site = SiteQc(QcFile.model_validate(file), {"chem-1": ZoneInfo("UTC")})
        self.setup = replace(made_setup(), qc=site)
        self.by_id: dict[int, Item] = {}

    @property
    def store(self) -> Connection:
        assert self.conn is not None
        return self.conn

    @property
    def opened_again(self) -> bool:
        """Something that was measured after a failure went out without a person."""
        first = min((one.measured for one in self.items if one.level and one.is_bad), default=None)
        return first is not None and any(
            one.is_released and one.measured > first for one in self.items
        )

    @property
    def released_something(self) -> bool:
        """Results went out."""
        return any(item.is_released for item in self.items)

    def _arrive(self, item: Item, minute: int) -> None:
        self.order += 1
        if item.level:
            self._note_truth(item)
        sent = self._result(item)
        now = at(minute).timestamp()
        text = f"H|{self.order}\r".encode()
        message = decoded(journaled(self.store, text, received_at=now), sent)
        prepared = Preparation(self.setup).prepare(message)
        if self.chance.random() < CRASHES:
            step = self.store.begin_nested()
            process(self.store, [prepared], self.setup, now)
            step.rollback()
        process(self.store, [prepared], self.setup, now)
        number = prepared.results[0].row["id"]
        item.mark = Mark(order=number, measured_at=sent.measured.at)
        if not item.level:
            self.by_id[number] = item
        self._look()
        if item.level and item.is_bad:
            self.failures_seen += 1
            if self.mend_at is None and self.mended_at is None:
                self.mend_at = minute + self.chance.randrange(1, 9)

    def _note_truth(self, item: Item) -> None:
        """As the world's, but a run is what the message says: two levels within the hour, whoever put them in."""
        run, item.run = item.run, 0
        super()._note_truth(item)
        item.run = run

    def _result(self, item: Item) -> Any:
        moment = at(item.measured) if self.knows_times else None
        made = made_result(f"S{self.order}", measured=_measured(moment), value="5.4")
        if not item.level:
            return made
        specimen = Specimen(
            sample_id=f"C{self.order}",
            role=SampleRole.QC,
            control_lot="9",
            control_level=item.level,
        )
        value = made_value(_TARGET[item.level][3 if item.is_bad else 2])
        return made.model_copy(update={"specimen": specimen, "value": value})

    def _tell(self, event: Event, minute: int) -> None:
        assert isinstance(event, Cleared)
        taken_at = None if event.taken_at is None else event.taken_at.timestamp()
        gates = [one.id for one in qc.all_gates(self.store)]
        asked = {"ids": gates, "cause": "drift", "action": event.action, "taken_at": taken_at}
        step = self.store.begin_nested()
        try:
            COMMANDS["qc.clear"](self.store, asked, event.by, self.setup, at(minute).timestamp())
            step.commit()
        except CommandRefused:
            step.rollback()
        self._look()

    def _look(self) -> None:
        """What the store says became of everything."""
        for row in results.by_ids(self.store, list(self.by_id)):
            item = self.by_id[row["id"]]
            if row["release_state"] == ReleaseState.RELEASED and not item.is_released:
                self._release(item)
        for row in qc_lists.look_back(self.store, 10_000):
            self.by_id[row["result_id"]].is_listed = True
        for gate in qc.all_gates(self.store):
            if gate.state != "":
                self.state = gate_from(gate.state)


def _measured(moment: datetime | None) -> MeasuredTime:
    if moment is None:
        return MeasuredTime(text="")
    return MeasuredTime(text=moment.strftime("%Y%m%d%H%M%S"), at=moment)
