"""The commands of people's review, as `middleware.pipeline.commands` has them: arguments read, then the decision."""

from __future__ import annotations

from collections.abc import Mapping

from middleware.model import RejectedAs
from middleware.pipeline import calls, downtime, edit, manual, reject, suspension, withdraw
from middleware.pipeline.arguments import (
    Answer,
    Arguments,
    CommandJob,
    asking_of,
    numbers_of,
    text_of,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.follow_up import Again
from middleware.pipeline.typed import Typed
from middleware.setup import Setup
from middleware.store.calls import Ended
from middleware.store.connection import Connection


def results_edit(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `id`, `value`, `unit` (null: as it is), `reason`. Answer `edited` (the new version's id)."""
    unit = None if arguments.get("unit") is None else text_of(arguments, "unit")
    typed = Typed(text_of(arguments, "value"), unit)
    (number,) = numbers_of({"id": [arguments.get("id")]}, "id")
    return edit.edit(conn, number, typed, asking_of(arguments, author, setup, now))


def results_reject(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`; `ends`: empty (nothing more), `rerun` (with `dilution` and `line`, which may be
    empty), `cannot_obtain` (with `words`) or `pending`. Answer as `pipeline.reject.reject`.
    """
    ends = text_of(arguments, "ends")
    if ends and ends not in list(RejectedAs):
        raise CommandRefused(
            f"a rejection does not end as {ends!r}",
            what_to_do=f"Write one of {', '.join(RejectedAs)}, or nothing.",
        )
    again = Again(text_of(arguments, "dilution"), text_of(arguments, "line"))
    kind = RejectedAs(ends) if ends else None
    ending = reject.Ending(kind, text_of(arguments, "words"), again)
    asking = asking_of(arguments, author, setup, now)
    return reject.reject(conn, numbers_of(arguments, "ids"), ending, asking)


def results_comment(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `text`. Answer `commented` (ids) and `messages` (outbox numbers)."""
    ids, text = numbers_of(arguments, "ids"), text_of(arguments, "text")
    return reject.comment(conn, ids, text, asking_of(arguments, author, setup, now))


def results_enter(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `sample`, `test`, `value`, `unit`, `line` and `method` (may be empty), `reason`. Answer as
    `pipeline.manual.enter`.
    """
    typed = Typed(text_of(arguments, "value"), text_of(arguments, "unit"))
    sample_id, test = text_of(arguments, "sample"), text_of(arguments, "test")
    line, method = text_of(arguments, "line"), text_of(arguments, "method")
    entered = manual.Entered(sample_id, test, typed, line, method)
    return manual.enter(conn, entered, asking_of(arguments, author, setup, now))


def results_withdraw(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `withdrawn` (ids) and `messages` (outbox numbers)."""
    asking = asking_of(arguments, author, setup, now)
    return withdraw.withdraw(conn, numbers_of(arguments, "ids"), asking)


def specimens_withdraw(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `sample`, `source` (may be empty), `reason`. Answer `withdrawn`, `messages`, `held`."""
    sample_id, source = text_of(arguments, "sample"), text_of(arguments, "source")
    asking = asking_of(arguments, author, setup, now)
    return withdraw.withdraw_specimen(conn, sample_id, source, asking)


def specimens_restore(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `sample`, `reason`. Answer `restored` (sample ids)."""
    asking = asking_of(arguments, author, setup, now)
    return withdraw.restore_specimen(conn, text_of(arguments, "sample"), asking)


def specimens_join(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `label`, `sample`, `reason`. Answer `joined` and `repeated` (ids)."""
    label, sample_id = text_of(arguments, "label"), text_of(arguments, "sample")
    return downtime.join(conn, label, sample_id, asking_of(arguments, author, setup, now))


def calls_done(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `told`, `by`, `read_back` (true or false), `reason`. Answer `done` (ids)."""
    ended = Ended(
        author,
        now,
        text_of(arguments, "told"),
        text_of(arguments, "by"),
        arguments.get("read_back") is True,
    )
    asking = asking_of(arguments, author, setup, now)
    return calls.done(conn, numbers_of(arguments, "ids"), ended, asking)


def calls_drop(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `dropped` (ids)."""
    asking = asking_of(arguments, author, setup, now)
    return calls.drop(conn, numbers_of(arguments, "ids"), asking)


def release_stop(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `line` and `test` (may be empty: every one), `reason`. Answer `stopped` (number)."""
    asking = asking_of(arguments, author, setup, now)
    return suspension.stop(conn, text_of(arguments, "line"), text_of(arguments, "test"), asking)


def release_resume(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids`, `reason`. Answer `resumed` (numbers)."""
    asking = asking_of(arguments, author, setup, now)
    return suspension.resume(conn, numbers_of(arguments, "ids"), asking)


REVIEW_COMMANDS: Mapping[str, CommandJob] = {
    "results.edit": results_edit,
    "results.reject": results_reject,
    "results.comment": results_comment,
    "results.enter": results_enter,
    "results.withdraw": results_withdraw,
    "specimens.withdraw": specimens_withdraw,
    "specimens.restore": specimens_restore,
    "calls.done": calls_done,
    "calls.drop": calls_drop,
    "specimens.join": specimens_join,
    "release.stop": release_stop,
    "release.resume": release_resume,
}
