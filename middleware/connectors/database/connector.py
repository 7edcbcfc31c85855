"""Writes rendered rows into a table of a LIS's database: one message, one transaction.

Rules. All that blocks runs in a thread with a deadline; while one hangs no other is begun. What the database thinks of
the values refuses the message, everything else lets it wait. The database's words can quote a row, so they stay with a
message that is refused, and never appear in a warning or a status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from middleware import failpoints
from middleware.connectors.database.config import DatabaseSettings
from middleware.connectors.database.fit import DoesNotFit
from middleware.connectors.database.table import TableDoesNotServe, TargetTable, look_at
from middleware.delivery.connector import ConnectorStatus, OutgoingMessage
from middleware.failpoints import Step
from middleware.model import Outcome, OutcomeKind
from middleware.payload.flat_results import FORMAT
from middleware.transport.apart import run_apart
from middleware.transport.base import TransportState

Apart = Callable[[Any, Callable[[], Any]], Deferred[Any]]

_TEXT_MAX = 1000
# SQLSTATE (SQL:2016 24.1): data exception, integrity constraint violation; what a trigger raises (PostgreSQL).
_ABOUT_THE_VALUES = ("22", "23", "P0001")


class DatabaseConnector:
    """I am responsible for the rows in one table."""

    def __init__(
        self,
        connector_id: str,
        settings: DatabaseSettings,
        reactor: IReactorTime,
        apart: Apart = run_apart,
    ) -> None:
        self.connector_id = connector_id
        self._settings = settings
        self._reactor: Any = reactor
        self._apart = apart
        self._state = TransportState.STOPPED
        self._last_error = ""
        self._hanging = 0  # jobs that did not end in time; another one would hang too
        self._writing = _Writing(settings)

    async def open(self) -> None:
        """Nothing is held open; the table is looked at before the first message."""
        if self._state is TransportState.STOPPED:
            self._state = TransportState.OPEN

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Write in order; accepted when the transaction is committed."""
        if self._is_closed:
            return [_deferred("closed", "the connector was closed")]
        outcomes = await self._within_time(partial(self._writing.write, tuple(batch)))
        last = outcomes[-1]
        is_waiting = last.kind is OutcomeKind.DEFERRED
        self._last_error = last.text if is_waiting else ""
        if not self._is_closed:
            self._state = TransportState.WAITING if is_waiting else TransportState.OPEN
        return outcomes

    async def probe(self) -> Outcome:
        """Whether the database is there and the table can take results; nothing is written."""
        return (await self._within_time(self._writing.probe))[0]

    async def close(self) -> None:
        """Write nothing more."""
        self._state = TransportState.STOPPED

    def status(self) -> ConnectorStatus:
        """How the last try went."""
        own = self._settings
        return ConnectorStatus(self._state.value, f"{own.database} {own.table}", self._last_error)

    @property
    def _is_closed(self) -> bool:
        return self._state is TransportState.STOPPED

    async def _within_time(self, job: Callable[[], list[Outcome]]) -> list[Outcome]:
        if self._hanging:
            return [_hangs()]
        done: Deferred[list[Outcome]] = Deferred()
        timer = self._reactor.callLater(self._settings.timeout_s, self._give_up, done)
        self._apart(self._reactor, job).addErrback(_broken).addCallback(self._ended, done)
        outcomes = await done
        if timer.active():
            timer.cancel()
        return outcomes

    def _give_up(self, done: Deferred[list[Outcome]]) -> None:
        self._hanging += 1
        done.callback([_hangs()])

    def _ended(self, outcomes: list[Outcome], done: Deferred[list[Outcome]]) -> None:
        if done.called:
            self._hanging -= 1
        else:
            done.callback(outcomes)


class _Writing:
    """I do the work of a connector in its thread; one job at a time."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._target: TargetTable | None = None

    def probe(self) -> list[Outcome]:
        """The table is looked at anew."""
        self._target = None
        try:
            with self._connect() as conn:
                self._table(conn)
        except (SQLAlchemyError, TableDoesNotServe) as error:
            return [_trouble(error)]
        return [Outcome(kind=OutcomeKind.ACCEPTED, code="table_serves")]

    def write(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """An outcome for each message up to the first deferred one."""
        outcomes: list[Outcome] = []
        try:
            with self._connect() as conn:
                for message in batch:
                    outcome = self._write(conn, message)
                    outcomes.append(outcome)  # what was written before a fault counts
        except (SQLAlchemyError, TableDoesNotServe) as error:
            self._target = None  # somebody may have changed the table
            outcomes.append(_trouble(error))
        return outcomes

    def _write(self, conn: Connection, message: OutgoingMessage) -> Outcome:
        rows = rows_of(message.payload)
        if not rows:
            text = "the message holds no rows: it was made for another connector"
            return _refused("no_rows", text)
        table = self._table(conn)
        failpoints.hit(Step.BEFORE_SEND)
        try:
            changed = _again_when_it_came_between(table, conn, rows)
        except DoesNotFit as error:
            return _refused("does_not_fit", str(error))
        except DBAPIError as error:
            if not _is_about_the_values(error):
                raise
            self._target = None
            return _refused(_code_of(error), _words_of(error))
        failpoints.hit(Step.AFTER_SEND)
        return Outcome(kind=OutcomeKind.ACCEPTED, code="written" if changed else "was_there")

    def _connect(self) -> Connection:
        if self._engine is None:
            # A connection for each batch: none that died overnight is ever used.
            self._engine = create_engine(
                self._settings.url, poolclass=NullPool, hide_parameters=True
            )
        return self._engine.connect()

    def _table(self, conn: Connection) -> TargetTable:
        if self._target is None:
            self._target = look_at(conn, self._settings)
        return self._target


def rows_of(payload: bytes) -> list[Mapping[str, str]]:
    """The rows of a message; none of what is no such message."""
    try:
        found = json.loads(payload)
    except ValueError:
        return []
    is_ours = isinstance(found, dict) and found.get("format") == FORMAT
    return list(found.get("rows", ())) if is_ours else []


def _again_when_it_came_between(
    table: TargetTable, conn: Connection, rows: Sequence[Mapping[str, str]]
) -> int:
    """A try that we gave up may have written the row after we looked: the second look finds it."""
    try:
        return table.write(conn, rows)
    except IntegrityError:
        return table.write(conn, rows)


def _is_about_the_values(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError | DataError):
        return True
    state = _state_of(error)
    return state.startswith(_ABOUT_THE_VALUES)


def _state_of(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")


def _code_of(error: DBAPIError) -> str:
    return _state_of(error) or type(error).__name__


def _words_of(error: DBAPIError) -> str:
    text = str(error.orig)[:_TEXT_MAX]
    return "".join([letter if letter.isprintable() else " " for letter in text]).strip()


def _trouble(error: Exception) -> Outcome:
    if isinstance(error, TableDoesNotServe):
        return _deferred("table_does_not_serve", str(error))
    if isinstance(error, DBAPIError):
        state = _state_of(error)
        named = f"{type(error.orig).__name__} {state}".strip()
        return _deferred("database_trouble", f"the database did not take it: {named}")
    return _deferred("database_trouble", f"the database did not take it: {type(error).__name__}")


def _broken(failure: Any) -> list[Outcome]:
    """A fault of ours or of a driver: tried again, and shown."""
    return [_deferred("database_trouble", f"the database did not take it: {failure.type.__name__}")]


def _hangs() -> Outcome:
    return _deferred("database_hangs", "the database does not answer")


def _deferred(code: str, text: str) -> Outcome:
    return Outcome(kind=OutcomeKind.DEFERRED, code=code, text=text)


def _refused(code: str, text: str) -> Outcome:
    return Outcome(kind=OutcomeKind.REFUSED, code=code, text=text)
