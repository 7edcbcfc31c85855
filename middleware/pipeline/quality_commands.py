"""The commands of quality control, as `middleware.pipeline.commands` has them: arguments read, then the decision."""

from __future__ import annotations

import math
from collections.abc import Mapping

from middleware.pipeline import quality_decisions
from middleware.pipeline.arguments import (
    Answer,
    Arguments,
    CommandJob,
    asking_of,
    numbers_of,
    text_of,
)
from middleware.pipeline.asked import CommandRefused
from middleware.qc.materials import Place
from middleware.setup import Setup
from middleware.store.connection import Connection

_LATEST = 253_402_300_799  # the end of the year 9999


def qc_clear(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids` (gates), `cause`, `action`, `taken_at` (seconds since 1970 UTC, or null: now). Answer `cleared`,
    `messages`.
    """
    taken_at = arguments.get("taken_at")
    if taken_at is not None and (
        type(taken_at) not in (int, float)
        or not math.isfinite(taken_at)
        or not 0 <= taken_at <= _LATEST
    ):
        raise CommandRefused("`taken_at` must be a time", what_to_do="Write it with --taken-at.")
    done = quality_decisions.Documented(
        text_of(arguments, "cause"), text_of(arguments, "action"), taken_at
    )
    asking = asking_of(arguments, author, setup, now)
    return quality_decisions.clear(conn, numbers_of(arguments, "ids"), done, asking)


def qc_changed(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids` (gates), `what`, `reason`. Answer `changed`, `messages`."""
    asking = asking_of(arguments, author, setup, now)
    ids, what = numbers_of(arguments, "ids"), text_of(arguments, "what")
    return quality_decisions.change(conn, ids, what, asking)


def qc_exclude(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids` (control values), `reason`. Answer `excluded`."""
    asking = asking_of(arguments, author, setup, now)
    return quality_decisions.exclude(conn, numbers_of(arguments, "ids"), asking)


def qc_status(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `line`, `test`, `analyzer` and `module` (may be empty: all), `status` (good, warning, bad), `reason`.
    Answer `gate`, `messages`.
    """
    names = {name: text_of(arguments, name) for name in ("line", "analyzer", "module", "test")}
    asking = asking_of(arguments, author, setup, now)
    status = text_of(arguments, "status")
    return quality_decisions.external(conn, Place(**names), status, asking)


def qc_patients_clear(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids` (statistics over patients' results), `cause`, `action`. Answer `cleared`."""
    words = (text_of(arguments, "cause"), text_of(arguments, "action"))
    done = quality_decisions.Documented(*words)
    asking = asking_of(arguments, author, setup, now)
    return quality_decisions.clear_patients(conn, numbers_of(arguments, "ids"), done, asking)


def qc_seen(
    conn: Connection, arguments: Arguments, author: str, setup: Setup, now: float
) -> Answer:
    """Arguments `ids` (results), `reason`. Answer `seen`."""
    asking = asking_of(arguments, author, setup, now)
    return quality_decisions.seen(conn, numbers_of(arguments, "ids"), asking)


QUALITY_COMMANDS: Mapping[str, CommandJob] = {
    "qc.clear": qc_clear,
    "qc.changed": qc_changed,
    "qc.exclude": qc_exclude,
    "qc.status": qc_status,
    "qc.seen": qc_seen,
    "qc.patients_clear": qc_patients_clear,
}
