"""The changes that people may ask for: each a re-runnable job of one transaction, audited in it.

The control socket submits them to the running node's writer; with no node running the command line runs the same jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from middleware.pipeline import (
    codes,
    follow_up,
    order_decisions,
    patient_decisions,
    release,
    replay,
)
from middleware.pipeline.arguments import AT_ONCE_MAX as AT_ONCE_MAX
from middleware.pipeline.arguments import (
    LARGEST_NUMBER,
    Answer,
    Arguments,
    CommandJob,
    asking_of,
    numbers_of,
    text_of,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.quality_commands import QUALITY_COMMANDS
from middleware.pipeline.review_commands import REVIEW_COMMANDS
from middleware.pipeline.rule_proofs import RULE_COMMANDS
from middleware.pipeline.still_true import check_still_true
from middleware.review.reflex import MOST_TESTS
from middleware.setup import Setup
from middleware.store import commands as stored
from middleware.store import outbox
from middleware.store.connection import Connection
from middleware.store.prior_results import Origin
from middleware.store.writer import Topic

CHANGES = frozenset({Topic.JOURNAL, Topic.OUTBOX, Topic.COMMANDS, Topic.ORDERS})
"""What a command's commit announces; lanes go on at once when COMMANDS is among it."""


def results_release(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `count` (how many they are, where many), `reason`. Answer `released`, `messages` (numbers)."""
    counted = arguments.get("count")
    asking = asking_of(arguments, author, setup, now)
    if counted is not None and type(counted) is not int:
        raise CommandRefused("`count` must be a whole number", what_to_do="Say how many they are.")
    return release.release(conn, numbers_of(arguments, "ids"), asking, counted)


def results_rerun(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `dilution` and `line` (may be empty), `reason`. Answer `steps` (ids of ordered tests)."""
    again = follow_up.Again(str(arguments.get("dilution") or ""), str(arguments.get("line") or ""))
    asking = asking_of(arguments, author, setup, now)
    return follow_up.rerun(conn, numbers_of(arguments, "ids"), again, asking)


def results_reflex(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids` (one), `tests`, `reason`. Answer as `pipeline.follow_up.add_tests`."""
    ids = numbers_of(arguments, "ids")
    tests = arguments.get("tests")
    is_list = isinstance(tests, list) and 0 < len(tests) <= MOST_TESTS
    if len(ids) > 1 or not is_list or not all(isinstance(one, str) and one for one in tests or ()):
        raise CommandRefused(
            f"name one result and 1 to {MOST_TESTS} tests",
            what_to_do="Write the tests by the LIS's codes.",
        )
    asking = asking_of(arguments, author, setup, now)
    return follow_up.add_tests(conn, ids[0], list(tests or ()), asking)


def messages_replay(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `replayed` (ids); the node's worker processes them."""
    return replay.replay(
        conn, numbers_of(arguments, "ids"), asking_of(arguments, author, setup, now)
    )


def outbox_resend(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `numbers`, `reason`. Answer `resent` (numbers): same bytes, same control id, at the end of the lane."""
    numbers = numbers_of(arguments, "numbers")
    for number in numbers:
        check_still_true(conn, number)
    changed = outbox.resend(conn, numbers, author, now, text_of(arguments, "reason"))
    return {"resent": _all_of(conn, numbers, changed, "resent")}


def outbox_hold(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `numbers`, `reason`. Answer `held` (numbers)."""
    numbers = numbers_of(arguments, "numbers")
    changed = outbox.hold(conn, numbers, author, now, text_of(arguments, "reason"))
    return {"held": _all_of(conn, numbers, changed, "held")}


def outbox_release(
    conn: Connection, arguments: Arguments, author: str, _setup: Setup, now: float
) -> Answer:
    """Arguments `numbers` (may be empty: only lets paused lanes go on), `reason`. Answer `released` (numbers)."""
    numbers = numbers_of(arguments, "numbers") if arguments.get("numbers") else []
    if not numbers:
        return {"released": []}
    for number in numbers:
        check_still_true(conn, number)
    changed = outbox.release(conn, numbers, author, now, text_of(arguments, "reason"))
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
    return codes.release_mapped(conn, line, after, asking_of(arguments, author, setup, now))


def orders_cancel(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer as `pipeline.order_decisions.cancel`."""
    asking = asking_of(arguments, author, setup, now)
    return order_decisions.cancel(conn, numbers_of(arguments, "ids"), asking)


def orders_free(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer as `pipeline.order_decisions.free`."""
    asking = asking_of(arguments, author, setup, now)
    return order_decisions.free(conn, numbers_of(arguments, "ids"), asking)


def orders_relabel(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `old`, `new`, `source` (may be empty), `reason`. Answer as `pipeline.patient_decisions.label_anew`."""
    old, new, source = (str(arguments.get(name) or "") for name in ("old", "new", "source"))
    asking = asking_of(arguments, author, setup, now)
    return patient_decisions.label_anew(conn, old, new, source, asking)


def patients_seen(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `seen` (ids): changes of patients that a person has looked at."""
    asking = asking_of(arguments, author, setup, now)
    return patient_decisions.seen(conn, numbers_of(arguments, "ids"), asking)


def prior_load(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `results` (a list), `source`, `order_source`, `reason`. Answer `new` and `known` (counts)."""
    rows = arguments.get("results")
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise CommandRefused("`results` must be a list", what_to_do="Use `labwire prior load`.")
    names = (str(arguments.get(name) or "") for name in ("order_source", "source"))
    asking = asking_of(arguments, author, setup, now)
    return patient_decisions.load_earlier(conn, rows, Origin(*names), asking)


COMMANDS: Mapping[str, CommandJob] = {
    "codes.release": codes_release,
    "orders.cancel": orders_cancel,
    "orders.free": orders_free,
    "orders.relabel": orders_relabel,
    "patients.seen": patients_seen,
    "prior.load": prior_load,
    "results.release": results_release,
    "results.rerun": results_rerun,
    "results.reflex": results_reflex,
    "messages.replay": messages_replay,
    "outbox.resend": outbox_resend,
    "outbox.hold": outbox_hold,
    "outbox.release": outbox_release,
    **REVIEW_COMMANDS,
    **QUALITY_COMMANDS,
    **RULE_COMMANDS,
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
