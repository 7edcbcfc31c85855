"""The store's identity, the settings that were in force, commands, and reading beside the writer."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from middleware.errors import StoreError
from middleware.store import commands, meta, setups
from middleware.store.commands import Command, CommandState
from middleware.store.engine import open_readonly
from middleware.store.reader import Reader
from tests.kit.store import PumpedReactor


def applied(body: str, sha256: str) -> setups.AppliedSetup:
    return setups.AppliedSetup(1000.0, "a.person", "first", sha256, body)


def test_a_store_keeps_its_id_and_its_environment(engine: Engine) -> None:
    """A training node never opens a production store."""
    with engine.begin() as conn:
        first = meta.identify(conn, "test", 1.0)
        assert meta.identify(conn, "test", 2.0) == first
        assert len(first.store_id) == meta.STORE_ID_LENGTH
        assert first.created_at == 1000.0
        with pytest.raises(StoreError, match="test node; the settings say production"):
            meta.identify(conn, "production", 2.0)


def test_the_same_settings_keep_their_generation_and_others_get_the_next(engine: Engine) -> None:
    """Restarting a node is no change of settings."""
    with engine.begin() as conn:
        with pytest.raises(StoreError, match="no settings"):
            setups.current_generation(conn)
        assert setups.current(conn) is None
        assert setups.save(conn, applied("a", "sha-a")) == 1
        assert setups.save(conn, applied("a", "sha-a")) == 1
        assert setups.save(conn, applied("b", "sha-b")) == 2
        assert setups.save(conn, applied("a", "sha-a")) == 3
        assert setups.current_generation(conn) == 3
        assert setups.get(conn, 2)["body"] == "b"
        assert setups.get(conn, 9) is None
        assert [row["generation"] for row in setups.listing(conn)] == [3, 2, 1]


def test_a_command_is_answered_once(engine: Engine) -> None:
    with engine.begin() as conn:
        number = commands.ask(conn, Command("results.release", {"ids": [1]}, "a.person", 1.0))
        assert [row["id"] for row in commands.listing(conn, CommandState.ASKED)] == [number]
        commands.answer(conn, number, CommandState.DONE, {"released": [1]}, 2.0)
        commands.answer(conn, number, CommandState.FAILED, {}, 3.0)
        row = commands.get(conn, number)
        assert (row["state"], row["answer"], row["done_at"]) == ("done", {"released": [1]}, 2.0)
        assert row["arguments"] == {"ids": [1]}
        assert commands.get(conn, 9) is None
        assert commands.listing(conn, CommandState.ASKED) == []


def test_a_slow_read_runs_beside_and_a_short_one_at_once(engine: Engine, url: str) -> None:
    """A long listing never keeps the reactor from answering an analyzer."""
    reactor = PumpedReactor()
    reader = Reader(open_readonly(url), reactor)
    reader.start()
    here = threading.get_ident()
    assert reader.read_now(lambda conn: threading.get_ident()) == here
    assert reactor.result_of(reader.read(lambda conn: threading.get_ident())) != here
    reactor.result_of(reader.stop())
    reactor.result_of(reader.stop())


def test_each_read_sees_what_was_committed_before_it(engine: Engine, url: str) -> None:
    reactor = PumpedReactor()
    reader = Reader(open_readonly(url), reactor)
    for value in ("one", "two"):
        with engine.begin() as conn:
            meta.put(conn, "key", value)
        assert reader.read_now(lambda conn: meta.get(conn, "key")) == value
        assert reactor.result_of(reader.read(lambda conn: meta.get(conn, "key"))) == value
    reactor.result_of(reader.stop())


def test_a_failed_read_is_told_and_the_next_one_works(engine: Engine, url: str) -> None:
    reactor = PumpedReactor()
    reader = Reader(open_readonly(url), reactor)
    with pytest.raises(DBAPIError):
        reader.read_now(lambda conn: conn.exec_driver_sql("SELECT nothing FROM nowhere"))
    with pytest.raises(DBAPIError):
        reactor.result_of(
            reader.read(lambda conn: conn.exec_driver_sql("SELECT nothing FROM nowhere"))
        )
    assert reader.read_now(lambda conn: meta.get(conn, "environment")) == "test"
    reactor.result_of(reader.stop())
