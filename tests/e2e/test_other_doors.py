"""Orders through files, JSON and ASTM, results back as JSON and ASTM: each ordered test once at each LIS."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulators.http_lis import EmulatedHttpLis, HttpOrders, order_tubes
from emulators.oracle import Book, judge, read_arrivals, read_obligations
from emulators.specimens import PANELS, SpecimenSource
from middleware.clock import SystemClock
from middleware.transport.base import Address
from tests.kit.node_process import NodeProcess, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SECRET, TOKEN = "a-secret-of-the-bench", "a-token-of-the-bench"
TUBES = 4
LIMIT_S = 40.0


class Doors:
    """A node with three more connectors; its HL7 LIS is away all the time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "orders"
        self.inbox.mkdir()
        (folder / "results").mkdir()
        self.book = Book(folder / "json.jsonl").__enter__()
        self.lis = EmulatedHttpLis(Address("127.0.0.1", 0), SECRET, self.book, SystemClock())
        self.lis.start()
        self.line_port, self.door_port, self.astm_port = free_port(), free_port(), free_port()
        self.node = NodeProcess(
            folder, [("chem-1", "generic_astm", self.line_port)], free_port(), extra=self._more()
        )
        self.node.start(env={"BENCH_SECRET": SECRET, "BENCH_TOKEN": TOKEN})
        self.astm = self._start("lis2-lis", "--listen", f"127.0.0.1:{self.astm_port}")

    def _more(self) -> str:
        return f"""
[[connector]]
id = "json"
type = "http_json"
url = "http://127.0.0.1:{self.lis.port}/results"
secret = {{ env = "BENCH_SECRET" }}
orders = {{ port = {self.door_port}, token = {{ env = "BENCH_TOKEN" }} }}

[[connector]]
id = "astm"
type = "lis2_host"
transport = {{ type = "tcp_connect", host = "127.0.0.1", port = {self.astm_port}, retry_longest_s = 1 }}
orders = {{}}

[[connector]]
id = "files"
type = "file_drop"
folder = "results"
orders = {{ folder = "orders", format = "csv", ready = "at_once", poll_s = 0.2 }}
"""

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        more = (
            "--orders",
            str(TUBES),
            "--prefix",
            "ASTM-",
            "--arrivals",
            str(self.arrivals("astm")),
        )
        command = [sys.executable, "-m", "emulators", *words, *more, "--quiet"]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def arrivals(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def ask(self, prefix: str) -> Path:
        """An analyzer asks for each tube and measures what it is told."""
        owed = self.folder / f"owed-{prefix}.jsonl"
        words = ["asking", "--tcp", f"127.0.0.1:{self.line_port}", "--prefix", prefix]
        words += ["--count", str(TUBES), "--obligations", str(owed), "--quiet", "--seconds", "40"]
        subprocess.run([sys.executable, "-m", "emulators", *words], check=True, timeout=60)
        return owed

    def steps(self) -> int:
        return len(self.node.listing("orders", "list", "--limit", "5000"))

    def stop(self) -> None:
        self.node.stop()
        self.astm.terminate()
        self.astm.wait(timeout=20)
        self.lis.stop()
        self.book.__exit__(None, None, None)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    made = Doors(tmp_path)
    yield made
    made.stop()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def csv_of(prefix: str) -> str:
    source = SpecimenSource(7, prefix)
    rows = ["sample_id,test_code,patient_id,birth_date"]
    for _ in range(TUBES):
        tube = source.specimen("chem")
        rows += [
            f"{tube.sample_id},{test.code},{tube.patient_id},{tube.birth_date}"
            for test in PANELS["chem"]
        ]
    return "\n".join(rows)


def test_whatever_way_it_was_ordered_each_test_comes_back_once(doors: Doors) -> None:
    panel = len(PANELS["chem"])
    orders = HttpOrders(f"http://127.0.0.1:{doors.door_port}/orders", TOKEN)
    assert order_tubes(orders, TUBES, 7, "JSON-") == {"accepted": TUBES * panel}
    assert order_tubes(orders, TUBES, 7, "JSON-") == {"unchanged": TUBES * panel}
    draft = doors.folder / "draft.csv"
    draft.write_text(csv_of("FILE-"))
    draft.rename(doors.inbox / "a.csv")
    answer = doors.inbox / "answers" / "a.csv.answer"
    until(answer.exists)
    assert answer.read_text().count(",accepted,") == TUBES * panel
    until(lambda: doors.steps() == 3 * TUBES * panel)
    owed = [one for way in ("JSON-", "FILE-", "ASTM-") for one in read_obligations(doors.ask(way))]
    assert sum(len(one.values) for one in owed) == 3 * TUBES * panel
    for name in ("json", "astm"):
        until(lambda name=name: len(list(read_arrivals(doors.arrivals(name)))) >= 3 * TUBES)
        verdict = judge(owed, read_arrivals(doors.arrivals(name)))
        assert verdict.is_good, verdict.lines()
    files = list((doors.folder / "results").glob("*.hl7"))
    assert len(files) == 3 * TUBES
