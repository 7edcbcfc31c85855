"""An emulated analyzer on a serial port: its options, and a message that a node's line takes over a null modem."""

from __future__ import annotations

import pytest

from emulators.place import Place, transport_of
from middleware.transport.serial_settings import SerialSettings


def test_a_port_and_a_speed_are_a_serial_transport() -> None:
    """`--serial analyzer-port --baud 19200`."""
    settings = transport_of(Place(serial="analyzer-port", baud=19200))
    assert settings == SerialSettings(type="serial", port="analyzer-port", baud=19200)


@pytest.mark.parametrize(
    "place",
    [
        Place(),
        Place(tcp="127.0.0.1:4010", serial="analyzer-port"),
        Place(listen="127.0.0.1:4010", serial="analyzer-port"),
    ],
)
def test_only_one_way_may_be_given(place: Place) -> None:
    """A typing mistake must not send an analyzer's messages elsewhere."""
    with pytest.raises(ValueError, match="--serial PORT"):
        transport_of(place)
