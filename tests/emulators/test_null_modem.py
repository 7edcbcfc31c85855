"""The null modem: bytes go through both ways, as slowly as the cable's speed says and not slower."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulators.null_modem import NullModem

pytestmark = pytest.mark.slow

PATIENCE_S = 5.0


@contextmanager
def opened(name: str) -> Iterator[int]:
    descriptor = os.open(name, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor, termios.TCSANOW)  # what waits is kept
    yield descriptor
    os.close(descriptor)


def come(descriptor: int, count: int) -> bytes:
    data = b""
    until = time.monotonic() + PATIENCE_S
    while len(data) < count and time.monotonic() < until:
        if select.select([descriptor], [], [], 0.1)[0]:
            data += os.read(descriptor, 4096)
    return data


def test_bytes_go_both_ways_unchanged() -> None:
    """Every byte value, in order."""
    every = bytes(range(256))
    with NullModem() as modem, opened(modem.names[0]) as one, opened(modem.names[1]) as other:
        os.write(one, every)
        os.write(other, every[::-1])
        assert come(other, 256) == every
        assert come(one, 256) == every[::-1]


def test_a_cable_takes_the_time_of_its_characters() -> None:
    """96 characters at 9,600 baud (8N1) take a tenth of a second, never less."""
    with NullModem(9600) as modem, opened(modem.names[0]) as one, opened(modem.names[1]) as other:
        began = time.monotonic()
        os.write(one, b"x" * 96)
        assert come(other, 96) == b"x" * 96
        elapsed = time.monotonic() - began
    assert elapsed >= 0.0998


def test_what_is_sent_before_the_other_end_is_opened_waits() -> None:
    """The analyzer speaks first, the node starts later: nothing is lost."""
    with NullModem() as modem, opened(modem.names[0]) as one:
        os.write(one, b"\x05")
        with opened(modem.names[1]) as other:
            assert come(other, 1) == b"\x05"


def test_an_end_that_reads_nothing_holds_up_the_other_and_loses_nothing() -> None:
    """Like flow control: 100 kB arrive whole once somebody reads."""
    data = bytes(number % 251 for number in range(100_000))
    with NullModem() as modem, opened(modem.names[0]) as one, opened(modem.names[1]) as other:
        os.set_blocking(one, False)
        sent, quiet = 0, 0
        while quiet < 5:
            if select.select([], [one], [], 0.02)[1]:
                sent += os.write(one, data[sent:])
            else:
                quiet += 1
        assert sent < len(data)
        got = b""
        while len(got) < len(data):
            if sent < len(data) and select.select([], [one], [], 0)[1]:
                sent += os.write(one, data[sent:])
            piece = come(other, 1)
            assert piece
            got += piece
        assert got == data


def test_links_name_the_ports_and_go_with_them(tmp_path: Path) -> None:
    """The names stay the same in each run, so they can stand in settings; an old one is replaced."""
    links = tmp_path / "analyzer", tmp_path / "node"
    links[0].symlink_to("/dev/pts/of-an-earlier-run")
    for _ in range(2):
        with NullModem(0, links) as modem, opened(modem.names[0]) as one:
            assert modem.names == (str(links[0]), str(links[1]))
            with opened(modem.names[1]) as other:
                os.write(one, b"\x05")
                assert come(other, 1) == b"\x05"
        assert not links[0].is_symlink()


def test_closing_it_unplugs_whoever_has_a_port_open() -> None:
    """The end of the null modem is a hang-up, as of an adapter that is pulled out."""
    modem = NullModem()
    modem.start()
    with opened(modem.names[0]) as one:
        modem.close()
        modem.close()
        try:
            assert os.read(one, 1) == b""
        except OSError as error:
            assert error.errno == 5


@pytest.mark.e2e
def test_the_command_prints_the_two_names_and_ends_at_a_signal(tmp_path: Path) -> None:
    """`labwire-emulate null-modem --links A B`: scripts read the names, SIGTERM takes the links away."""
    links = [str(tmp_path / name) for name in ("a", "b")]
    command = [sys.executable, "-m", "emulators", "null-modem", "--baud", "9600", "--links", *links]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in links] == links
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []
