"""Where an emulator's bytes travel: the options that every emulated analyzer has, as transport settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from middleware.transport.base import Address
from middleware.transport.serial_settings import SerialSettings
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings, TransportSettings
from middleware.transport.tls_settings import TlsSettings

HIGHEST_PORT = 65535

TcpOption = Annotated[str, typer.Option("--tcp", help="HOST:PORT to connect to.")]
ListenOption = Annotated[
    str, typer.Option("--listen", help="HOST:PORT to listen on, instead of --tcp.")
]
SerialOption = Annotated[
    str, typer.Option("--serial", help="Serial port to open, instead of --tcp.")
]
TlsOption = Annotated[
    str,
    typer.Option(
        "--tls",
        help="KEY=VALUE,… as in the settings' tls table: certificate=a.pem,key=a.key,peers=ca.pem",
    ),
]
BaudOption = Annotated[int, typer.Option("--baud", help="Speed of the serial port.")]


@dataclass(frozen=True, slots=True)
class Place:
    """What was given on the command line; exactly one of the ways must be."""

    tcp: str = ""
    listen: str = ""
    serial: str = ""
    baud: int = 9600
    tls: str = ""


def transport_of(place: Place) -> TransportSettings:
    """The settings of the transport. Raises ValueError with a sentence for the person at the keyboard."""
    if [bool(place.tcp), bool(place.listen), bool(place.serial)].count(True) != 1:
        raise ValueError("give one of --tcp HOST:PORT, --listen HOST:PORT and --serial PORT")
    tls = parse_tls(place.tls)
    if place.serial and tls is not None:
        raise ValueError("--tls is for --tcp and --listen; a serial port has no TLS")
    if place.serial:
        return SerialSettings(type="serial", port=place.serial, baud=place.baud)
    address = parse_address(place.tcp or place.listen)
    if place.tcp:
        return TcpConnectSettings(
            type="tcp_connect", host=address.host, port=address.port, retry_longest_s=5.0, tls=tls
        )
    return TcpListenSettings(type="tcp_listen", host=address.host, port=address.port, tls=tls)


def parse_tls(text: str) -> TlsSettings | None:
    """The `tls` table of an option; None when it was not given. `pins` may stand several times. Raises ValueError."""
    if not text:
        return None
    table: dict[str, object] = {}
    pins: list[str] = []
    for pair in text.split(","):
        key, equals, value = pair.strip().partition("=")
        if not equals:
            raise ValueError(f"{pair!r} is no KEY=VALUE")
        if key == "pins":
            pins.append(value)
        else:
            table[key] = value
    return TlsSettings.model_validate({**table, "pins": pins})


def parse_address(text: str) -> Address:
    """HOST:PORT; an empty host is loopback. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > HIGHEST_PORT:
        raise ValueError(f"{text!r} is no HOST:PORT")
    return Address(host.strip("[]") or "127.0.0.1", int(port))
