"""`labwire status`: how the node, its lines and its connectors stand, what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption, Status
from middleware.cli.site import Site, open_site
from middleware.errors import StoreError
from middleware.monitor.control_client import NoNodeRuns
from middleware.monitor.status import plain
from middleware.review.times import in_words
from middleware.store import (
    calls,
    journal,
    order_views,
    outbox,
    qc_lists,
    results,
    suspensions,
)
from middleware.store.connection import Connection
from middleware.store.schema import OutboxState

LOOPBACK = "127.0.0.1"  # where a line listens that names no host
# What is said of a connection that ended in good order: by Twisted of the other side's end, by the shim of ours.
_GOOD_ENDS = ("Connection was closed cleanly.", "the conversation has ended")
_AWAY = ("waiting", "fault")

_LINES = (
    ("line", "line"),
    ("driver", "driver"),
    ("state", "state"),
    ("at", "address"),
    ("peer", "peer"),
    ("messages", "messages"),
    ("last message", "last"),
    ("last trouble", "trouble"),
)
_CONNECTORS = (
    ("connector", "connector"),
    ("state", "state"),
    ("peer", "peer"),
    ("accepted", "accepted"),
    ("waiting", "waiting"),
    ("held", "held"),
    ("refused", "refused"),
    ("oldest waiting", "oldest"),
    ("last trouble", "trouble"),
)


START_IT = "What to do: start it with `labwire run`; until then analyzers keep their results."


def status(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """How everything stands now. Exit status 1 when no node runs or a warning is in force."""
    site = open_site(config)
    snapshot = status_of(site)
    snapshot["waiting_for_a_person"] = _waiting_for_people(site)
    if as_json:
        for part in ("lines", "connectors", "warnings"):
            snapshot[part] = [show.with_iso_times(one) for one in snapshot[part]]
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
    counts = _counts(site)
    return {
        "labwire": show.DOCUMENT_VERSION,
        "kind": "status",
        "is_running": False,
        "node": {"name": site.node.name, "environment": site.node.environment.value},
        "lines": [_stopped_line(one) for one in _tables(site, "line")],
        "connectors": [
            {
                "connector": str(one.get("id", "?")),
                "state": "stopped",
                "peer": _address(one),
                "messages": counts.get(str(one.get("id")), {}),
            }
            for one in _tables(site, "connector")
        ],
        "warnings": [],
    }


_LOOK_AT = {
    "open_calls": "labwire calls list",
    "results_to_look_at_again": "labwire qc lookback",
    "pending_results": "labwire results list --pending",
    "release_stops": "labwire stop-release --list",
    "refused_orders": "labwire orders list --state refused",
    "held_results": "labwire results list --state held",
    "unreadable_messages": "labwire messages list --state unreadable",
    "incomplete_messages": "labwire messages list --state incomplete",
    "not_answered_messages": "labwire messages list --state not_answered",
}


def _stopped_line(table: dict[str, Any]) -> dict[str, Any]:
    """A line as the settings file names it, whatever else is wrong with them."""
    transport = table.get("transport")
    address = _address(transport) if isinstance(transport, dict) else ""
    named = {"line": str(table.get("id", "?")), "driver": str(table.get("driver", ""))}
    return {**named, "state": "stopped", "address": address}


def _address(table: dict[str, Any]) -> str:
    """As a running line says it: a port of this machine, a folder, or HOST:PORT."""
    if table.get("type") == "serial":
        return str(table.get("port", "?"))
    if "folder" in table:
        return str(table["folder"])
    return f"{table.get('host', LOOPBACK)}:{table.get('port', '?')}"


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
        refused = order_views.refused_count(conn)
        return {
            **messages,
            "held_results": results.held_count(conn),
            "refused_orders": refused,
            "open_calls": calls.open_since(conn)[0],
            "results_to_look_at_again": qc_lists.look_back_count(conn),
            "pending_results": results.pending_count(conn),
            "release_stops": len(suspensions.in_force(conn)),
        }

    try:
        return {key: number for key, number in site.read(count).items() if number}
    except StoreError:
        return {}


def _say(snapshot: dict[str, Any], site: Site) -> None:
    node = snapshot["node"]
    state = "runs" if snapshot["is_running"] else "does not run"
    style = "green" if snapshot["is_running"] else "red"
    show.say(f"The node {node['name']} ({node['environment']}) {state}.", style)
    if not snapshot["is_running"]:
        show.say(START_IT)
    for warning in snapshot["warnings"]:
        subject = f" ({warning['subject']})" if warning["subject"] else ""
        show.say(f"\n{warning['title']}{subject} [{warning['code']}]", "red")
        show.say(f"  {warning['text']}\n  What to do: {warning['what_to_do']}")
    show.say("")
    show.table(_LINES, [line_row(one, site) for one in snapshot["lines"]])
    show.say("")
    show.table(_CONNECTORS, [_connector_row(one, site) for one in snapshot["connectors"]])
    for text in ways_of_orders(snapshot["connectors"]):
        show.say(text)
    waiting = snapshot["waiting_for_a_person"]
    if waiting:
        said = ", ".join(f"{number} {key.replace('_', ' ')}" for key, number in waiting.items())
        show.say(f"\nWaiting for a person: {said}.", "yellow")
        for key, command in _LOOK_AT.items():
            if key in waiting:
                show.say(f"  {command}")


def ways_of_orders(connectors: Sequence[dict[str, Any]]) -> list[str]:
    """How each connector receives orders and asks for them, a sentence each."""
    return [
        f"{one['connector']}: {said}."
        for one in connectors
        for way in ("orders", "asked")
        if (said := one.get(way))
    ]


def line_row(line: dict[str, Any], site: Site) -> dict[str, Any]:
    """A line of the snapshot with its times in the node's zone."""
    return {
        **line,
        "last": _last_message(line, site),
        "clock": _offset(line.get("clock_offset_s")),
        "usual": _usual(line.get("usually_every_s")),
        "trouble": trouble_of(line),
    }


def _last_message(line: dict[str, Any], site: Site) -> str:
    moment = show.moment(line.get("last_message_at"), site.zone)
    return f"{moment} (silent)" if line.get("silent_since_at") else moment


def _offset(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:+.0f} s"


def _usual(every_s: float | None) -> str:
    return "" if every_s is None else f"every {in_words(max(every_s, 1.0))}"


def _connector_row(connector: dict[str, Any], site: Site) -> dict[str, Any]:
    counts = {state.value: 0 for state in OutboxState} | connector.get("messages", {})
    oldest = show.moment(connector.get("oldest_waiting_at"), site.zone)
    return {**connector, **counts, "oldest": oldest, "trouble": trouble_of(connector)}


def trouble_of(one: dict[str, Any]) -> str:
    """What is wrong with a line or a connector, in words; "" when nothing is."""
    is_away = one.get("state") in _AWAY  # then the reason is what stands now, not what came before
    said = str((is_away and one.get("detail")) or one.get("last_error", ""))
    return "" if said in _GOOD_ENDS else said
