"""`labwire orders send`: what a person is told of work that the node sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from middleware.cli.lines import _unasked
from middleware.cli.site import open_site
from middleware.line.wish import SendReport
from middleware.monitor.control import ControlServer
from middleware.monitor.lock import NodeLock
from tests.kit.cli_site import CliSite
from tests.kit.running_reactor import running_reactor

pytestmark = pytest.mark.slow  # a store on disk and a real socket


class StandIn:
    """Answers as a node would, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Mapping[str, Any], str]] = []
        self.report = SendReport("chem-1", sent=["S1"], tests=2)
        self.is_done = True

    async def send(self, arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        self.asked.append((arguments, author))
        return {"lines": [{**self.report.as_json(), "is_done": self.is_done}]}


@pytest.fixture
def node() -> StandIn:
    return StandIn()


@pytest.fixture
def site(tmp_path: Path, node: StandIn) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    with running_reactor() as running, NodeLock(made.data_dir):
        server = ControlServer(running.reactor, made.data_dir, {"orders.send": node.send})
        running.do(server.start)
        yield made
        running.do(server.stop)
    made.close()


def test_tubes_are_sent_under_the_persons_name(site: CliSite, node: StandIn) -> None:
    said = site.run("orders", "send", "S1", "S2", "--as", "ann", "--reason", "urgent")
    assert said.status == 0
    assert "2 tests of 1 tubes were taken" in said.out
    (arguments, author) = node.asked[0]
    assert author == "ann"
    assert arguments == {"samples": ["S1", "S2"], "rack": "", "line": "", "reason": "urgent"}


def test_what_did_not_go_well_is_told_and_shows_in_the_exit_status(
    site: CliSite, node: StandIn
) -> None:
    node.report = SendReport(
        "chem-1",
        refused={"S1 K": "no reagent"},
        not_taken={"S2": "the analyzer is busy"},
        without_work=["S9"],
        trouble="the analyzer is busy",
    )
    node.is_done = False
    said = site.run("orders", "send", "--line", "chem-1", "--rack", "R07")
    assert said.status == 1
    for words in ("S1 K was refused: no reagent", "S2 was not taken", "S9", "still being sent"):
        assert words in said.out + said.err
    assert node.asked[0][0]["rack"] == "R07"


def test_a_wish_must_say_what_or_for_whom(site: CliSite, node: StandIn) -> None:
    assert site.run("orders", "send").status == 2
    assert site.run("orders", "send", "--rack", "R07").status == 2
    assert site.run("orders", "send", "S1", "--rack", "R07", "--line", "chem-1").status == 2
    assert node.asked == []


def test_the_lines_show_what_was_sent_and_when_the_rest_goes(tmp_path: Path) -> None:
    site = CliSite(tmp_path)
    opened = open_site(site.settings)
    orders = {"download": "on_order", "sent": 12, "not_taken": 1, "next_try_at": 1_930_000_000.0}
    said = _unasked({"orders": orders}, opened)
    assert said.startswith("on_order: 12 tests, 1 tubes not taken, next try 2031-")
    assert _unasked({"orders": {"download": "off"}}, opened) == ""
    assert _unasked({}, opened) == ""
    site.close()


def test_without_a_node_nothing_can_be_sent(tmp_path: Path) -> None:
    alone = CliSite(tmp_path)
    said = alone.run("orders", "send", "S1")
    alone.close()
    assert said.status == 1
    assert "no node runs" in said.err
