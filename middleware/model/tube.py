"""What the orders say of a tube and of the tests on it, as results are judged against it."""

from __future__ import annotations

from typing import NamedTuple

from middleware.model.order import OPEN_STATES, StepKind, StepState

_AGAIN = frozenset({StepKind.RERUN, StepKind.DILUTION})


class Tube(NamedTuple):
    """One period of use of a sample id. Times in seconds since 1970 UTC; `used_until` None: it is in use.

    `former` is the former sample id under which a tube that was labelled anew was found, and empty else.
    """

    id: int
    order_source: str
    sample_id: str
    used_from: float
    used_until: float | None
    patient_id: str | None
    patient_authority: str | None
    birth_date: str | None
    former: str = ""


class TubeTest(NamedTuple):
    """One work order step of a tube."""

    id: int
    specimen_id: int
    lis_code: str
    test_code: str  # the analyzer's, once one has it
    line: str | None
    state: str  # StepState
    kind: str | None  # StepKind; None: ordered
    parent_step_id: int | None
    cause_result_id: int | None
    reportable_result_id: int | None

    def is_of(self, line: str, lis_code: str, test_code: str) -> bool:
        """A result of this test by this line's analyzer. `lis_code` empty: no table of codes gave one."""
        if self.lis_code == (lis_code or test_code):
            return True
        return self.line == line and self.test_code == test_code

    @property
    def is_cancelled(self) -> bool:
        """Nobody waits for it any more."""
        return self.state == StepState.CANCELLED

    @property
    def is_open(self) -> bool:
        """It may still get a result."""
        return self.state in OPEN_STATES

    def may_be_measured_by(self, line: str) -> bool:
        """No other line has it: what was refused or expired is nobody's."""
        is_stopped = self.state in (StepState.REFUSED, StepState.EXPIRED)
        return is_stopped or self.line in (None, line)

    @property
    def is_follow_up(self) -> bool:
        """The same test ordered again because of a result."""
        return self.kind in _AGAIN
