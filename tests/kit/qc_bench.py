"""A gate on the bench: told one thing after the other, each value measured when it comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from middleware.qc.codes import (
    Admission,
    PointVerdict,
)
from middleware.qc.gate import admit, apply
from middleware.qc.gate_model import (
    Cleared,
    ControlJudged,
    Gate,
    GateSettings,
    GateState,
    Mark,
)

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
GOOD, WARNED, BAD = PointVerdict.ACCEPTED, PointVerdict.WARNING, PointVerdict.REJECTED


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def mark(order: int) -> Mark:
    """The value with that number was measured that many minutes after the start."""
    return Mark(order=order, measured_at=at(order))


class Bench:
    """A gate with its state, told one thing after the other; every value is measured when it comes."""

    def __init__(self, **settings) -> None:
        settings.setdefault("levels", ("L1", "L2"))
        self.gate = Gate(GateSettings(**settings), UTC)
        self.state = GateState()
        self.order = 0
        self.run = 0
        self.decided: tuple = ()

    def tell(self, event) -> tuple:
        applied = apply(self.gate, self.state, event)
        self.state, self.decided = applied.state, applied.decisions
        return self.decided

    def level(self, level: str, verdict: PointVerdict, *, is_new_run: bool = False) -> tuple:
        self.order += 1
        self.run += is_new_run
        return self.tell(
            ControlJudged(level, self.run, verdict, mark(self.order), at(self.order), ("1-3s",))
        )

    def good_run(self) -> tuple:
        self.level("L1", GOOD, is_new_run=True)
        return self.level("L2", GOOD)

    def failed_run(self) -> tuple:
        return self.level("L1", BAD, is_new_run=True)

    def clear(self, taken: int | None = None) -> tuple:
        """An action that was taken at that minute (now) is documented now."""
        taken_at = None if taken is None else at(taken)
        return self.tell(Cleared("m.rossi", "new reagent", at(self.order), taken_at))

    def ask(self, order: int | None = None) -> Admission:
        self.order += order is None
        number = self.order if order is None else order
        return admit(self.gate, self.state, mark(number), at(self.order)).admission


def of_kind(decisions: tuple, kind: type) -> list:
    return [one for one in decisions if isinstance(one, kind)]
