"""What commands are given, read strictly: a wrong argument is refused before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from middleware.pipeline.asked import Asking, CommandRefused
from middleware.setup import Setup
from middleware.store.connection import Connection

LARGEST_NUMBER = 2**63 - 1
"""Of a database's whole numbers."""

AT_ONCE_MAX = 1000
"""One decision names what a person has looked at; more is a mistake, and would keep analyzers waiting."""

LONGEST_TEXT = 2000
"""Of a reason or a remark: what a person types, not a file."""

Arguments = Mapping[str, Any]
Answer = dict[str, Any]
CommandJob = Callable[[Connection, Arguments, str, Setup, float], Answer]
"""(connection, arguments, author, setup, seconds since 1970 UTC) -> answer. Raises CommandRefused;
then nothing changed.
"""


def asking_of(arguments: Arguments, author: str, setup: Setup, now: float) -> Asking:
    """Who asks, with the `reason` among the arguments."""
    return Asking(author, setup, now, text_of(arguments, "reason"))


def text_of(arguments: Arguments, name: str) -> str:
    """A text; empty when it is not given. Raises CommandRefused when it is no text, or too long for one."""
    given = arguments.get(name)
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > LONGEST_TEXT:
        raise CommandRefused(
            f"`{name}` must be a text of at most {LONGEST_TEXT} letters",
            what_to_do="Write it shorter.",
        )
    return given


def numbers_of(arguments: Arguments, name: str) -> list[int]:
    """A list of different positive whole numbers."""
    given = arguments.get(name)
    is_list = isinstance(given, list) and 0 < len(given) <= AT_ONCE_MAX
    if not is_list or not all(
        type(one) is int and 0 < one <= LARGEST_NUMBER for one in given or ()
    ):
        raise CommandRefused(
            f"`{name}` must be a list of 1 to {AT_ONCE_MAX} whole numbers",
            what_to_do="Name what you mean by its numbers.",
        )
    return list(dict.fromkeys(given or ()))
