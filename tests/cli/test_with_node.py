"""With a node running, commands go through its control socket and never write the store themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from middleware.errors import MiddlewareError
from middleware.monitor.control import ControlServer
from middleware.monitor.lock import NodeLock
from tests.kit.cli_site import RECEIVED_AT, CliSite
from tests.kit.running_reactor import running_reactor

pytestmark = pytest.mark.slow  # a store on disk and a real socket

WARNING = {
    "code": "store-not-writable",
    "subject": "",
    "severity": "high",
    "title": "The store cannot be written",
    "text": "the disk is full",
    "what_to_do": "Free space.",
    "since": "2031-03-04T09:30:00+00:00",
}


class StandIn:
    """Answers as a node would, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.warnings: list[dict[str, Any]] = []

    async def status(self, _arguments: Mapping[str, Any], _author: str) -> dict[str, Any]:
        return {
            "labwire": 1,
            "kind": "status",
            "node": {"name": "cli-lab", "environment": "test"},
            "lines": [
                {
                    "line": "chem-1",
                    "state": "connected",
                    "since": RECEIVED_AT,
                    "detail": "10.1.2.3 is here",
                    "last_message_at": RECEIVED_AT,
                }
            ],
            "connectors": [
                {
                    "connector": "lis",
                    "state": "open",
                    "peer": "127.0.0.1:9",
                    "last_error": "",
                    "messages": {"waiting": 3},
                }
            ],
            "store": {"is_writable": True},
            "warnings": self.warnings,
        }

    async def release(self, arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
        self.asked.append(("release", arguments, author))
        return {"released": arguments["ids"], "messages": [7]}

    async def reject(self, _arguments: Mapping[str, Any], _author: str) -> dict[str, Any]:
        raise MiddlewareError("result 3 is released", what_to_do="Leave it out.")


@pytest.fixture
def node() -> StandIn:
    return StandIn()


@pytest.fixture
def site(tmp_path: Path, node: StandIn) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    verbs = {
        "status": node.status,
        "results.release": node.release,
        "results.reject": node.reject,
    }
    with running_reactor() as running, NodeLock(made.data_dir):
        server = ControlServer(running.reactor, made.data_dir, verbs)
        running.do(server.start)
        yield made
        running.do(server.stop)
    made.close()


def test_a_decision_is_made_by_the_node_under_the_persons_name(
    site: CliSite, node: StandIn
) -> None:
    """One process writes the store, ever."""
    said = site.run("results", "release", "5", "6", "--as", "B. Brandt", "--reason", "seen")
    assert said.status == 0
    assert "Released: 5, 6." in said.out
    assert "Queued for the LIS: 7." in said.out
    assert node.asked == [("release", {"ids": [5, 6], "reason": "seen"}, "B. Brandt")]


def test_what_the_node_refuses_is_told_with_what_to_do(site: CliSite) -> None:
    """The node's words reach the person."""
    said = site.run("results", "reject", "3", "--nothing-more")
    assert said.status == 1
    assert "result 3 is released" in said.err
    assert "What to do: Leave it out." in said.err


def test_status_is_the_nodes_own(site: CliSite) -> None:
    """Good: exit status 0."""
    said = site.run("status")
    assert said.status == 0
    assert "The node cli-lab (test) runs." in said.out
    assert "2031-03-04 10:30:00" in said.out
    (line,) = site.run("lines", "--json").items
    assert line["last_message_at"] == "2031-03-04T09:30:00.000+00:00"
    assert line["detail"] == "10.1.2.3 is here"
    (same,) = json.loads(site.run("status", "--json").out)["lines"]
    assert same["since"] == "2031-03-04T09:30:00.000+00:00"


def test_a_warning_stands_first_with_what_to_do(site: CliSite, node: StandIn) -> None:
    """And the exit status says that something is wrong."""
    node.warnings.append(WARNING)
    said = site.run("status")
    assert said.status == 1
    assert said.out.index("store-not-writable") < said.out.index("chem-1")
    assert "Free space." in said.out
    assert "store-not-writable" in site.run("status", "--json").out
    signs = {item["name"]: item for item in site.run("doctor", "--json").items}
    assert signs["node"]["is_good"]
    assert signs["connector lis"]["is_good"]  # the node's word: nobody listens on port 9
    assert not signs["store-not-writable"]["is_good"]


def test_reading_goes_on_beside_the_node(site: CliSite) -> None:
    """A listing asks nobody and locks nothing."""
    number = site.receive("A1001")
    assert [item["id"] for item in site.run("messages", "list", "--json").items] == [number]
    assert json.loads(site.run("outbox", "list", "--json").out)["kind"] == "outbox"
