"""A line sits between an analyzer and its host: both notice nothing, and a person compares before the change."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import ACK, ENQ, EOT, NoReply, PlainAnalyzer, frames, result_records
from tests.kit.plain_host import PlainHost
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LINE = """
[[line]]
id = "chem-1"
driver = "generic_astm"
release = "auto"
transport = {{ type = "tcp_listen", port = {port} }}
relay = {{ type = "tcp_connect", host = "127.0.0.1", port = {host} }}
"""


class Bench:
    """Analyzer, node, present host and LIS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lis = PlainLis().start()
        self.host = PlainHost()
        self.host.start()
        self.port = free_port()
        extra = LINE.format(port=self.port, host=self.host.port)
        direct = free_port()
        self.node = NodeProcess(
            folder, [("direct", "generic_astm", direct)], self.lis.port, extra=extra
        ).start()
        _wait(lambda: self.node._answers(self.port))

    def results(self) -> list[dict[str, object]]:
        return self.node.listing("results", "list", "--line", "chem-1", "--limit", "500")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.node.stop()
    made.host.stop()
    made.lis.stop()


def _wait(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_host_gets_every_byte_and_the_lis_gets_nothing_of_ours(bench: Bench) -> None:
    """Shadow results have a verdict, no delivery, and nobody can release them by mistake."""
    message = frames(result_records("RELAY0001", 3))
    analyzer = PlainAnalyzer(bench.port)
    analyzer.send(message)
    analyzer.close()
    sent = ENQ + b"".join(message) + EOT
    _wait(lambda: len(bench.host.heard) >= len(sent))
    assert bench.host.heard == sent
    _wait(lambda: len(bench.results()) == 3)
    found = bench.results()
    assert {one["release_state"] for one in found} == {"shadow"}
    assert {one["verdict"] for one in found} == {"release"}
    assert bench.node.listing("outbox", "list") == []
    assert bench.lis.first_arrivals() == []
    refused = bench.node.command("results", "release", str(found[0]["id"]))
    assert refused.returncode == 1
    assert "the line chem-1 only listens" in refused.stderr


def test_what_was_heard_is_compared_with_what_the_lis_filed(bench: Bench) -> None:
    """A value typed wrongly, one that is missing, one that only the LIS has: each is shown."""
    analyzer = PlainAnalyzer(bench.port)
    analyzer.send(frames(result_records("RELAY0002", 3)))
    analyzer.close()
    _wait(lambda: len(bench.results()) == 3)
    said = {str(one["test_code"]): str(one["value_raw"]) for one in bench.results()}
    extract = bench.folder / "lis.csv"
    extract.write_text(
        "sample_id,test_code,value\n"
        f"RELAY0002,T01,{said['T01']}\n"
        f"RELAY0002,T02,{said['T02']}1\n"
        "RELAY0002,T99,7\n"
    )
    done = bench.node.command("relay", "compare", "chem-1", "--extract", str(extract))
    assert done.returncode == 1, done.stderr
    told = "4 tests on 1 specimens: 1 same, 1 different, 1 only here, 1 only at lis."
    assert told in done.stdout
    assert "T02" in done.stdout
    extract.write_text(
        "sample_id,test_code,value\n"
        + "".join(f"RELAY0002,{test},{value}\n" for test, value in said.items())
    )
    good = bench.node.command("relay", "compare", "chem-1", "--extract", str(extract))
    assert good.returncode == 0, good.stdout


def test_without_its_host_the_analyzer_is_let_go(bench: Bench) -> None:
    """It sees what it would see without us, and the line's words say why."""
    bench.host.stop()
    analyzer = PlainAnalyzer(bench.port, reply_timeout_s=10)
    analyzer.connect()
    with pytest.raises(NoReply):
        analyzer.read_reply()
    assert "the host is not there" in bench.node.command("lines", "--json").stdout


def test_a_slow_host_gets_every_byte_of_an_analyzer_that_has_gone(bench: Bench) -> None:
    """Megabytes lie in the system's buffers when the analyzer hangs up; its host reads them later."""
    bench.host.stop()
    data = bytes(range(256)) * 8192
    with socket.create_server(("127.0.0.1", bench.host.port)) as server:
        analyzer = socket.create_connection(("127.0.0.1", bench.port), timeout=20)
        host, _ = server.accept()
        host.settimeout(20)
        analyzer.sendall(data)
        analyzer.close()
        time.sleep(3)  # longer than a connection that we stop is given
        heard = b""
        while piece := host.recv(65536):
            heard += piece
        host.close()
    assert heard == data


def test_an_analyzer_that_connects_for_each_message_is_no_storm(bench: Bench) -> None:
    """Its host answers each, so none of thirty connections has to wait for its turn."""
    for _ in range(30):
        analyzer = PlainAnalyzer(bench.port, reply_timeout_s=10)
        analyzer.connect()
        analyzer.write(ENQ)
        assert analyzer.read_reply() == ACK
        analyzer.close()
    (line,) = (one for one in bench.node.listing("lines") if one["line"] == "chem-1")
    assert "damped" not in line["connections"]
