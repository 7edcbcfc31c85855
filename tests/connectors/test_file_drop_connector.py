"""Results as files: complete when they have their name, in order, none twice, and nobody waits for a hanging share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from middleware.connectors.file_drop.config import FileDropSettings
from middleware.connectors.file_drop.connector import FileDropConnector
from middleware.connectors.file_drop.factory import CONNECTOR
from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome, OutcomeKind
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

PAYLOAD = b"MSH|^~\\&|LABWIRE\rPID|1\r"


def apart(_reactor: Any, job: Callable[[], Any]) -> Deferred[Any]:
    try:
        return succeed(job())
    except Exception:  # noqa: BLE001 - as the thread does
        return fail()


def make(folder: Path, clock: Clock | None = None, run: Any = apart, **own: Any) -> Any:
    settings = FileDropSettings(folder=folder, **own)
    connector = FileDropConnector("lis", settings, clock or Clock(), run)  # type: ignore[arg-type]
    result(connector.open())
    return connector


def result(work: Any) -> Any:
    ended: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(ended.append)
    return ended[0] if ended else None


def message(number: int, payload: bytes = PAYLOAD) -> OutgoingMessage:
    return OutgoingMessage(number, f"AB12.{number}", payload)


def kinds(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.kind.value, outcome.code) for outcome in outcomes]


def test_each_message_becomes_a_file_and_names_sort_in_the_order_of_sending(tmp_path: Path) -> None:
    outcomes = result(make(tmp_path).deliver([message(9), message(10)]))
    assert kinds(outcomes) == [("accepted", "written")] * 2
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["0000000009-AB12_9.hl7", "0000000010-AB12_10.hl7"]
    assert (tmp_path / names[0]).read_bytes() == PAYLOAD


def test_the_same_message_after_a_crash_is_the_same_file(tmp_path: Path) -> None:
    """Written, and the node died before it knew: there is still one file."""
    result(make(tmp_path).deliver([message(1)]))
    assert kinds(result(make(tmp_path).deliver([message(1)]))) == [("accepted", "written")]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_of_somebody_else_is_never_written_over(tmp_path: Path) -> None:
    theirs = tmp_path / "0000000001-AB12_1.hl7"
    theirs.write_bytes(b"theirs")
    outcomes = result(make(tmp_path).deliver([message(1), message(2)]))
    assert kinds(outcomes) == [("refused", "name_taken"), ("accepted", "written")]
    assert theirs.read_bytes() == b"theirs"


def test_a_folder_that_is_not_there_defers_and_says_so(tmp_path: Path) -> None:
    """A share that is not mounted: results wait, and the folder is not made in its place."""
    folder = tmp_path / "share"
    connector = make(folder)
    outcomes = result(connector.deliver([message(1), message(2)]))
    assert kinds(outcomes) == [("deferred", "not_written")]
    assert connector.status().last_error == "No such file or directory"
    assert result(connector.probe()).kind is OutcomeKind.DEFERRED
    folder.mkdir()
    assert result(connector.probe()).code == "folder_ready"
    assert kinds(result(connector.deliver([message(1)]))) == [("accepted", "written")]
    assert connector.status().last_error == ""


def test_a_lis_that_takes_no_files_stops_the_writing(tmp_path: Path) -> None:
    outcomes = result(make(tmp_path, most_waiting=2).deliver([message(n) for n in range(1, 5)]))
    assert kinds(outcomes) == [("accepted", "written")] * 2 + [("deferred", "folder_full")]


def test_a_hanging_share_defers_and_is_not_asked_again_until_it_answers(tmp_path: Path) -> None:
    hung: list[tuple[Any, Deferred[Any]]] = []

    def hangs(_reactor: Any, job: Any) -> Deferred[Any]:
        hung.append((job, Deferred()))
        return hung[-1][1]

    clock = Clock()
    connector = make(tmp_path, clock, hangs)
    ended: list[Any] = []
    Deferred.fromCoroutine(connector.deliver([message(1)])).addBoth(ended.append)
    clock.advance(30)
    assert kinds(ended[0]) == [("deferred", "folder_hangs")]
    assert kinds(result(connector.deliver([message(1)]))) == [("deferred", "folder_hangs")]
    assert len(hung) == 1
    job, waiting = hung[0]
    waiting.callback(job())
    connector._apart = apart
    assert kinds(result(connector.deliver([message(1)]))) == [("accepted", "written")]


@pytest.mark.parametrize(("end", "wanted"), [("cr_lf", b"\r\n"), ("lf", b"\n")])
def test_segments_end_as_the_lis_reads_them(end: str, wanted: bytes, tmp_path: Path) -> None:
    result(make(tmp_path, line_end=end, semaphore=".ok").deliver([message(1)]))
    file = tmp_path / "0000000001-AB12_1.hl7"
    assert file.read_bytes() == PAYLOAD.replace(b"\r", wanted)
    assert (tmp_path / "0000000001-AB12_1.hl7.ok").read_bytes() == b""


def test_a_closed_connector_writes_nothing(tmp_path: Path) -> None:
    connector = make(tmp_path)
    result(connector.close())
    assert kinds(result(connector.deliver([message(1)]))) == [("deferred", "closed")]


@pytest.mark.parametrize(
    ("message", "begins"),
    [("ORU^R01", b"MSH|"), ("OUL^R22", b"MSH|"), ("LIS2", b"H|"), ("JSON", b"{")],
)
def test_a_site_says_what_its_files_hold(message: str, begins: bytes, tmp_path: Path) -> None:
    settings = FileDropSettings(folder=tmp_path, message=message)  # type: ignore[arg-type]
    specimen = OutgoingSpecimen("S1001", [stored_row(made_result(value="5.40"))])
    context = RenderContext("C1", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")
    text = CONNECTOR.make_renderer(settings).render(specimen, context)
    assert text.startswith(begins)
    assert b"5.40" in text


def test_the_connector_is_found_like_any_third_party_s() -> None:
    assert discover_connectors().factories["file_drop"] is CONNECTOR
