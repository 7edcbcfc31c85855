"""`labwire lines`: every line with what passed over it since the node started."""

from __future__ import annotations

from typing import Any

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.cli.site import open_site
from middleware.cli.status import START_IT, line_row, status_of

_COLUMNS = (
    ("line", "line"),
    ("driver", "driver"),
    ("state", "state"),
    ("at", "address"),
    ("peer", "peer"),
    ("messages", "messages"),
    ("last message", "last"),
    ("usual now", "usual"),
    ("clock", "clock"),
    ("frames", "frames"),
    ("connections", "connections"),
    ("second connection", "second_connection"),
    ("bytes in", "bytes_in"),
    ("bytes out", "bytes_out"),
    ("last trouble", "trouble"),
)


def lines(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """List the lines."""
    site = open_site(config)
    snapshot = status_of(site)
    found = snapshot["lines"]
    if as_json:
        items = [show.with_iso_times(one) for one in found]
        show.document("lines", items, is_running=snapshot["is_running"])
    elif found:
        show.table(_COLUMNS, [_row(line_row(one, site)) for one in found])
    else:
        show.say("The settings name no line.")
    if not snapshot["is_running"] and not as_json:
        show.tell_warning(f"No node runs. {START_IT}")


def _row(line: dict[str, Any]) -> dict[str, Any]:
    return {
        key: ", ".join(f"{name} {count}" for name, count in value.items())
        if isinstance(value, dict)
        else value
        for key, value in line.items()
    }
