"""`labwire lines`: every line with what passed over it since the node started."""

from __future__ import annotations

from typing import Any

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption
from middleware.cli.site import Site, open_site
from middleware.cli.status import START_IT, line_row, status_of
from middleware.line.order_settings import Download

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
    ("work sent unasked", "unasked"),
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
        rows = [line_row(one, site) | {"unasked": _unasked(one, site)} for one in found]
        show.table(_COLUMNS, [_row(row) for row in rows])
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


def _unasked(line: dict[str, Any], site: Site) -> str:
    """How work goes to an analyzer that did not ask; "" where it does not."""
    orders = line.get("orders") or {}
    download = orders.get("download", Download.OFF)
    if download == Download.OFF:
        return ""
    said = [f"{download}: {orders.get('sent', 0)} tests"]
    said += [
        f"{orders[key]} {words}"
        for key, words in (("refused", "refused"), ("not_taken", "tubes not taken"))
        if orders.get(key)
    ]
    if orders.get("next_try_at"):
        said.append(f"next try {show.moment(orders['next_try_at'], site.zone)}")
    return ", ".join(said)
