"""Opens a serial port of this machine with pyserial, and says in words why it cannot be opened.

pyserial empties the input as it opens; what an analyzer has sent before we came is kept here.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import serial

from middleware.transport.kept_port import PortTrouble
from middleware.transport.serial_settings import (
    FlowControl,
    Parity,
    Rfc2217Settings,
    SerialSettings,
)

PARITIES = {
    Parity.NONE: serial.PARITY_NONE,
    Parity.EVEN: serial.PARITY_EVEN,
    Parity.ODD: serial.PARITY_ODD,
    Parity.MARK: serial.PARITY_MARK,
    Parity.SPACE: serial.PARITY_SPACE,
}

_NO_PORT = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO)
_TAKEN = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)
_DENIED = (errno.EACCES, errno.EPERM)
_NOT_SERIAL = (errno.ENOTTY, errno.EINVAL, errno.EISDIR)


class KeepingSerial(serial.Serial):
    """pyserial's port, which keeps the bytes that wait when it is opened."""

    def _reset_input_buffer(self) -> None:
        """Called by `open` (POSIX); the name is pyserial's."""


def open_port(settings: SerialSettings) -> Any:
    """The open port (a `serial.Serial`). Raises PortTrouble."""
    port = KeepingSerial()
    port.port = settings.port
    apply_settings(port, settings)
    if sys.platform != "win32":
        # Zero gives VMIN = 1: a read that finds nothing says so, and one that gives nothing is a hang-up.
        port.inter_byte_timeout = 0
        port.exclusive = True
    try:
        port.open()
    except Exception as error:
        # Whatever it is, the port is tried again; pyserial lets termios.error through, which is no OSError.
        raise trouble_of(settings, error) from error
    return port


def apply_settings(port: Any, settings: SerialSettings | Rfc2217Settings) -> None:
    """Speed, characters, flow control and lines; before the port is opened."""
    port.baudrate = settings.baud
    port.bytesize = settings.data_bits
    port.parity = PARITIES[settings.parity]
    port.stopbits = settings.stop_bits
    port.rtscts = settings.flow_control is FlowControl.RTS_CTS
    port.xonxoff = settings.flow_control is FlowControl.XON_XOFF
    port.dsrdtr = settings.flow_control is FlowControl.DSR_DTR
    port.rts = settings.rts
    port.dtr = settings.dtr


def trouble_of(settings: SerialSettings, error: Exception) -> PortTrouble:
    """Why the port could not be opened, and what to do."""
    number = _number_of(error)
    text = str(error)
    port = settings.port
    if number in _TAKEN or (sys.platform == "win32" and "PermissionError" in text):
        cure = "End the program or the second line that holds it" + _who_holds(port)
        return PortTrouble(f"{port} is in use by another program", what_to_do=cure)
    if number in _DENIED:
        return PortTrouble(f"{port} may not be opened by this account", what_to_do=_cure_of(port))
    if number in _NO_PORT or "FileNotFoundError" in text:
        return PortTrouble(
            f"{port} is not there: unplugged, or another name",
            what_to_do=f"Plug the adapter in, or correct the name{_where_names_are()}.",
        )
    if number in _NOT_SERIAL:
        cure = f"Name a serial port{_where_names_are()}."
        return PortTrouble(f"{port} is no serial port, or refuses these settings", what_to_do=cure)
    return PortTrouble(
        f"{port} could not be opened: {text}", what_to_do="Check speed, parity, data and stop bits."
    )


def _number_of(error: BaseException | None) -> int | None:
    """The error number, also where pyserial tells it only in the error below."""
    while error is not None:
        number = getattr(error, "errno", None)
        if number is None and error.args and isinstance(error.args[0], int):
            number = error.args[0]  # termios.error
        if isinstance(number, int):
            return number
        error = error.__cause__ or error.__context__
    return None


def _cure_of(port: str) -> str:
    """What gives this account the right: the group that owns the port."""
    if sys.platform == "win32":
        return "Give the account of the service the right to use the port."
    import grp  # noqa: PLC0415  (not on Windows)

    try:
        group = grp.getgrgid(Path(port).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    if group == "root":
        return f"Give the group dialout the port (`ls -l {port}`) and add Labwire's account to it."
    return (
        f"Add Labwire's account to the group {group} (`usermod -aG {group} ACCOUNT`) and restart."
    )


def _who_holds(port: str) -> str:
    return "." if os.name == "nt" else f" (`fuser -v {port}` names it)."


def _where_names_are() -> str:
    if sys.platform == "win32":
        return " (the device manager lists the COM ports)"
    return " (`ls -l /dev/serial/by-id` lists the stable ones)"
