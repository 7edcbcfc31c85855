"""When refusals in a row mean that the LIS refuses everything: the lane pauses instead of setting
all messages aside. Pure.
"""

from __future__ import annotations

REFUSALS_TO_PAUSE = 10
"""DESIGN 8.5: in a row and over different specimens; fewer may all be one specimen's or one test's fault."""


class RefusalStreak:
    """I count refusals in a row over different specimens."""

    def __init__(self) -> None:
        self._specimens: set[str] = set()
        self._is_paused = False

    @property
    def is_paused(self) -> bool:
        """From the tenth refusal until something is accepted or a person lets the lane go on."""
        return self._is_paused

    @property
    def room(self) -> int:
        """How many messages may be tried before the streak must be looked at again; 1 while paused."""
        return 1 if self._is_paused else REFUSALS_TO_PAUSE - len(self._specimens)

    def refused(self, sample_id: str) -> bool:
        """A message was refused; True when the lane pauses because of it."""
        self._specimens.add(sample_id)
        pauses = not self._is_paused and len(self._specimens) >= REFUSALS_TO_PAUSE
        self._is_paused = self._is_paused or pauses
        return pauses

    def accepted(self) -> bool:
        """A message was accepted; True when that ends a pause."""
        return self.let_go()

    def let_go(self) -> bool:
        """A person lets the lane go on; True when it was paused."""
        was_paused = self._is_paused
        self._specimens.clear()
        self._is_paused = False
        return was_paused
