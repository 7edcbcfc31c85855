"""Captures: off until asked for, complete while they run, bounded, ended by themselves, never in the line's way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from middleware.line.captures import CaptureParts, CaptureRefused, Captures
from middleware.observe.health import WarnableCode
from middleware.transport import capture as capture_module
from middleware.wire.capture import Moment, Way, facts_of, read_capture
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, BenchClock, LineBench


@pytest.fixture
def bench() -> LineBench:
    bench = LineBench()
    bench.line.start()
    return bench


@pytest.fixture
def captures(bench: LineBench, tmp_path: Path) -> Captures:
    clock = BenchClock(bench.clock)
    parts = CaptureParts(bench.clock, clock, bench.health, tmp_path, 7, {"chem-1": bench.line}.get)
    captures = Captures(parts)
    captures.open()
    return captures


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("captures/chem-1/*.cap"))


def _moments(folder: Path) -> list[Moment]:
    return [
        moment
        for path in _files(folder)
        for moment in read_capture(path.read_text().splitlines(keepends=True))
    ]


def _session(bench: LineBench) -> bytes:
    heard = bench.send(ENQ, *FRAMES[:-1])
    bench.end.write(FRAMES[-1])
    bench.turn()
    bench.writer.commit()
    bench.turn()
    return heard + bench.hear() + bench.send(EOT)


def test_nothing_is_written_unless_somebody_asks(
    bench: LineBench, captures: Captures, tmp_path: Path
) -> None:
    """Captures hold patient data, so they are off."""
    bench.connect()
    _session(bench)
    assert captures.status() == []
    assert not (tmp_path / "captures").exists()


def test_a_capture_holds_every_byte_of_both_directions(
    bench: LineBench, captures: Captures, tmp_path: Path
) -> None:
    """What was read and what was written, with the connection's beginning and end."""
    captures.start("chem-1", 3600, 1 << 20, "maria")
    bench.connect()
    heard = _session(bench)
    bench.end.loseConnection()
    bench.turn()
    captures.stop("chem-1", "enough")
    moments = _moments(tmp_path)
    sent = b"".join(m.data for m in moments if m.way is Way.FROM_ANALYZER)
    answered = b"".join(m.data for m in moments if m.way is Way.TO_ANALYZER)
    assert sent == ENQ + b"".join(FRAMES) + EOT
    assert answered == heard
    assert heard.count(ACK) == 1 + len(FRAMES)
    words = [m.data.decode() for m in moments if m.way is Way.CONNECTION]
    assert words[0].startswith("opened")
    assert words[1].startswith("closed")
    assert words[2] == "capture ended: enough"
    (path,) = _files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "captures").stat().st_mode) == 0o700
    assert facts_of(path.read_text().splitlines())["asked for by"] == "maria"
    assert "CONTAINS PATIENT DATA" in path.read_text()


def test_a_capture_ends_when_its_time_is_over(
    bench: LineBench, captures: Captures, tmp_path: Path
) -> None:
    """Whoever forgets it does no harm; while it runs, the warning says so."""
    captures.start("chem-1", 60, 1 << 20, "maria")
    bench.connect()
    assert [w.code for w in bench.health.current()].count(WarnableCode.CAPTURE_ON) == 1
    bench.pass_time(61, 1.0)
    assert captures.status() == []
    assert WarnableCode.CAPTURE_ON not in [w.code for w in bench.health.current()]
    _session(bench)
    assert all(m.way is Way.CONNECTION for m in _moments(tmp_path))


def test_a_capture_rotates_and_keeps_to_its_size(
    bench: LineBench, captures: Captures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that never rests cannot fill the disk: the oldest files of the capture go."""
    monkeypatch.setattr(capture_module, "FILE_BYTES", 2000)
    captures.start("chem-1", 3600, 6000, "maria")
    bench.connect()
    for _ in range(20):
        _session(bench)
        bench.turn(1.0)
    captures.stop("chem-1", "enough")
    files = _files(tmp_path)
    assert 2 <= len(files) <= 3
    assert sum(path.stat().st_size for path in files) <= 6000 + 2000
    assert all(path.stat().st_size <= 2000 + 200 for path in files)


def test_trouble_with_the_disk_ends_the_capture_and_not_the_line(
    bench: LineBench, captures: Captures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next file cannot be made: the analyzer notices nothing, a person is told."""
    captures.start("chem-1", 3600, 1 << 20, "maria")
    bench.connect()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture_module, "FILE_BYTES", 10)
    monkeypatch.setattr(capture_module.os, "open", full)
    heard = _session(bench)
    assert heard.count(ACK) == 1 + len(FRAMES)
    assert captures.status() == []
    codes = [w.code for w in bench.health.current()]
    assert WarnableCode.CAPTURE_FAILED in codes
    assert WarnableCode.CAPTURE_ON not in codes


def test_old_captures_are_deleted(bench: LineBench, captures: Captures, tmp_path: Path) -> None:
    """Patient data is not kept because somebody forgot it."""
    captures.start("chem-1", 60, 1 << 20, "maria")
    captures.stop("chem-1", "enough")
    (path,) = _files(tmp_path)
    now = BenchClock(bench.clock).utc_now().timestamp()
    os.utime(path, (now, now))
    bench.pass_time(6 * 86400, 3600.0)
    assert path.exists()
    bench.pass_time(2 * 86400, 3600.0)
    assert not path.exists()


def test_what_cannot_be_done_is_refused_in_words(captures: Captures) -> None:
    """A line that is not there, twice the same, a stop of nothing, for ever."""
    with pytest.raises(CaptureRefused, match="no line"):
        captures.start("chem-2", 60, 1 << 20, "maria")
    with pytest.raises(CaptureRefused, match="not being captured"):
        captures.stop("chem-1", "x")
    with pytest.raises(CaptureRefused, match="at most 7 days"):
        captures.start("chem-1", 1e9, 1 << 20, "maria")
    captures.start("chem-1", 60, 1 << 20, "maria")
    with pytest.raises(CaptureRefused, match="already"):
        captures.start("chem-1", 60, 1 << 20, "maria")
