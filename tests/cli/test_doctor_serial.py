"""`labwire doctor` on serial ports: there, missing, or not open to this account."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from middleware.cli import doctor


def signs(*ports: Path) -> list[doctor.Sign]:
    lines: list[Any] = [
        {"id": f"serial-{number}", "transport": {"type": "serial", "port": str(port)}}
        for number, port in enumerate(ports, 1)
    ]
    lines.append({"id": "tcp-1", "transport": {"type": "tcp_listen", "port": 4010}})
    lines.append({"id": "half"})
    site: Any = SimpleNamespace(loaded=SimpleNamespace(tables={"line": lines}))
    return list(doctor._serial_ports(site))


def test_a_port_that_is_there_is_good_and_a_missing_one_is_told(tmp_path: Path) -> None:
    """Each line by its name; lines without a serial port are not mentioned."""
    (tmp_path / "there").touch()
    good, wrong = signs(tmp_path / "there", tmp_path / "missing")
    assert good.is_good
    assert good.name == "serial port of line serial-1"
    assert not wrong.is_good
    assert wrong.text == f"{tmp_path}/missing is not there"
    assert "Plug the adapter in" in wrong.what_to_do


def test_a_port_of_others_is_told_with_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account of the service is not in the group that owns the port."""
    (tmp_path / "theirs").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    (sign,) = signs(tmp_path / "theirs")
    assert not sign.is_good
    assert "this account may not read and write" in sign.text
    assert "dialout" in sign.what_to_do
