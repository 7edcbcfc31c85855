"""Whatever is dropped into one line's folder is kept or set aside with its reason, and other lines do not notice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import SendingAnalyzer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

MEGABYTE = 1_000_000
LINE = """
[[line]]
id = "files"
driver = "generic_astm"
release = "auto"
transport = { type = "file_drop", folder = "inbox", ready = "at_once", poll_s = 0.1 }
"""
# What is dropped, and whether it is a message (unreadable) or no file for us.
HOSTILE = {
    "a-empty": (b"", False),
    "b-too-long": (b"x" * (17 * MEGABYTE), False),
    "c-random": (random.Random(7).randbytes(MEGABYTE), True),
    "d-only-ends-of-lines": (b"\r" * (10 * MEGABYTE), True),
    "e-endless-header": (b"H|" * (5 * MEGABYTE), True),
    "f-endless-results": (b"H|\\^&\r" + b"R|1|^^^A|1\r" * 200_000 + b"L|1\r", True),
    "g-no-terminator": (b"H|\\^&\rP|1\rO|1|S1\rR|1|^^^A|15.", True),
}


def test_hostile_files_are_kept_or_set_aside_and_another_line_goes_on(tmp_path: Path) -> None:
    """Ten megabytes of nothing in a folder delay nobody's acknowledgement."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    port = free_port()
    node = NodeProcess(tmp_path, [("tcp", "generic_astm", port)], free_port(), extra=LINE).start()
    analyzer = SendingAnalyzer(port, prefix="OK")
    analyzer.start()
    try:
        for name, (content, _) in HOSTILE.items():
            (tmp_path / name).write_bytes(content)
            (tmp_path / name).rename(inbox / name)
        until = time.monotonic() + 40
        while any(path.is_file() for path in inbox.iterdir()) and time.monotonic() < until:
            time.sleep(0.05)
        analyzer.stop()
        analyzer.join(timeout=20)
        assert node.process is not None
        assert node.process.poll() is None, "the node runs"
        messages = node.listing("messages", "list", "--line", "files", "--limit", "50")
    finally:
        node.stop()
    kept = {one["file_name"]: one for one in messages}
    assert set(kept) == {name for name, (_, is_message) in HOSTILE.items() if is_message}
    assert {one["state"] for one in messages} == {"unreadable"}
    assert all(one["reason"] for one in messages)
    failed = {path.stem for path in (inbox / "failed").glob("*.err")}
    assert failed == {name for name, (_, is_message) in HOSTILE.items() if not is_message}
    assert len(analyzer.acknowledged) > 10, "the other line went on"
