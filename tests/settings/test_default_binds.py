"""Everything that listens binds to loopback unless told otherwise."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from middleware.settings.build import build_setup
from middleware.settings.installed import installed_for
from middleware.settings.load import load_text
from middleware.transport.settings import TcpListenSettings

_PLAIN = """
[node]
name = "n"
environment = "test"
"""


def test_a_line_listens_on_loopback_unless_it_names_an_interface() -> None:
    """An analyzer's network is opened on purpose, never by leaving a key out."""
    assert ipaddress.ip_address(TcpListenSettings(type="tcp_listen", port=4010).host).is_loopback


def test_the_monitor_listens_on_loopback_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    """Metrics have no password."""
    path = tmp_path / "labwire.toml"
    installed = installed_for(path)
    setup = build_setup(load_text(_PLAIN, path), installed.catalogue, installed.connectors, 1)
    assert setup.monitor_listen is not None
    assert ipaddress.ip_address(setup.monitor_listen.host).is_loopback
