"""What a cut in the middle of writing leaves: every acknowledged message, whatever the torn end
holds.

The end of the write-ahead log is cut, damaged or mixed behind what a commit had written when it was
acknowledged. That the commit had really reached the disk rests on `synchronous=FULL`, which another
test holds for every connection; cuts of power on the level of single writes and syncs are not
simulated here.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine

from middleware.store import journal
from middleware.store.engine import DATABASE_FILE
from tests.kit.store_rows import entry

COMMITS = 30


def log_of(data_dir: Path) -> Path:
    return data_dir / f"{DATABASE_FILE}-wal"


def torn(rest: bytes, chance: random.Random) -> bytes:
    """A part of what was still to be written: cut anywhere, with a stretch of it not written or
    damaged.
    """
    kept = bytearray(rest[: chance.randint(0, len(rest))])
    if kept:
        start = chance.randrange(len(kept))
        length = chance.randint(1, 5000)
        filler = chance.randbytes(length) if chance.random() < 0.5 else bytes(length)
        kept[start : start + length] = filler[: len(kept) - start]
    return bytes(kept)


@pytest.mark.slow
def test_a_torn_end_of_the_log_loses_nothing_that_was_acknowledged(
    engine: Engine, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a crash the store opens by itself, is whole, and holds all that was acknowledged, in
    order.
    """
    chance = random.Random(7)
    with engine.connect() as conn:
        sizes = []
        for number in range(COMMITS):
            with conn.begin():
                journal.append(conn, entry(b"%d" % number + b"x" * chance.randint(0, 9000)))
            sizes.append(log_of(data_dir).stat().st_size)
        log = log_of(data_dir).read_bytes()
        base = (data_dir / DATABASE_FILE).read_bytes()
    folder = tmp_path_factory.mktemp("cut")
    for _ in range(100):
        acknowledged = chance.randint(1, COMMITS)
        size = sizes[acknowledged - 1]
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / DATABASE_FILE).write_bytes(base)
        log_of(folder).write_bytes(log[:size] + torn(log[size:], chance))
        connection = sqlite3.connect(folder / DATABASE_FILE)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ids = [row[0] for row in connection.execute("SELECT id FROM journal ORDER BY id")]
        connection.close()
        assert len(ids) >= acknowledged
        assert ids == list(range(1, len(ids) + 1))
