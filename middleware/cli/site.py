"""What a command needs of a site: its settings file, its store to read, and a way to have something changed.

Reading goes through a read-only engine of the command's own. A change goes to the running node; with no node running
the command takes the node's lock and does the same job itself (DESIGN 6.13).
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from middleware.clock import SystemClock
from middleware.errors import SettingsError
from middleware.monitor.control_client import NoNodeRuns, call
from middleware.monitor.lock import NodeLock
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import Request, note_refusal, perform
from middleware.pipeline.rule_proofs import RULE_COMMANDS, take
from middleware.settings.build import build_setup, node_settings
from middleware.settings.faults import read_model
from middleware.settings.installed import installed_for
from middleware.settings.load import Loaded, load
from middleware.settings.problems import errors_in
from middleware.settings.schema import NodeTable
from middleware.setup import NodeSettings, Setup
from middleware.store import meta
from middleware.store.connection import Connection
from middleware.store.engine import (
    admit_one_writer,
    check_schema,
    database_url,
    open_engine,
    open_readonly,
)

T = TypeVar("T")

LONGEST_CHANGE_S = 60.0


@dataclass(frozen=True)
class Site:
    """One site as its settings file describes it; made by `open_site`."""

    loaded: Loaded
    node: NodeSettings

    @cached_property
    def url(self) -> str:
        """The store's URL."""
        return database_url(self.node.data_dir, self.node.database)

    @cached_property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The zone that people read times in."""
        return zoneinfo.ZoneInfo(self.node.time_zone)

    def setup(self) -> Setup:
        """All settings. Raises SettingsError that names every mistake."""
        installed = installed_for(self.loaded.path)
        return build_setup(self.loaded, installed.catalogue, installed.connectors, 0)

    def encoding_of(self, line: str) -> str:
        """The character encoding of a line's messages as the settings have it now."""
        tables = self.loaded.tables.get("line", [])
        for table in tables if isinstance(tables, list) else []:
            if isinstance(table, dict) and table.get("id") == line:
                return str(table.get("encoding", "latin-1"))
        return "latin-1"

    def read(self, query: Callable[[Connection], T]) -> T:
        """Ask the store. Raises StoreError when there is none, or when its schema is not ours."""
        engine = open_readonly(self.url, connections=1)
        try:
            check_schema(engine)
            with engine.connect() as conn, conn.begin():
                return query(conn)
        finally:
            engine.dispose()

    def ask_node(self, verb: str, author: str = "labwire") -> Any:
        """What the running node answers. Raises NoNodeRuns."""
        return call(self.node.data_dir, verb, {}, author)

    def change(self, verb: str, arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        """Have something changed, by the running node or, with none running, here."""
        try:
            answer = call(self.node.data_dir, verb, arguments, author, LONGEST_CHANGE_S)
        except NoNodeRuns:
            answer = self._change_here(verb, arguments, author)
        return dict(answer)

    def _change_here(self, verb: str, arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        setup = self.setup()
        now = SystemClock().utc_now().timestamp()

        def request(conn: Connection) -> Request:
            meta.identify(conn, setup.node.environment.value, now)
            if verb in RULE_COMMANDS:  # it speaks of rules, and brings none into force
                return Request(verb, arguments, author, setup, now)
            generation = take(conn, setup, author, f"{verb} with no node running", now)
            return Request(verb, arguments, author, replace(setup, generation=generation), now)

        with NodeLock(self.node.data_dir):
            try:
                return self.write(lambda conn: perform(conn, request(conn)))
            except CommandRefused as refusal:
                said = refusal
            self.write(lambda conn: note_refusal(conn, request(conn), said))
            raise said

    def write(self, job: Callable[[Connection], T]) -> T:
        """Run a job in one transaction. Only with the node's lock held."""
        engine = open_engine(self.url)
        admit_one_writer(engine)
        try:
            check_schema(engine)
            with engine.connect() as conn, conn.begin():
                return job(conn)
        finally:
            engine.dispose()


def open_site(path: Path) -> Site:
    """Read the `[node]` table of a settings file; mistakes elsewhere in it do not matter here.

    Raises SettingsError.
    """
    loaded = load(path)
    errors = errors_in(loaded.problems)
    data = loaded.tables.get("node", {})
    table, faults = read_model(NodeTable, data if isinstance(data, dict) else {})
    if table is None and not errors:
        errors = [
            loaded.problem(("node", *fault.place), fault.message, fault.suggestion)
            for fault in faults
        ]
    if table is None or not loaded.tables:
        raise SettingsError(
            "\n".join(str(error) for error in errors),
            what_to_do="`labwire check` shows everything that is wrong with the file.",
        )
    return Site(loaded, node_settings(table, path))
