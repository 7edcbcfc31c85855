"""A line's settings: safe when left out, refused when wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from middleware.line.settings import LineSettings
from middleware.model import ReleaseMode
from middleware.transport.settings import (
    SecondConnection,
    TcpConnectSettings,
    TcpListenSettings,
)

LISTEN: dict[str, Any] = {"type": "tcp_listen", "port": 4010}
DIAL: dict[str, Any] = {"type": "tcp_connect", "host": "10.1.2.3", "port": 4010}
LINE: dict[str, Any] = {"id": "chem-1", "driver": "generic_astm", "transport": LISTEN}


def test_what_is_left_out_is_the_careful_choice() -> None:
    """Results are held, only this machine may connect, and the newest connection counts."""
    line = LineSettings.model_validate(LINE)
    assert line.release is ReleaseMode.HOLD_ALL
    assert isinstance(line.transport, TcpListenSettings)
    assert line.transport.host == "127.0.0.1"
    assert line.transport.second_connection is SecondConnection.REPLACE


def test_the_type_chooses_the_transport() -> None:
    """Listening or dialling."""
    line = LineSettings.model_validate({**LINE, "transport": DIAL})
    assert isinstance(line.transport, TcpConnectSettings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "Chem 1"},
        {"release": "always"},
        {"time_zone": "Europe/Atlantis"},
        {"encoding": "klingon"},
        {"encoding": "hex"},
        {"sample_id_pattern": "["},
        {"sample_id_min_length": 9, "sample_id_max_length": 8},
        {"speed": 9600},
        {"transport": {**LISTEN, "port": 70000}},
        {"transport": {**LISTEN, "peers": ["analyzer"]}},
        {"transport": {**LISTEN, "host": "chem.example"}},
        {"transport": {**LISTEN, "second_connection": "both"}},
        {"transport": {**LISTEN, "connect_timeout_s": 5}},
        {"transport": {**DIAL, "port": 0}},
        {"transport": {**DIAL, "retry_first_s": 9, "retry_longest_s": 8}},
        {"transport": {"type": "pigeon"}},
    ],
)
def test_a_mistake_is_refused(wrong: dict[str, Any]) -> None:
    """Each of them would otherwise show at night."""
    with pytest.raises(ValidationError):
        LineSettings.model_validate({**LINE, **wrong})


@pytest.mark.parametrize("model", [LineSettings, TcpListenSettings, TcpConnectSettings])
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    """The reference of settings is generated from these."""
    assert all(field.description for field in model.model_fields.values())
