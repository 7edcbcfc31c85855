"""Results as rows of a LIS's table: whole and exact or refused, never twice, and no waiting for a hanging database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import types
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from middleware.connectors.database import CONNECTOR
from middleware.connectors.database.config import ClockTimes, DatabaseSettings
from middleware.connectors.database.connector import DatabaseConnector
from middleware.connectors.database.fit import ColumnFacts, DoesNotFit, fitted, why_never
from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome
from middleware.payload.flat_results import FlatRenderer, ResultField
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

TABLE = """CREATE TABLE lab (
  id VARCHAR(40) PRIMARY KEY, first VARCHAR(40) UNIQUE, version INTEGER, tube VARCHAR(12) NOT NULL, test TEXT,
  value TEXT, status VARCHAR(2), at TIMESTAMP, source TEXT)"""
COLUMNS = {
    "id": "row_id",
    "tube": "sample_id",
    "test": "test_code",
    "value": "value",
    "status": "status",
    "at": "measured_at",
}
UPDATING = {
    "columns": {**COLUMNS, "id": "result_id", "first": "first_id", "version": "version"},
    "corrections": "update",
}


def apart(_reactor: Any, job: Callable[[], Any]) -> Deferred[Any]:
    try:
        return succeed(job())
    except Exception:  # noqa: BLE001 - as the thread does
        return fail()


class Lis:
    """A LIS's database of one table, and a connector to it."""

    def __init__(self, folder: Path, table: str = TABLE, run: Any = apart, **own: Any) -> None:
        self.path = folder / "lis.db"
        self.sql(table)
        self.clock = Clock()
        given = {"database": f"sqlite:///{self.path}", "table": "lab", "columns": COLUMNS, **own}
        settings = DatabaseSettings.model_validate(given)
        self.connector = DatabaseConnector("lis", settings, self.clock, run)  # type: ignore[arg-type]
        result(self.connector.open())

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        conn = sqlite3.connect(self.path)
        try:
            with conn:
                return conn.execute(text).fetchall()
        finally:
            conn.close()

    def deliver(self, *messages: OutgoingMessage) -> list[tuple[str, str]]:
        self.outcomes: list[Outcome] = result(self.connector.deliver(messages))
        return [(one.kind.value, one.code) for one in self.outcomes]


def result(work: Any) -> Any:
    ended: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(ended.append)
    return ended[0] if ended else None


def message(*rows: dict[str, Any], number: int = 1, sample: str = "S1001") -> OutgoingMessage:
    control_id = f"TEST01-{number:010d}"
    context = RenderContext(control_id, RECEIVED_AT, "P", "Europe/Berlin", "core-lab")
    made = list(rows) or [row_of()]
    return OutgoingMessage(
        number, control_id, FlatRenderer().render(OutgoingSpecimen(sample, made), context)
    )


def row_of(value: str = "5.40", **decided: Any) -> dict[str, Any]:
    test = decided.pop("test", "GLU")
    return stored_row(made_result(value=value, test=test), **({"id": 7} | decided))


def test_a_message_is_rows_with_the_values_as_released(tmp_path: Path) -> None:
    lis = Lis(tmp_path, constants={"source": "LABWIRE"})
    assert lis.deliver(message(row_of(), row_of("140", id=8, test="NA"))) == [
        ("accepted", "written")
    ]
    rows = lis.sql("SELECT id, tube, test, value, status, at, source FROM lab")
    at = "2031-03-04 09:15:00.000000"
    assert rows == [
        ("TEST01-0000000001.1", "S1001", "GLU", "5.40", "F", at, "LABWIRE"),
        ("TEST01-0000000001.2", "S1001", "NA", "140", "F", at, "LABWIRE"),
    ]


def test_a_message_that_goes_again_writes_nothing_twice(tmp_path: Path) -> None:
    lis = Lis(tmp_path)
    assert lis.deliver(message()) == [("accepted", "written")]
    lis.sql("UPDATE lab SET status = 'T'")  # the LIS took it
    assert lis.deliver(message()) == [("accepted", "was_there")]
    assert lis.sql("SELECT status FROM lab") == [("T",)]


def test_a_correction_gets_a_row_of_its_own(tmp_path: Path) -> None:
    lis = Lis(tmp_path)
    lis.deliver(message())
    later = row_of("6.1", id=9, supersedes=7, first_id=7, version=2)
    lis.deliver(message(later, number=2))
    assert lis.sql("SELECT value, status FROM lab") == [("5.40", "F"), ("6.1", "C")]


def test_a_correction_changes_the_row_and_never_back(tmp_path: Path) -> None:
    lis = Lis(tmp_path, **UPDATING)
    later = row_of("6.1", id=9, supersedes=7, first_id=7, version=2)
    withdrawn = later | {"result_status": "withdrawn"}
    for one, expected in (
        (message(), "written"),
        (message(later, number=2), "written"),
        (message(), "was_there"),
        (message(withdrawn, number=3), "written"),
    ):
        assert lis.deliver(one) == [("accepted", expected)]
    assert lis.sql("SELECT first, version, value, status FROM lab") == [("TEST01-7", 2, None, "W")]


def test_what_does_not_fit_is_refused_and_nothing_of_its_message_is_written(tmp_path: Path) -> None:
    lis = Lis(tmp_path)
    long = message(sample="S1001-TOO-LONG", number=2)
    assert lis.deliver(message(number=1), long, message(number=3)) == [
        ("accepted", "written"),
        ("refused", "does_not_fit"),
        ("accepted", "written"),
    ]
    assert lis.outcomes[1].text == "column tube takes 12 characters, and there are 14"
    assert len(lis.sql("SELECT * FROM lab")) == 2


def test_what_the_database_thinks_of_the_values_refuses_one_message(tmp_path: Path) -> None:
    table = TABLE.replace("value TEXT", "value TEXT CHECK (value <> '6.66')")
    lis = Lis(tmp_path, table)
    both = message(row_of(), row_of("6.66", id=8), number=1)
    assert lis.deliver(both, message(number=2)) == [
        ("refused", "IntegrityError"),
        ("accepted", "written"),
    ]
    assert "CHECK constraint failed" in lis.outcomes[0].text
    assert len(lis.sql("SELECT * FROM lab")) == 1


def test_a_database_that_is_locked_lets_results_wait_and_says_nothing_of_them(
    tmp_path: Path,
) -> None:
    lis = Lis(tmp_path, database=f"sqlite:///{tmp_path}/lis.db?timeout=0")
    holder = sqlite3.connect(lis.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert lis.deliver(message(), message(number=2)) == [("deferred", "database_trouble")]
    assert lis.connector.status().last_error == "the database did not take it: OperationalError"
    holder.execute("ROLLBACK")
    holder.close()
    assert lis.deliver(message()) == [("accepted", "written")]
    assert lis.connector.status().last_error == ""


def test_a_row_that_came_between_is_found_on_the_second_look(tmp_path: Path) -> None:
    """A try that was given up may still have been committed by its thread."""
    lis = Lis(tmp_path)
    lis.deliver(message())
    table = lis.connector._writing._target
    assert table is not None
    tries: list[int] = []
    real = type(table)._insert

    def blind(self: Any, conn: Any, wanted: Any) -> int:
        tries.append(1)
        if len(tries) == 1:
            conn.execute(self.table.insert(), list(wanted))
        return real(self, conn, wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(table), "_insert", blind)
        assert lis.deliver(message()) == [("accepted", "was_there")]
    assert len(tries) == 2


def test_a_long_message_is_written_in_parts_and_in_one_transaction(tmp_path: Path) -> None:
    lis = Lis(tmp_path)
    rows = [row_of(id=number, test=f"T{number}") for number in range(1, 6)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("middleware.connectors.database.table._AT_ONCE", 2)
        lis.sql(
            "CREATE TRIGGER t BEFORE INSERT ON lab WHEN NEW.test = 'T5' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        assert lis.deliver(message(*rows)) == [("refused", "IntegrityError")]
        assert lis.sql("SELECT * FROM lab") == []
        lis.sql("DROP TRIGGER t")
        assert lis.deliver(message(*rows)) == [("accepted", "written")]
    assert len(lis.sql("SELECT * FROM lab")) == 5


BAD_TABLES = [
    ("CREATE TABLE other (id TEXT)", {}, "there is no table lab"),
    (TABLE.replace("test TEXT", "assay TEXT"), {}, "there is no column test"),
    (TABLE.replace(" PRIMARY KEY", ""), {}, "column id has no unique key of its own"),
    (TABLE.replace("value TEXT", "value REAL"), {}, "column value keeps no exact decimals"),
    (TABLE.replace("value TEXT", "value NUMERIC(9,2)"), {}, "column value keeps no exact"),
    (TABLE.replace("value TEXT", "value BLOB"), {}, "column value has a type that nothing"),
    (TABLE.replace("value TEXT", "value TIMESTAMP"), {}, "column value holds times"),
    (TABLE.replace("source TEXT", "source TEXT NOT NULL"), {}, "column source must have a value"),
    (TABLE.replace("source TEXT", "source CHAR(2)"), {"constants": {"source": "LAB"}}, "constant"),
]


@pytest.mark.parametrize("case", BAD_TABLES, ids=lambda case: case[2])
def test_a_table_that_cannot_take_results_is_named_and_results_wait(
    tmp_path: Path, case: tuple[str, dict[str, Any], str]
) -> None:
    table, own, words = case
    lis = Lis(tmp_path, table, **own)
    assert lis.deliver(message()) == [("deferred", "table_does_not_serve")]
    assert words in lis.outcomes[0].text
    assert words in result(lis.connector.probe()).text


def test_a_table_that_is_mended_is_taken_without_a_restart(tmp_path: Path) -> None:
    lis = Lis(tmp_path, TABLE.replace(" PRIMARY KEY", ""))
    lis.deliver(message())
    lis.sql("CREATE UNIQUE INDEX one ON lab (id) WHERE tube <> ''")
    assert lis.deliver(message()) == [("deferred", "table_does_not_serve")]
    lis.sql("CREATE UNIQUE INDEX whole ON lab (id)")
    assert result(lis.connector.probe()).code == "table_serves"
    assert lis.deliver(message()) == [("accepted", "written")]


def test_a_hanging_database_is_left_alone_until_it_answers(tmp_path: Path) -> None:
    begun: list[Deferred[Any]] = []

    def hang(_reactor: Any, _job: Any) -> Deferred[Any]:
        begun.append(Deferred())
        return begun[-1]

    lis = Lis(tmp_path, run=hang, timeout_s=10)
    told: list[Any] = []
    Deferred.fromCoroutine(lis.connector.deliver([message()])).addCallback(told.extend)
    lis.clock.advance(10)
    assert [one.code for one in told] == ["database_hangs"]
    assert lis.deliver(message()) == [("deferred", "database_hangs")]
    assert len(begun) == 1
    begun[0].callback([])
    Deferred.fromCoroutine(lis.connector.deliver([message()]))
    assert len(begun) == 2


def test_what_was_made_for_another_connector_is_set_aside(tmp_path: Path) -> None:
    lis = Lis(tmp_path)
    codes = lis.deliver(OutgoingMessage(1, "C1", b"MSH|^~\\&|"), OutgoingMessage(2, "C2", b"[]"))
    assert codes == [("refused", "no_rows")] * 2


FITS = [
    ("12.50", types.Numeric(6, 2), "12.50"),
    ("-9999.99", types.Numeric(6, 2), "-9999.99"),
    ("0.125", types.Numeric(), "0.125"),
    ("32767", types.SmallInteger(), "32767"),
    ("true", types.Integer(), "1"),
    ("true", types.Boolean(), "True"),
    ("2031-03-04T10:15:00+01:00", types.DateTime(), "2031-03-04 09:15:00"),
    ("2031-03-04T10:15:00+01:00", types.DateTime(timezone=True), "2031-03-04 10:15:00+01:00"),
    ("2031-03-04T00:15:00+01:00", types.Date(), "2031-03-03"),
    ("2031-03-04", types.Date(), "2031-03-04"),
    ("F", types.Enum("F", "C"), "F"),
    ("éé", types.String(2), "éé"),
    ("", types.String(2), "None"),
]
MISFITS = [
    ("12.505", types.Numeric(6, 2), "takes 2 decimals, and there are 3"),
    ("12.500", types.Numeric(6, 2), "takes 2 decimals"),
    ("10000", types.Numeric(6, 2), "takes 4 digits before the point"),
    ("1E9", types.Numeric(6, 2), "takes numbers"),
    ("<5", types.Numeric(6, 2), "takes numbers"),
    ("32768", types.SmallInteger(), "no number as large"),
    ("5.0", types.Integer(), "takes whole numbers"),
    ("2031-03-04", types.DateTime(), "only the day is known"),
    ("now", types.Date(), "takes days"),
    ("yes", types.Boolean(), "takes true or false"),
    ("X", types.Enum("F", "C"), "only its own words"),
    ("abc", types.String(2), "takes 2 characters, and there are 3"),
]


@pytest.mark.parametrize("case", FITS, ids=lambda case: f"{case[0]} in {case[1]!r}")
def test_what_fits_is_sent_as_it_is(case: tuple[str, Any, str]) -> None:
    text, kind, expected = case
    value = fitted(text, ColumnFacts("c", kind, may_be_null=True), ClockTimes.UTC)
    assert str(value) == expected


@pytest.mark.parametrize("case", MISFITS, ids=lambda case: f"{case[0]} in {case[1]!r}")
def test_what_does_not_fit_is_never_rounded_or_cut(case: tuple[str, Any, str]) -> None:
    """And the words do not tell the value."""
    text, kind, words = case
    with pytest.raises(DoesNotFit, match=words) as caught:
        fitted(text, ColumnFacts("c", kind, may_be_null=True), ClockTimes.UTC)
    assert text not in str(caught.value)


def test_a_column_that_needs_a_value_gets_one_or_refuses() -> None:
    assert fitted("", ColumnFacts("c", types.String(2), may_be_null=False), ClockTimes.UTC) == ""
    with pytest.raises(DoesNotFit, match="needs a value"):
        fitted("", ColumnFacts("c", types.Integer(), may_be_null=False), ClockTimes.UTC)


def test_local_times_are_those_of_the_line() -> None:
    facts = ColumnFacts("c", types.DateTime(), may_be_null=True)
    found = fitted("2031-03-04T10:15:00+01:00", facts, ClockTimes.LOCAL)
    assert str(found) == "2031-03-04 10:15:00"


def test_a_binary_fraction_never_serves() -> None:
    for kind in (types.Float(), types.REAL(), types.Double()):
        assert "exact" in why_never(ColumnFacts("c", kind, may_be_null=True), ResultField.NUMBER)


@pytest.mark.parametrize(
    "own",
    [
        {"database": "sqlite:///lis.db"},
        {"database": "sqlite://"},
        {"database": "nonsense"},
        {"database": "nosuch://host/db"},
        {"database": "postgresql+psycopg://me:word@host/db"},
        {"database": "postgresql+psycopg://me@host/db?password=word"},
        {"columns": {}},
        {"columns": {"tube": "sample_id"}},
        {"columns": {"id": "row_id", "tube": "barcode"}},
        {"corrections": "update"},
        {"constants": {"id": "x"}},
    ],
)
def test_settings_that_cannot_work_are_refused(own: dict[str, Any]) -> None:
    good = {"database": "sqlite:////srv/lis.db", "table": "lab", "columns": {"id": "row_id"}}
    DatabaseSettings.model_validate(good)
    with pytest.raises(ValidationError):
        DatabaseSettings.model_validate({**good, **own})


def test_the_password_is_in_no_text_of_ours() -> None:
    given = {
        "database": "postgresql+psycopg://me@127.0.0.1:1/db",
        "password": "a-secret-of-the-bench",
        "table": "lab",
        "columns": {"id": "row_id"},
    }
    settings = DatabaseSettings.model_validate(given)
    assert settings.url.password == "a-secret-of-the-bench"
    connector = DatabaseConnector("lis", settings, Clock(), apart)  # type: ignore[arg-type]
    result(connector.open())
    (outcome,) = result(connector.deliver([message()]))
    assert outcome.code == "database_trouble"
    assert "a-secret" not in f"{outcome} {connector.status()} {settings!r}"


def test_every_field_of_the_document_is_known(tmp_path: Path) -> None:
    """What the README lists is what a column can get."""
    document = json.loads(message(row_of(supersedes=3)).payload)
    assert set(document["rows"][0]) <= {field.value for field in ResultField}


def test_the_connector_is_found_by_its_entry_point() -> None:
    assert discover_connectors().factories["database"] is CONNECTOR
