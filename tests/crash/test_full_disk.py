"""A full disk: no acknowledgement is given, nothing is lost, and the node comes back by itself when there is space."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.oracle_of_promises import broken_promises
from tests.kit.plain_analyzer import (
    ACK,
    ENQ,
    NAK,
    PlainAnalyzer,
    SendingAnalyzer,
    frames,
    result_records,
)
from tests.kit.plain_lis import PlainLis
from tests.kit.wire_bench import wire_bench

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 24 MiB, or skip by name where mounting is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            return


def _ready(node: NodeProcess) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{node.monitor_port}/readyz", timeout=5
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_full_disk_refuses_messages_and_they_arrive_once_space_is_back(
    small_disk: Path, tmp_path: Path
) -> None:
    """R4: never an ACK without a commit; the status says what is wrong and what to do; it resumes by itself."""
    lis = PlainLis().start()
    port = free_port()
    node = NodeProcess(
        tmp_path, [("line-0", "generic_astm", port)], lis.port, data_dir=str(small_disk)
    ).start()
    analyzer = SendingAnalyzer(port, prefix="F", limit=40)
    try:
        _fill(small_disk)
        analyzer.start()
        time.sleep(12)
        stuck_at = len(analyzer.acknowledged)
        assert stuck_at <= 1, "with a full disk nothing may be acknowledged"
        status, text = _ready(node)
        assert status == 503
        assert "the disk is nearly full" in text
        told = node.command("status", "--json").stdout
        assert "store-not-writable" in told or "disk-low" in told
        assert "Free space on the disk" in told
        (small_disk / "ballast").unlink()
        analyzer.join(timeout=90)
        assert len(analyzer.acknowledged) == 40, "the messages must be taken once space is back"
        assert lis.wait_for(lambda got: len({arrival.sample_id for arrival in got}) == 40)
        assert not broken_promises({"line-0": analyzer.acknowledged}, lis.arrivals)
    finally:
        analyzer.stop()
        node.stop()
        lis.stop()


def test_while_the_store_cannot_commit_no_enquiry_is_granted(
    small_disk: Path, tmp_path: Path
) -> None:
    """A line that cannot keep results says so at the door (NAK to ENQ), so the analyzer keeps them."""
    lis = PlainLis().start()
    port = free_port()
    node = NodeProcess(
        tmp_path, [("line-0", "generic_astm", port)], lis.port, data_dir=str(small_disk)
    ).start()
    try:
        _fill(small_disk)
        analyzer = PlainAnalyzer(port, reply_timeout_s=20)
        analyzer.connect()
        analyzer.write(ENQ)
        first = analyzer.read_reply()
        if first == ACK:  # the node did not know yet: its first commit finds out
            for one in frames(result_records("G1"))[:-1]:
                analyzer.write(one)
                assert analyzer.read_reply() == ACK
            analyzer.write(frames(result_records("G1"))[-1])
            assert analyzer.read_reply() == NAK
            analyzer.close()
            analyzer.connect()
            analyzer.write(ENQ)
            first = analyzer.read_reply()
        assert first == NAK
        told = node.command("status", "--json").stdout
        assert "store-not-writable" in told or "disk-low" in told
    finally:
        node.stop()
        lis.stop()


def test_a_full_disk_is_refused_on_every_wire_and_nothing_is_lost(
    small_disk: Path, tmp_path: Path
) -> None:
    """R4 for HL7, IHE LAW, POCT1-A, framed and serial analyzers: AE, AE, AE, NAK, NAK; all is taken later."""
    with wire_bench(tmp_path, data_dir=str(small_disk)) as bench:
        bench.node.start()
        _fill(small_disk)
        bench.begin()
        time.sleep(8)
        stuck_at = {name: len(one.acknowledged) for name, one in bench.sending.items()}
        assert max(stuck_at.values()) <= 1, stuck_at
        assert all(one.problems for one in bench.sending.values())
        (small_disk / "ballast").unlink()
        bench.let_all_send()
        assert not bench.verdict()
