"""Characters that arrive damaged are counted, so that a bad cable or a wrong speed shows."""

from __future__ import annotations

import os
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from middleware.line.tally import Tally
from middleware.observe.metrics import REGISTRY
from middleware.transport import serial as serial_module
from middleware.transport.serial import DescriptorPort
from middleware.transport.shim import Shim
from tests.kit.scripted_link import ScriptedLink
from tests.kit.transport_owner import SilentOwner

CLOCK: Any = SimpleNamespace(seconds=lambda: 0.0)


def counted(kind: str) -> float:
    labels = {"line": "damaged-1", "kind": kind}
    return REGISTRY.get_sample_value("labwire_line_damaged_characters_total", labels) or 0.0


def test_the_systems_count_is_read_since_the_port_was_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The driver counts since it was loaded; only what came since the opening is this connection's."""
    counts = [0] * 20
    counts[6:10] = [5, 0, 1, 0]
    monkeypatch.setattr(
        serial_module.fcntl, "ioctl", lambda *_: struct.pack("20i", *counts), raising=True
    )
    port = DescriptorPort(CLOCK, SimpleNamespace(fileno=lambda: 9), "COM3")
    assert port.damage() == {"framing": 0, "overrun": 0, "parity": 0, "break": 0}
    counts[6:10] = [12, 1, 1, 2]
    assert port.damage() == {"framing": 7, "overrun": 1, "parity": 0, "break": 2}


def test_a_port_without_such_a_count_says_nothing() -> None:
    """A pseudo-terminal, or a driver that does not count."""
    read, write = os.pipe()
    port = DescriptorPort(CLOCK, SimpleNamespace(fileno=lambda: read), "pipe")
    assert port.damage() == {}
    os.close(read)
    os.close(write)


def test_a_line_counts_damage_once() -> None:
    """The metric grows by what is new, over the life of the line."""
    shim = Shim(ScriptedLink(), CLOCK, SilentOwner(CLOCK))
    damage = {"framing": 3, "parity": 0}
    shim.transport = SimpleNamespace(damage=lambda: dict(damage))
    tally = Tally("damaged-1")
    before = counted("framing")
    tally.begin()
    tally.take(shim)
    tally.take(shim)
    assert counted("framing") - before == 3
    damage["framing"] = 4
    tally.take(shim)
    assert counted("framing") - before == 4
    assert counted("parity") == 0
