"""A site on disk with a store in it, and the command `labwire` run in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from middleware.cli.main import main
from middleware.driver.api import DecodeContext
from middleware.errors import DriverError
from middleware.model import MessageKind
from middleware.pipeline.prepare import Decoded, Preparation
from middleware.pipeline.process import process
from middleware.settings.build import build_setup
from middleware.settings.installed import installed_for
from middleware.settings.load import load
from middleware.setup import Setup
from middleware.store import journal, meta, setups
from middleware.store.journal import JournalEntry, StoredEntry
from tests.kit.plain_analyzer import frames, result_records
from tests.kit.store import make_store

RECEIVED_AT = datetime(2031, 3, 4, 9, 30, tzinfo=UTC).timestamp()

SETTINGS = """\
[node]
name = "cli-lab"
environment = "test"
time_zone = "Europe/Berlin"

[[line]]
id = "chem-1"
driver = "generic_astm"
release = "{release}"
transport = {{ type = "tcp_listen", port = 0 }}

[[connector]]
id = "lis"
type = "hl7_mllp"
host = "127.0.0.1"
port = 9
"""


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def items(self) -> list[dict[str, Any]]:
        return list(json.loads(self.out)["items"])


def command(*words: str) -> Said:
    """Run `labwire <words>` in this process."""
    out, err, before = StringIO(), StringIO(), sys.argv
    sys.argv = ["labwire", *words]
    status: Any = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.argv = before
    return Said(int(status or 0), out.getvalue(), err.getvalue())


class CliSite:
    """A folder with `labwire.toml` and a store in `var`, as a node leaves it."""

    def __init__(self, folder: Path, release: str = "auto") -> None:
        self.settings = folder / "labwire.toml"
        self.settings.write_text(SETTINGS.format(release=release), encoding="utf-8")
        self.data_dir = folder / "var"
        self.data_dir.mkdir(mode=0o700)
        self._engine = make_store(self.data_dir)
        installed = installed_for(self.settings)
        built = build_setup(load(self.settings), installed.catalogue, installed.connectors, 1)
        with self._engine.begin() as conn:
            meta.identify(conn, "test", RECEIVED_AT)
            applied = setups.AppliedSetup(RECEIVED_AT, "test", "", built.source_sha256, "")
            setups.save(conn, applied)
        self.setup: Setup = built

    def close(self) -> None:
        self._engine.dispose()

    def run(self, *words: str) -> Said:
        """`labwire <words> -c <this site's settings>`."""
        return command(*words, "-c", str(self.settings))

    def receive(self, records: Sequence[bytes] | str, tests: int = 2) -> int:
        """A message arrives (records, or a sample id) and is processed; its id."""
        wanted = result_records(records, tests) if isinstance(records, str) else list(records)
        text = b"".join(record + b"\r" for record in wanted)
        wire = b"\x05" + b"".join(frames(wanted)) + b"\x04"
        entry = JournalEntry(
            "chem-1", "generic_astm", MessageKind.RESULT, RECEIVED_AT, text, wire, ("nul_in_text",)
        )
        with self._engine.begin() as conn:
            entry_id = journal.append(conn, entry)
        self._process(entry_id)
        return entry_id

    def _process(self, entry_id: int) -> None:
        driver = self.setup.driver_of("chem-1")
        with self._engine.begin() as conn:
            stored: StoredEntry = journal.to_process(conn, entry_id - 1, 1)[0]
            try:
                context = DecodeContext("Europe/Berlin", "latin-1")
                decoded = Decoded(stored, driver.decode(stored.text, context))
            except DriverError as error:
                decoded = Decoded(stored, None, error)
            prepared = Preparation(self.setup).prepare(decoded)
            process(conn, [prepared], self.setup, RECEIVED_AT + 1)
