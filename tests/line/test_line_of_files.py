"""A line whose analyzer writes files: what is taken, when, what becomes of the file, and what a person sees."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from middleware.errors import DriverError
from middleware.line.status import LineState
from middleware.model import MessageKind
from middleware.observe.health import WarnableCode
from middleware.store import journal
from middleware.store.journal import JournalEntry
from middleware.store.schema import JournalState
from middleware.transport import file_drop_folder
from tests.kit.file_bench import FileBench

DAY = "2031/02/27"  # the bench's clock
TEXT = b"H|\\^&\rR|1|^^^GLU|5.4\rL|1\r"


def make(folder: Path, **transport: Any) -> FileBench:
    bench = FileBench(folder, **transport)
    bench.line.start()
    bench.turn()
    return bench


def raised(bench: FileBench) -> dict[str, str]:
    return {warning.code.value: warning.text for warning in bench.health.current()}


def test_a_file_is_stored_as_one_message_and_then_moved_away(tmp_path: Path) -> None:
    """One file, one journal entry; its name and its bytes stay findable."""
    bench = make(tmp_path)
    bench.drop("run 7.txt", TEXT)
    bench.look()
    assert bench.stored() == [("run 7.txt", TEXT)]
    (entry,) = bench.writer.journal()
    assert (entry["wire"], entry["state"]) == (TEXT, "received")
    assert bench.inbox() == []
    assert bench.names("processed") == [f"{DAY}/run 7.txt"]
    assert bench.line.messages == 1


def test_a_file_is_not_moved_before_its_commit(tmp_path: Path) -> None:
    """Promise 1 for files: until the disk has it, the folder has it."""
    bench = make(tmp_path)
    bench.writer.is_automatic = False
    bench.drop("a.txt", TEXT)
    bench.look(3)
    assert (bench.inbox(), bench.stored()) == (["a.txt"], [])
    bench.writer.commit()
    bench.turn()
    assert (bench.inbox(), len(bench.stored())) == ([], 1)


def test_a_file_that_cannot_be_stored_stays_and_is_taken_later(tmp_path: Path) -> None:
    """A full disk costs nothing but time."""
    bench = make(tmp_path)
    bench.writer.is_automatic = False
    bench.drop("a.txt", TEXT)
    bench.look()
    bench.writer.fail_commit()
    bench.pass_time(30, 0.5)
    assert (bench.inbox(), bench.stored()) == (["a.txt"], [])
    bench.writer.recover()
    bench.writer.is_automatic = True
    bench.pass_time(10, 0.5)
    assert (bench.inbox(), len(bench.stored())) == ([], 1)


def test_files_are_taken_in_the_order_of_their_names(tmp_path: Path) -> None:
    bench = make(tmp_path)
    for name in ("c.txt", "a.txt", "b.txt"):
        bench.drop(name, TEXT + name.encode())
    bench.look()
    assert [name for name, _ in bench.stored()] == ["a.txt", "b.txt", "c.txt"]


def test_the_same_content_again_is_not_stored_twice_and_a_person_is_told(tmp_path: Path) -> None:
    """Under another name, on another day: content decides."""
    bench = make(tmp_path)
    bench.drop("a.txt", TEXT)
    bench.look()
    bench.drop("b.txt", TEXT)
    bench.look()
    assert len(bench.stored()) == 1
    assert bench.names("processed") == [f"{DAY}/a.txt", f"{DAY}/b.txt", f"{DAY}/b.txt.note"]
    note = (bench.folder / "processed" / DAY / "b.txt.note").read_text("utf-8")
    assert "message 1" in note
    assert "message 1" in raised(bench)["file-repeated"]
    bench.drop("c.txt", TEXT + b"\r")
    bench.look()
    assert "file-repeated" not in raised(bench)


def test_a_crash_between_commit_and_move_makes_no_second_message(tmp_path: Path) -> None:
    """The file is taken again by the next run of the node, and known by its content."""
    bench = make(tmp_path)
    bench.writer.is_automatic = False
    bench.drop("a.txt", TEXT)
    bench.look()
    job, _, _ = bench.writer.waiting[0]
    bench.writer.commit = lambda: None  # type: ignore[method-assign]
    job(bench.writer._connection)  # committed, and the node is gone
    after = make(tmp_path)
    after.writer._connection = bench.writer._connection
    after.look()
    assert len(after.stored()) == 1
    assert after.inbox() == []


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """Analyzers that write result.csv for ever."""
    bench = make(tmp_path)
    for number in range(3):
        bench.drop("result.csv", TEXT + b"%d" % number)
        bench.look()
    assert len(bench.stored()) == 3
    kept = bench.names("processed")
    assert len(kept) == 3
    assert kept[-1] == f"{DAY}/result.csv"


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "it is empty"), (b"x" * 101, "it is longer than 100 bytes")]
)
def test_a_file_that_cannot_be_taken_is_set_aside_with_the_reason(
    content: bytes, why: str, tmp_path: Path
) -> None:
    """Nothing is deleted, and what is wrong stands beside it, until a person has taken it away."""
    bench = make(tmp_path, max_file_bytes=100)
    bench.drop("a.txt", content)
    bench.look(2)
    assert bench.stored() == []
    assert bench.names("failed") == ["a.txt", "a.txt.err"]
    assert why in (bench.folder / "failed" / "a.txt.err").read_text("utf-8")
    assert raised(bench)["files-set-aside"].endswith(": 1.")
    for name in bench.names("failed"):
        (bench.folder / "failed" / name).unlink()
    bench.look()
    assert "files-set-aside" not in raised(bench)


def test_a_file_is_taken_only_when_it_has_stopped_growing(tmp_path: Path) -> None:
    bench = make(tmp_path, ready="stable", stable_s=5)
    path = bench.drop("a.txt", TEXT[:10])
    bench.look(2)
    with path.open("ab") as file:
        file.write(TEXT[10:])
    bench.look(2)
    assert bench.stored() == []
    bench.look(2)
    assert bench.stored() == [("a.txt", TEXT)]


def test_an_empty_file_is_given_time_to_be_filled(tmp_path: Path) -> None:
    """Some programs make the file first and write it when the run ends."""
    bench = make(tmp_path, ready="stable", stable_s=1)
    path = bench.drop("a.txt", b"")
    bench.look(20)
    assert bench.inbox() == ["a.txt"]
    path.write_bytes(TEXT)
    bench.look(2)
    assert len(bench.stored()) == 1


@pytest.mark.parametrize("semaphore", ["a.txt.ok", "a.ok"])
def test_a_file_with_a_semaphore_waits_for_it_and_takes_it_along(
    semaphore: str, tmp_path: Path
) -> None:
    bench = make(tmp_path, ready="semaphore")
    bench.drop("a.txt", TEXT)
    bench.look(3)
    assert bench.stored() == []
    bench.drop(semaphore, b"")
    bench.look()
    assert bench.stored() == [("a.txt", TEXT)]
    assert bench.inbox() == []
    bench.drop("a.txt", TEXT + b"more")
    bench.look(2)
    assert len(bench.stored()) == 1, "the old semaphore must not announce the next file"


def test_other_files_and_links_are_left_alone(tmp_path: Path) -> None:
    """Unfinished ones, other patterns, folders, and links that lead out of the folder."""
    (tmp_path / "elsewhere").mkdir()
    secret = tmp_path / "elsewhere" / "secret.txt"
    secret.write_text("not ours")
    folder = tmp_path / "inbox"
    folder.mkdir()
    bench = make(folder, pattern="*.TXT")
    for name in (".a.txt", "~a.txt", "a.txt.tmp", "a.txt.part", "a.csv"):
        bench.drop(name, TEXT)
    (folder / "link.txt").symlink_to(secret)
    (folder / "folder.txt").mkdir()
    bench.drop("A.txt", TEXT)
    bench.look(2)
    assert [name for name, _ in bench.stored()] == ["A.txt"]
    assert secret.exists()


def test_a_missing_folder_is_shown_and_the_line_recovers_by_itself(tmp_path: Path) -> None:
    """The share is not mounted, then it is."""
    folder = tmp_path / "share"
    bench = make(folder)
    bench.look()
    status = bench.line.status()
    assert status.state is LineState.WAITING
    assert "No such file or directory" in status.detail
    assert bench.health.is_raised(WarnableCode.LINE_DOWN, "chem-1")
    assert not folder.exists(), "making it would hide that a share is not mounted"
    folder.mkdir()
    bench.look()
    assert bench.line.state is LineState.OPEN
    bench.drop("a.txt", TEXT)
    bench.look()
    assert bench.line.state is LineState.CONNECTED
    assert not bench.health.is_raised(WarnableCode.LINE_DOWN, "chem-1")
    assert len(bench.stored()) == 1


def test_a_share_that_hangs_is_shown_and_the_line_goes_on_when_it_answers(tmp_path: Path) -> None:
    bench = make(tmp_path)
    bench.hangs = True
    bench.pass_time(40, 1)
    assert bench.line.state is LineState.WAITING
    assert "does not answer" in bench.line.status().detail
    bench.hangs = False
    job, waiting = bench.hung.pop()
    waiting.callback(job())
    bench.look(2)
    assert bench.line.state is LineState.OPEN


def test_a_line_stops_while_its_share_hangs(tmp_path: Path) -> None:
    bench = make(tmp_path)
    bench.hangs = True
    bench.look(2)
    stopped: list[object] = []
    Deferred.fromCoroutine(bench.line.stop()).addBoth(stopped.append)
    bench.pass_time(3, 0.5)
    assert stopped == [None]
    assert bench.line.state is LineState.STOPPED


def test_a_file_that_is_stored_and_cannot_be_moved_is_not_stored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program holds it open: only the move is tried again, and a person is told."""
    bench = make(tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_drop_folder.Path, "rename", refuse)
    bench.drop("a.txt", TEXT)
    bench.look(5)
    submitted = bench.writer.submitted
    bench.look(5)
    assert bench.writer.submitted == submitted
    assert "cannot be moved: Permission denied" in raised(bench)["file-not-moved"]
    assert "a.txt" not in raised(bench)["file-not-moved"], "a file's name may name a patient"
    monkeypatch.undo()
    bench.look()
    assert (bench.inbox(), len(bench.stored())) == ([], 1)
    assert "file-not-moved" not in raised(bench)


def test_a_file_that_grows_while_it_is_stored_is_taken_again_whole(tmp_path: Path) -> None:
    """Both contents are kept as messages; the file moves only when it is the one that was stored."""
    bench = make(tmp_path)
    bench.writer.is_automatic = False
    path = bench.drop("a.txt", TEXT)
    bench.look()
    path.write_bytes(TEXT + TEXT)
    bench.writer.is_automatic = True
    bench.writer.commit()
    bench.look(2)
    assert bench.stored() == [("a.txt", TEXT), ("a.txt", TEXT + TEXT)]
    assert bench.inbox() == []


def test_a_file_that_cannot_be_read_is_waited_for_and_then_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be locked by the program that writes it; after a minute a person is told."""
    bench = make(tmp_path)

    bench.drop("a.txt", TEXT)
    real = Path.open

    def refuse(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if mode == "rb":
            raise PermissionError(13, "Permission denied")
        return real(path, mode, *more, **named)

    monkeypatch.setattr(file_drop_folder.Path, "open", refuse)
    bench.look(10)
    assert bench.inbox() == ["a.txt"]
    bench.look(30)
    monkeypatch.undo()
    assert bench.names("failed") == ["a.txt", "a.txt.err"]
    assert "cannot be read: Permission denied" in (tmp_path / "failed/a.txt.err").read_text("utf-8")


def test_times_of_files_and_steps_of_the_clock_do_not_matter(tmp_path: Path) -> None:
    """A file from the future or from 1970 is as good as any other."""
    bench = make(tmp_path, ready="stable", stable_s=4)
    os.utime(bench.drop("a.txt", TEXT), (4e9, 4e9))
    os.utime(bench.drop("b.txt", TEXT + b"b"), (0, 0))
    bench.look(4)
    assert len(bench.stored()) == 2


def test_while_the_store_cannot_be_written_files_are_left_in_the_folder(tmp_path: Path) -> None:
    bench = make(tmp_path)
    bench.writer.fail_commit()
    bench.turn()
    bench.drop("a.txt", TEXT)
    bench.look(3)
    assert (bench.inbox(), bench.writer.submitted) == (["a.txt"], 0)
    bench.writer.recover()
    bench.pass_time(10, 1)
    assert len(bench.stored()) == 1


def test_a_message_for_the_analyzer_becomes_a_file_that_nobody_sees_half(tmp_path: Path) -> None:
    """Orders go out as files: complete when they have their name, none written over."""
    out = tmp_path / "out"
    out.mkdir()
    bench = make(tmp_path, out_folder=out)
    shim = bench.line._shim
    assert shim is not None
    shim.send_message(b"H|1\r")
    shim.send_message(b"H|2\r")
    names = sorted(path.name for path in out.iterdir())
    assert len(names) == 2
    assert [(out / name).read_bytes() for name in names] == [b"H|1\r", b"H|2\r"]
    assert shim.link.is_neutral
    assert shim.link.counts()["sent", "written"] == 2


def test_a_file_that_was_refused_as_another_analyzer_s_is_taken_when_it_is_put_back(
    tmp_path: Path,
) -> None:
    """What was refused once is no repetition: the person corrected the line and put the file back."""
    bench = make(tmp_path)
    entry = JournalEntry("chem-1", "plain", MessageKind.RESULT, 0.0, TEXT, TEXT, file_name="a.txt")
    refused = replace(entry, state=JournalState.REFUSED)
    bench.writer.submit(lambda connection: journal.append(connection, refused))
    bench.drop("a.txt", TEXT)
    bench.look()
    assert len(bench.stored()) == 2
    assert "file-repeated" not in raised(bench)


@pytest.mark.parametrize("content", [TEXT, b""])
def test_a_name_that_is_no_text_stops_nothing(content: bytes, tmp_path: Path) -> None:
    """Names in an old character set, or with control characters."""
    bench = make(tmp_path)
    for name in (b"pr\xfcfung.txt", b"a\x1b[2J\n.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(content + name * bool(content))
    bench.look(2)
    assert bench.inbox() == []
    if content:
        assert [name for name, _ in bench.stored()] == ["a?[2J?.txt", "pr\\xfcfung.txt"]
    else:
        assert len(bench.names("failed")) == 4


def test_a_line_of_files_takes_no_options_of_a_data_link(tmp_path: Path) -> None:
    bench = FileBench(tmp_path)
    bench.line.settings = bench.line.settings.model_copy(update={"link": {"receive_s": 5}})
    with pytest.raises(DriverError, match="receive_s"):
        bench.line.start()
