"""The changes that people may ask for: each a re-runnable job of one transaction, audited in it.

The control socket submits them to the running node's writer; with no node running the command line runs the same jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from middleware.model import ReleaseState
from middleware.pipeline import codes, order_decisions, release, replay
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.setup import Setup
from middleware.store import commands as stored
from middleware.store import outbox, results
from middleware.store.connection import Connection
from middleware.store.writer import Topic

LARGEST_NUMBER = 2**63 - 1
"""Of a database's whole numbers."""

AT_ONCE_MAX = 1000
"""One decision names what a person has looked at; more is a mistake, and would keep analyzers waiting."""

CHANGES = frozenset({Topic.JOURNAL, Topic.OUTBOX, Topic.COMMANDS, Topic.ORDERS})
"""What a command's commit announces; lanes go on at once when COMMANDS is among it."""

Arguments = Mapping[str, Any]
Answer = dict[str, Any]
CommandJob = Callable[[Connection, Arguments, str, Setup, float], Answer]
"""(connection, arguments, author, setup, seconds since 1970 UTC) -> answer. Raises CommandRefused;
then nothing changed.
"""


def results_release(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `released` (ids) and `messages` (outbox numbers)."""
    return release.release(conn, _numbers(arguments, "ids"), _asking(arguments, author, setup, now))


def results_reject(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `rejected` (ids)."""
    return release.reject(conn, _numbers(arguments, "ids"), _asking(arguments, author, setup, now))


def messages_replay(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `replayed` (ids); the node's worker processes them."""
    return replay.replay(conn, _numbers(arguments, "ids"), _asking(arguments, author, setup, now))


def outbox_resend(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `numbers`, `reason`. Answer `resent` (numbers): same bytes, same control id, at the end of the lane."""
    numbers = _numbers(arguments, "numbers")
    for number in numbers:
        _check_still_true(conn, number)
    changed = outbox.resend(conn, numbers, author, now, _reason(arguments))
    return {"resent": _all_of(conn, numbers, changed, "resent")}


def outbox_hold(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `numbers`, `reason`. Answer `held` (numbers)."""
    numbers = _numbers(arguments, "numbers")
    changed = outbox.hold(conn, numbers, author, now, _reason(arguments))
    return {"held": _all_of(conn, numbers, changed, "held")}


def outbox_release(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `numbers` (may be empty: only lets paused lanes go on), `reason`. Answer `released` (numbers)."""
    numbers = _numbers(arguments, "numbers") if arguments.get("numbers") else []
    if not numbers:
        return {"released": []}
    changed = outbox.release(conn, numbers, author, now, _reason(arguments))
    return {"released": _all_of(conn, numbers, changed, "released")}


def codes_release(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `line` (may be empty: every line), `after` (an id, or 0), `reason`. Answer as
    `pipeline.codes.release_mapped`.
    """
    line = str(arguments.get("line") or "") or None
    after = arguments.get("after") or 0
    if type(after) is not int or not 0 <= after <= LARGEST_NUMBER:
        raise CommandRefused("`after` must be a whole number", what_to_do="Begin with 0.")
    return codes.release_mapped(conn, line, after, _asking(arguments, author, setup, now))


def orders_cancel(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer as `pipeline.order_decisions.cancel`."""
    asking = _asking(arguments, author, setup, now)
    return order_decisions.cancel(conn, _numbers(arguments, "ids"), asking)


COMMANDS: Mapping[str, CommandJob] = {
    "codes.release": codes_release,
    "orders.cancel": orders_cancel,
    "results.release": results_release,
    "results.reject": results_reject,
    "messages.replay": messages_replay,
    "outbox.resend": outbox_resend,
    "outbox.hold": outbox_hold,
    "outbox.release": outbox_release,
}


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for, under which setup and when (seconds since 1970 UTC)."""

    verb: str
    arguments: Arguments
    author: str
    setup: Setup
    now: float


def perform(conn: Connection, request: Request) -> Answer:
    """Do what was asked and record it with its answer, in one transaction. Raises CommandRefused."""
    number = _record(conn, request)
    job = COMMANDS[request.verb]
    answer = job(conn, request.arguments, request.author, request.setup, request.now)
    stored.answer(conn, number, stored.CommandState.DONE, answer, request.now)
    return answer


def note_refusal(conn: Connection, request: Request, refusal: CommandRefused) -> None:
    """Record a request that could not be done, and why; its own transaction came to nothing."""
    number = _record(conn, request)
    said = {"error": str(refusal)}
    stored.answer(conn, number, stored.CommandState.FAILED, said, request.now)


def _record(conn: Connection, request: Request) -> int:
    asked = stored.Command(request.verb, request.arguments, request.author, request.now)
    return stored.ask(conn, asked)


def _asking(arguments: Arguments, author: str, setup: Setup, now: float) -> Asking:
    return Asking(author, setup, now, _reason(arguments))


def _reason(arguments: Arguments) -> str:
    return str(arguments.get("reason") or "")


def _numbers(arguments: Arguments, name: str) -> list[int]:
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


def _check_still_true(conn: Connection, number: int) -> None:
    row = outbox.get(conn, number)
    if row is None or row["journal_id"] is None:
        return
    for other in outbox.for_journal(conn, row["journal_id"]):
        if other["replaces"] == number:
            raise CommandRefused(
                f"message {number} was replaced by message {other['number']}, which carries its accepted results",
                what_to_do="Release the results that the LIS refused, or resend the replacement.",
            )
    for result in results.by_ids(conn, row["result_ids"]):
        if result["release_state"] != ReleaseState.RELEASED:
            raise CommandRefused(
                f"message {number} carries result {result['id']}, which is {result['release_state']} now",
                what_to_do="Release the results that are right; they go as a new message.",
            )


def _all_of(conn: Connection, numbers: list[int], changed: list[int], word: str) -> list[int]:
    left = [number for number in numbers if number not in changed]
    if not left:
        return changed
    row = outbox.get(conn, left[0])
    state = "not in the outbox" if row is None else str(row["state"])
    raise CommandRefused(
        f"message {left[0]} is {state} and cannot be {word}",
        what_to_do="Leave it out and ask again; nothing was changed.",
    )
