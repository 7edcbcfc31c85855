"""Who asks for a change, under which setup, when and why; and the answer when it cannot be done."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.errors import MiddlewareError
from middleware.setup import Setup


class CommandRefused(MiddlewareError):
    """What was asked cannot be done; nothing was changed. The message says why."""

    code = "command-refused"


@dataclass(frozen=True, slots=True)
class Asking:
    """A person's (or the node's) request. `now` is seconds since 1970 UTC."""

    author: str
    setup: Setup
    now: float
    reason: str = ""
