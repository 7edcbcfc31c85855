"""How a site's words for a serial port become pyserial's, and how its troubles become words for people."""

from __future__ import annotations

import errno
import os
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial import SerialException

from middleware.transport.serial_open import apply_settings, trouble_of
from middleware.transport.serial_settings import FlowControl, Parity, SerialSettings


def test_every_setting_is_translated_for_pyserial() -> None:
    """Parity and data bits do not show at a pseudo-terminal, so they are looked at on the way."""
    settings = SerialSettings(
        type="serial", port="COM3", data_bits=7, parity=Parity.MARK, stop_bits=1.5, rts=False
    )
    for flow in FlowControl:
        port = SimpleNamespace()
        apply_settings(port, settings.model_copy(update={"flow_control": flow}))
        assert (port.baudrate, port.bytesize, port.parity, port.stopbits) == (9600, 7, "M", 1.5)
        assert (port.rts, port.dtr) == (False, True)
        chosen = [port.rtscts, port.xonxoff, port.dsrdtr].count(True)
        assert chosen == (0 if flow is FlowControl.NONE else 1)


def test_a_port_that_belongs_to_others_is_told_with_the_group_to_join(tmp_path: Path) -> None:
    """The most frequent trouble of a fresh installation on Linux."""
    settings = SerialSettings(type="serial", port=str(tmp_path))
    trouble = trouble_of(settings, PermissionError(errno.EACCES, "Permission denied"))
    assert str(trouble) == f"{tmp_path} may not be opened by this account"
    assert "Labwire's account" in trouble.what_to_do
    assert "group" in trouble.what_to_do


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "is not there: unplugged, or another name"),
        (errno.EIO, "is not there: unplugged, or another name"),
        (errno.ENXIO, "is not there: unplugged, or another name"),
        (errno.EBUSY, "is in use by another program"),
        (errno.EAGAIN, "is in use by another program"),
        (errno.EPERM, "may not be opened by this account"),
        (errno.ENOTTY, "is no serial port, or refuses these settings"),
        (errno.EMFILE, "could not be opened: "),
    ],
)
def test_each_trouble_is_told_in_words_with_what_to_do(number: int, words: str) -> None:
    """Also where pyserial hides the system's error behind one of its own."""
    settings = SerialSettings(type="serial", port="/dev/ttyS9")
    hidden = SerialException("Could not configure port")
    hidden.__context__ = termios.error(number, os.strerror(number))
    for error in (OSError(number, os.strerror(number)), hidden):
        trouble = trouble_of(settings, error)
        assert str(trouble).startswith(f"/dev/ttyS9 {words}")
        assert trouble.what_to_do.endswith(".")
