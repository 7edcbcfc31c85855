"""What is wrong now and what a person should do about it: warnables, raised and cleared by code and
subject.

A warning shows after its `time_to_visible_s`, so that a restart of the LIS does not ring at once,
and not at all while one that it depends on is raised for the same subject (or for the whole node):
the cause is shown, not its consequences.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from middleware.clock import Clock
from middleware.observe.events import WarningCleared, WarningRaised
from middleware.observe.warnables import WARNABLES as WARNABLES
from middleware.observe.warnables import Severity as Severity
from middleware.observe.warnables import Warnable as Warnable
from middleware.observe.warnables import WarnableCode as WarnableCode

# An analyzer that connects for each message raises and clears the same warning all day long.
LOG_AGAIN_AFTER_S = 900.0

_LEVELS = {
    Severity.HIGH: logging.ERROR,
    Severity.MEDIUM: logging.WARNING,
    Severity.LOW: logging.INFO,
}


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001  (the word of the field; Python's own is not used here)
    """A visible warning: what, about which line or connector ("": the node), since when (UTC), and
    what to do.
    """

    code: WarnableCode
    subject: str
    severity: Severity
    title: str
    text: str
    what_to_do: str
    since: datetime


@dataclass(slots=True)
class _Raised:
    text: str
    since: datetime
    visible_from: float  # monotonic
    is_announced: bool = False
    is_logged: bool = False


class Health:
    """I am responsible for the warnings in force. Not thread-safe: call on the reactor thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._raised: dict[tuple[WarnableCode, str], _Raised] = {}
        self._logged_at: dict[tuple[WarnableCode, str], float] = {}  # monotonic

    def raise_warning(self, code: WarnableCode | str, subject: str = "", text: str = "") -> None:
        """Something is wrong. Raising again keeps `since` and takes over the new text."""
        row = WARNABLES[WarnableCode(code)]
        known = self._raised.get((row.code, subject))
        if known is not None:
            known.text = text or known.text
            return
        self._raised[row.code, subject] = _Raised(
            text=text or row.text,
            since=self._clock.utc_now(),
            visible_from=self._clock.monotonic() + row.time_to_visible_s,
        )
        self.current()

    def clear(self, code: WarnableCode | str, subject: str = "") -> None:
        """It is well again. Clearing what was not raised does nothing."""
        raised = self._raised.pop((WarnableCode(code), subject), None)
        if raised is not None and raised.is_announced:
            WarningCleared(WarnableCode(code).value, subject, raised.is_logged).emit()

    def current(self) -> list[Warning]:
        """The visible warnings, the most severe and oldest first. Each is logged once, when it
        first becomes visible; one that comes and goes, at most once in LOG_AGAIN_AFTER_S.
        """
        now = self._clock.monotonic()
        visible = [
            self._show(code, subject, raised)
            for (code, subject), raised in self._raised.items()
            if now >= raised.visible_from and not self._is_suppressed(code, subject)
        ]
        order = list(Severity)
        return sorted(visible, key=lambda warning: (order.index(warning.severity), warning.since))

    def is_raised(self, code: WarnableCode | str, subject: str = "") -> bool:
        """Whether it is raised, visible or not."""
        return (WarnableCode(code), subject) in self._raised

    def _is_suppressed(self, code: WarnableCode, subject: str) -> bool:
        return any(
            (cause, about) in self._raised
            for cause in WARNABLES[code].depends_on
            for about in (subject, "")
        )

    def _may_log(self, code: WarnableCode, subject: str) -> bool:
        now = self._clock.monotonic()
        last = self._logged_at.get((code, subject))
        if last is not None and now - last < LOG_AGAIN_AFTER_S:
            return False
        self._logged_at[code, subject] = now
        return True

    def _show(self, code: WarnableCode, subject: str, raised: _Raised) -> Warning:
        row = WARNABLES[code]
        if not raised.is_announced:
            raised.is_announced = True
            raised.is_logged = self._may_log(code, subject)
            WarningRaised(
                code.value,
                subject,
                raised.text,
                row.what_to_do,
                _LEVELS[row.severity],
                raised.is_logged,
            ).emit()
        return Warning(
            code, subject, row.severity, row.title, raised.text, row.what_to_do, raised.since
        )
