"""The LIS is away while 100,000 messages wait: memory stays flat, order is kept, everything is delivered afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from middleware.store import engine as store_engine
from middleware.store import meta, outbox
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_lis import PlainLis

QUEUED = int(os.environ.get("LABWIRE_QUEUED", "100000"))
BATCH = 1000
MEMORY_LIMIT_MIB = 50  # above an empty node: RELIABILITY R5

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]


def _rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(
        int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")
    )


def _payload(control_id: str, sample_id: str) -> bytes:
    observations = "".join(
        f"OBX|{n}|NM|T{n:02d}^^99LAB||{n}.5|mmol/L|1-9|N|||F\r" for n in range(1, 13)
    )
    return (
        f"MSH|^~\\&|LABWIRE||LIS||20260314092600||ORU^R01^ORU_R01|{control_id}|T|2.5.1\r"
        f"OBR|1|{sample_id}|{sample_id}|T01^^99LAB\r{observations}SPM|1|{sample_id}||SER\r"
    ).encode()


def _fill(data_dir: Path, count: int) -> Sequence[str]:
    """Queue `count` messages through the store's own functions, as processing does."""
    data_dir.mkdir()
    engine = store_engine.open_engine(store_engine.database_url(data_dir, None))
    store_engine.upgrade(engine)
    samples: list[str] = []
    for start in range(0, count, BATCH):
        with engine.begin() as conn:
            store_id = meta.identify(conn, "test", 1.0).store_id
            number = outbox.allocate_numbers(conn, BATCH)
            seq = outbox.allocate_lane(conn, "lis", 0, BATCH)
            rows = []
            for n in range(BATCH):
                sample_id = f"W{start + n:07d}"
                control_id = meta.control_id(store_id, number + n)
                samples.append(sample_id)
                rows.append({
                    "number": number + n, "connector": "lis", "lane": 0, "lane_seq": seq + n,
                    "control_id": control_id, "format": "hl7_oru_r01", "payload": _payload(control_id, sample_id),
                    "line": "line-0", "sample_id": sample_id, "state": "waiting", "created_at": 1.0,
                    "received_at": 1.0,
                })  # fmt: skip
            outbox.enqueue(conn, rows, [])
    engine.dispose()
    return samples


def test_a_hundred_thousand_waiting_messages_cost_no_memory_and_arrive_in_order(
    tmp_path: Path,
) -> None:
    """R5, R13: the backlog is rows, not memory; the lane drains it in the order it was queued."""
    lis = PlainLis()
    lis.start()
    lis.stop()  # a port where nobody listens
    empty = NodeProcess(
        tmp_path, [("line-0", "generic_astm", free_port())], lis.port, data_dir="empty"
    ).start()
    assert empty.process is not None
    time.sleep(2)
    empty_mib = _rss_mib(empty.process.pid)
    empty.stop()
    samples = _fill(tmp_path / "full", QUEUED)
    node = NodeProcess(
        tmp_path, [("line-0", "generic_astm", free_port())], lis.port, data_dir="full"
    )
    node.write_settings()
    node.start()
    assert node.process is not None
    time.sleep(3)
    away_mib = _rss_mib(node.process.pid)
    began = time.monotonic()
    lis.start()
    assert lis.wait_for(lambda got: len(got) == QUEUED, timeout_s=600), (
        f"{len(lis.arrivals)} arrived"
    )
    took = time.monotonic() - began
    drained_mib = _rss_mib(node.process.pid)
    node.stop()
    lis.stop()
    print(
        f"\nempty {empty_mib:.0f} MiB, with {QUEUED} waiting {away_mib:.0f} MiB, after draining "
        f"{drained_mib:.0f} MiB; drained in {took:.0f} s ({QUEUED / took:.0f}/s)"
    )
    assert [arrival.sample_id for arrival in lis.first_arrivals()] == list(samples)
    assert away_mib - empty_mib <= MEMORY_LIMIT_MIB
    assert drained_mib - empty_mib <= MEMORY_LIMIT_MIB
