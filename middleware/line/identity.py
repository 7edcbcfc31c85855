"""Refuses what another analyzer sends on a line: a wrong cable is an alarm, not bad data.

What a message says of its sender is compared with the driver's `[identify]` and the line's `serial_number`. A message
that does not say who sent it goes on: decoding and review look at it once more.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable

from middleware.driver.api import AnalyzerIdentity, Driver, IdentifyingDriver
from middleware.observe.health import Health, WarnableCode

# An analyzer repeats what was refused. The same text is kept once, and of an analyzer that writes its message anew each
# time no more than these in an hour: it keeps all of them itself.
MOST_REMEMBERED = 64
MOST_KEPT_AN_HOUR = 60
_HOUR_S = 3600.0
_LONGEST_WORDS = 80

Identify = Callable[[bytes, str], AnalyzerIdentity]


def identify_of(driver: Driver) -> Identify | None:
    """How the driver tells whose a message is; None when it cannot."""
    return driver.identify if isinstance(driver, IdentifyingDriver) else None


class IdentityGate:
    """I am responsible that no other analyzer's message is taken for this line's."""

    def __init__(self, line: str, serial_number: str, health: Health) -> None:
        self._line = line
        self._serial = serial_number.strip()
        self._health = health
        self.is_raised = False
        self._digests: deque[bytes] = deque(maxlen=MOST_REMEMBERED)
        self._last_text = b""
        self._kept_at: deque[float] = deque(maxlen=MOST_KEPT_AN_HOUR)

    def check(self, identity: AnalyzerIdentity) -> str:
        """Why the message is not this analyzer's; "" when nothing contradicts. Raises and clears the warning."""
        complaint = identity.complaint or self._serial_complaint(identity.serial)
        if complaint:
            self.is_raised = True
            text = f"Line {self._line}: {complaint}."
            self._health.raise_warning(WarnableCode.WRONG_ANALYZER, self._line, text)
        elif self.is_raised and (identity.analyzer or identity.serial):
            self.is_raised = False
            self._health.clear(WarnableCode.WRONG_ANALYZER, self._line)
        return complaint

    def should_keep(self, text: bytes, now: float) -> bool:
        """Whether a refused text is to be kept for evidence: not the same twice (nor its beginning), not too many."""
        if self._last_text.startswith(text):
            return False
        digest = hashlib.sha256(text).digest()
        is_full = len(self._kept_at) == MOST_KEPT_AN_HOUR and now - self._kept_at[0] < _HOUR_S
        if digest in self._digests or is_full:
            return False
        self._digests.append(digest)
        self._kept_at.append(now)
        self._last_text = text
        return True

    def _serial_complaint(self, found: str) -> str:
        if not self._serial or not found or found.casefold() == self._serial.casefold():
            return ""
        said = found[:_LONGEST_WORDS]
        return f"wrong analyzer on this line: its serial number is {said!r}, the settings expect {self._serial!r}"
