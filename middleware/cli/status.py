"""`labwire status`: how the node, its lines and its connectors stand, what is wrong and what to do about it."""

from __future__ import annotations

from typing import Any

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption, Status
from middleware.cli.site import Site, open_site
from middleware.errors import StoreError
from middleware.monitor.control_client import NoNodeRuns
from middleware.monitor.status import plain
from middleware.store import journal, outbox, results
from middleware.store.connection import Connection

_LINES = (
    ("line", "line"),
    ("driver", "driver"),
    ("state", "state"),
    ("at", "address"),
    ("peer", "peer"),
    ("messages", "messages"),
    ("last", "last"),
    ("trouble", "last_error"),
)
_CONNECTORS = (
    ("connector", "connector"),
    ("state", "state"),
    ("peer", "peer"),
    ("waiting", "waiting"),
    ("held", "held"),
    ("refused", "refused"),
    ("oldest waiting", "oldest"),
    ("trouble", "last_error"),
)


def status(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """How everything stands now. Exit status 1 when no node runs or a warning is in force."""
    site = open_site(config)
    snapshot = status_of(site)
    snapshot["waiting_for_a_person"] = _waiting_for_people(site)
    if as_json:
        show.json_document(snapshot)
    else:
        _say(snapshot, site)
    if not snapshot["is_running"] or snapshot["warnings"]:
        raise typer.Exit(Status.WRONG)


def status_of(site: Site) -> dict[str, Any]:
    """The running node's own snapshot; with no node running what the settings and the store tell."""
    try:
        return {**site.ask_node("status"), "is_running": True}
    except NoNodeRuns:
        return _without_node(site)


def _without_node(site: Site) -> dict[str, Any]:
    ids = {
        name: [str(one["id"]) for one in _tables(site, name) if "id" in one]
        for name in ("line", "connector")
    }
    counts = _counts(site)
    return {
        "labwire": show.DOCUMENT_VERSION,
        "kind": "status",
        "is_running": False,
        "node": {"name": site.node.name, "environment": site.node.environment.value},
        "lines": [{"line": one, "state": "stopped"} for one in ids["line"]],
        "connectors": [
            {"connector": one, "state": "stopped", "messages": counts.get(one, {})}
            for one in ids["connector"]
        ],
        "warnings": [],
    }


def _tables(site: Site, name: str) -> list[dict[str, Any]]:
    tables = site.loaded.tables.get(name, [])
    return [one for one in tables if isinstance(one, dict)] if isinstance(tables, list) else []


def _counts(site: Site) -> dict[str, Any]:
    try:
        return dict(plain(site.read(outbox.counts)))
    except StoreError:
        return {}


def _waiting_for_people(site: Site) -> dict[str, int]:
    def count(conn: Connection) -> dict[str, int]:
        messages = {
            f"{state.value}_messages": number
            for state, number in journal.counts_for_people(conn).items()
        }
        return {**messages, "held_results": results.held_count(conn)}

    try:
        return {key: number for key, number in site.read(count).items() if number}
    except StoreError:
        return {}


def _say(snapshot: dict[str, Any], site: Site) -> None:
    node = snapshot["node"]
    state = "runs" if snapshot["is_running"] else "does not run"
    style = "green" if snapshot["is_running"] else "red"
    show.say(f"The node {node['name']} ({node['environment']}) {state}.", style)
    for warning in snapshot["warnings"]:
        subject = f" ({warning['subject']})" if warning["subject"] else ""
        show.say(f"\n{warning['title']}{subject} [{warning['code']}]", "red")
        show.say(f"  {warning['text']}\n  What to do: {warning['what_to_do']}")
    show.say("")
    show.table(_LINES, [line_row(one, site) for one in snapshot["lines"]])
    show.say("")
    show.table(_CONNECTORS, [_connector_row(one, site) for one in snapshot["connectors"]])
    waiting = snapshot["waiting_for_a_person"]
    if waiting:
        said = ", ".join(f"{number} {key.replace('_', ' ')}" for key, number in waiting.items())
        show.say(f"\nWaiting for a person: {said}.", "yellow")


def line_row(line: dict[str, Any], site: Site) -> dict[str, Any]:
    """A line of the snapshot with its times in the node's zone."""
    return {**line, "last": show.moment(line.get("last_message_at"), site.zone)}


def _connector_row(connector: dict[str, Any], site: Site) -> dict[str, Any]:
    counts = connector.get("messages", {})
    oldest = show.moment(connector.get("oldest_waiting_at"), site.zone)
    return {**connector, **counts, "oldest": oldest}
