"""Files of orders: each taken once, stored before it is moved, and answered test by test."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from middleware.connectors.file_drop.config import FileDropSettings
from middleware.connectors.file_drop.connector import FileDropConnector
from middleware.connectors.file_drop.orders import AGAIN_AFTER_S
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline.orders import serve_orders
from middleware.store import journal
from middleware.store.journal import JournalFilter
from middleware.wire.hl7 import parse
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.order_messages import header, oml_o33, text
from tests.kit.orders import states


class FolderBench:
    """A connector that looks into a folder; files are written by hand."""

    def __init__(self, base: Path, **orders: Any) -> None:
        self.folder = base / "orders"
        self.folder.mkdir(exist_ok=True)
        self.conn = empty_store()
        self.writer = InstantWriter(self.conn)
        self.health = Health(FakeClock())
        self.clock = Clock()
        self.is_full_disk = False
        self.orders = {"folder": self.folder, "ready": "at_once", **orders}
        self.open(base)

    def open(self, folder: Path) -> None:
        settings = FileDropSettings(folder=folder, orders=self.orders)  # type: ignore[arg-type]
        reactor: Any = self.clock
        self.connector = FileDropConnector("lis", settings, reactor, self.apart)
        writer: Any = self.writer
        serve_orders(self.connector, writer, FakeClock(), made_setup, self.health)
        Deferred.fromCoroutine(self.connector.open())

    def apart(self, _reactor: Any, job: Any) -> Deferred[Any]:
        if self.is_full_disk and "write_answer" in repr(job):
            return fail(OSError(28, "No space left on device"))
        try:
            return succeed(job())
        except Exception:  # noqa: BLE001 - as the thread does
            return fail()

    def put(self, name: str, content: bytes | str) -> None:
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)
        self.look()

    def look(self, seconds: float = 2.0) -> None:
        self.clock.advance(seconds)

    def answer(self, name: str) -> bytes:
        return (self.folder / "answers" / f"{name}.answer").read_bytes()

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(self.answer(name).decode().splitlines()))

    def names(self, folder: str) -> list[str]:
        place = self.folder / folder
        return sorted(one.name for one in place.rglob("*") if one.is_file())

    def journal(self) -> list[dict[str, Any]]:
        return journal.listing(self.conn, JournalFilter())


@pytest.fixture
def make(tmp_path: Path):
    made: list[FolderBench] = []

    def one(**orders: Any) -> FolderBench:
        made.append(FolderBench(tmp_path, **orders))
        return made[-1]

    yield one
    for bench in made:
        bench.conn.rollback()


CSV = "sample_id,test_code\nS1,GLU\nS1,UREA\n"


def test_an_hl7_file_is_stored_answered_and_moved(make: Any) -> None:
    bench = make()
    bench.put("a.hl7", oml_o33("S1", "GLU", "UREA"))
    assert states(bench.conn) == {"GLU": "pending", "UREA": "pending"}
    reply = parse(bench.answer("a.hl7"))
    assert (reply.get("MSH-9"), reply.get("MSA-1"), reply.get("MSA-2")) == (
        "ORL^O34^ORL_O34",
        "AA",
        "M1",
    )
    assert bench.names("processed") == ["a.hl7"]
    (entry,) = bench.journal()
    assert (entry["line"], entry["state"], entry["file_name"]) == (
        "lis/orders",
        "processed",
        "a.hl7",
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_segments_may_end_as_text_files_do(make: Any, end: bytes) -> None:
    bench = make()
    bench.put("a.hl7", oml_o33().replace(b"\r", end))
    assert states(bench.conn) == {"GLU": "pending"}


def test_each_row_of_csv_has_its_answer(make: Any) -> None:
    bench = make(format="csv")
    bench.put("a.csv", CSV + "NOREAD,TSH\n")
    assert states(bench.conn) == {"GLU": "pending", "UREA": "pending"}
    assert [(one["row"], one["test_code"], one["answer"]) for one in bench.rows("a.csv")] == [
        ("2", "GLU", "accepted"),
        ("3", "UREA", "accepted"),
        ("4", "TSH", "refused"),
    ]
    assert "no sample id" in bench.rows("a.csv")[2]["reason"]


def test_nothing_is_moved_or_answered_before_the_commit(make: Any) -> None:
    bench = make(format="csv")
    bench.writer.is_broken = True
    bench.put("a.csv", CSV)
    assert (bench.folder / "a.csv").exists()
    assert not (bench.folder / "answers").exists()
    bench.writer.is_broken = False
    bench.look(5)
    bench.look()
    assert states(bench.conn) == {"GLU": "pending", "UREA": "pending"}
    assert bench.names("processed") == ["a.csv"]


def test_the_same_content_under_another_name_is_one_order(make: Any) -> None:
    bench = make(format="csv")
    bench.put("a.csv", CSV)
    bench.put("b.csv", CSV)
    assert [one["answer"] for one in bench.rows("b.csv")] == ["unchanged", "unchanged"]
    assert bench.names("processed") == ["a.csv", "b.csv", "b.csv.note"]


def test_a_cancel_that_comes_again_does_not_cancel_what_was_ordered_since(make: Any) -> None:
    """The file was copied back by mistake, or a backup of the share was restored."""
    bench = make(format="csv")
    cancel = "action,sample_id,test_code\ncancel,S1,GLU\n"
    bench.put("1.csv", CSV)
    bench.put("2.csv", cancel)
    bench.put("3.csv", "sample_id,test_code,priority\nS1,GLU,stat\n")
    assert states(bench.conn)["GLU"] == "pending"
    bench.put("4.csv", cancel)
    assert states(bench.conn)["GLU"] == "pending"
    (row,) = bench.rows("4.csv")
    assert (row["answer"], "nothing was done again" in row["reason"]) == ("unchanged", True)


def test_an_order_that_comes_again_does_not_revive_what_was_cancelled_since(make: Any) -> None:
    bench = make(format="csv")
    bench.put("1.csv", CSV)
    bench.put("2.csv", "action,sample_id,test_code\ncancel,S1,GLU\n")
    bench.put("3.csv", CSV)
    assert states(bench.conn) == {"GLU": "cancelled", "UREA": "pending"}


def test_what_was_refused_is_refused_again(make: Any) -> None:
    """Never answered as if it had been taken."""
    bench = make(format="csv")
    strange = "action,sample_id,test_code\ndrop,S1,GLU\nnew,NOREAD,GLU\n"
    bench.put("1.csv", strange)
    bench.put("2.csv", strange)
    assert [one["answer"] for one in bench.rows("2.csv")] == ["refused", "refused"]


def test_a_node_that_died_before_the_answer_answers_when_it_is_back(
    make: Any, tmp_path: Path
) -> None:
    """Stored, and the disk of the answers was full: the file is still there and is taken again."""
    bench = make(format="csv")
    bench.is_full_disk = True
    bench.put("a.csv", CSV)
    assert states(bench.conn) == {"GLU": "pending", "UREA": "pending"}
    assert (bench.folder / "a.csv").exists()
    assert "an answer cannot be written" in bench.connector.status().orders
    Deferred.fromCoroutine(bench.connector.close())
    bench.look()
    bench.is_full_disk = False
    bench.open(tmp_path)
    bench.look()
    assert [one["answer"] for one in bench.rows("a.csv")] == ["unchanged", "unchanged"]
    assert not (bench.folder / "a.csv").exists()


def test_an_answer_is_tried_until_it_is_written_and_nothing_is_stored_again(make: Any) -> None:
    bench = make(format="csv")
    bench.is_full_disk = True
    bench.put("a.csv", CSV)
    bench.look(AGAIN_AFTER_S)
    bench.is_full_disk = False
    bench.look(AGAIN_AFTER_S)
    assert [one["answer"] for one in bench.rows("a.csv")] == ["accepted", "accepted"]
    assert len(bench.journal()) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("sample_id\nS1\n", "the column 'test_code' is missing"),
        ("sample_id,test_code,environment\nS1,GLU,P\n", "environment 'P'"),
        ("sample_id,test_code\nS1,GLU,x\n", "row 2 has 3 columns"),
        ("sample_id,test_code\n", "no order"),
    ],
)
def test_a_file_of_which_nothing_can_be_taken_is_refused_with_its_reason(
    make: Any, content: str, why: str
) -> None:
    bench = make(format="csv")
    bench.put("a.csv", content)
    assert bench.names("refused") == ["a.csv", "a.csv.err"]
    assert why in (bench.folder / "refused" / "a.csv.err").read_text()
    assert why in bench.rows("a.csv")[0]["reason"]
    assert bench.journal()[0]["state"] == "refused"
    assert bench.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")


@pytest.mark.parametrize(
    "data", [b"no HL7", text(header("ADT^A08")), oml_o33(processing="P"), oml_o33() + oml_o33()]
)
def test_what_is_no_message_of_orders_is_refused(make: Any, data: bytes) -> None:
    bench = make()
    bench.put("a.hl7", data)
    assert bench.names("refused") == ["a.hl7", "a.hl7.err"]
    assert states(bench.conn) == {}


def test_a_mended_file_is_taken(make: Any) -> None:
    """What was refused as a whole does not make the same content known."""
    bench = make(format="csv")
    bad = "sample_id,test_code,priority\nS1,GLU,now\n"
    bench.put("a.csv", bad)
    bench.put("a.csv", bad.replace("now", "stat"))
    assert states(bench.conn) == {"GLU": "pending"}


def test_a_folder_that_is_not_there_is_told_and_results_go_on(make: Any, tmp_path: Path) -> None:
    bench = make(folder=tmp_path / "away")
    bench.look()
    assert "cannot be used" in bench.connector.status().orders
    assert bench.connector.status().state == "open"
