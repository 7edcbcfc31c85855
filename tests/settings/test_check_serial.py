"""`labwire check` on serial ports: a port twice, a name that changes, settings that the analyzer does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.driver.profile import Profile
from middleware.settings import check_serial
from middleware.settings.check import check
from middleware.settings.problems import Problem, Weight
from tests.kit.site_settings import CONNECTORS, GOOD, Drivers, loaded, problems_of, profile

LISTENER = '{ type = "tcp_listen", port = 4010 }'
DIALLER = '[line.transport]\ntype = "tcp_connect"\nhost = "10.1.2.3"\nport = 4000'


def site(first: str, second: str = 'type = "rfc2217"\nhost = "10.1.2.3"\nport = 4001') -> str:
    """Two serial lines; each text is the transport."""
    return GOOD.replace(LISTENER, "{ " + first + " }").replace(
        DIALLER, f"[line.transport]\n{second}"
    )


def serial(port: object, more: str = "") -> str:
    return f'type = "serial", port = "{port}"{more}'


def with_needs() -> Drivers:
    """A driver whose analyzer has two speeds, seven data bits and even parity."""
    content = profile("plain").model_dump()
    content["transport"]["serial"] = {
        "baud": (4800, 9600),
        "data_bits": (7,),
        "parity": ("even",),
        "stop_bits": (1, 2),
    }
    return Drivers((Profile.model_validate(content),))


def said(problems: list[Problem]) -> list[tuple[str, str, str]]:
    return [(one.key, one.message, one.suggestion) for one in problems]


def test_a_port_with_a_lasting_name_is_taken_without_a_word() -> None:
    """The usual serial line."""
    assert problems_of(site(serial("/dev/serial/by-id/usb-FTDI_A1-if00-port0"))) == []


def test_two_lines_on_one_port_are_an_error() -> None:
    """The second line would never open its port."""
    text = site(serial("/dev/ttyS0"), 'type = "serial"\nport = "/dev/ttyS0"')
    (problem,) = problems_of(text)
    assert problem.weight is Weight.ERROR
    assert problem.message == 'the line "chem-1" has this port already'
    assert problem.key == "line.transport.port"


def test_two_names_of_one_port_are_seen_through(tmp_path: Path) -> None:
    """A stable name and the numbered one behind it are the same adapter."""
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB0")
    second = f'type = "serial"\nport = "{tmp_path}/ttyUSB0"'
    (problem,) = problems_of(site(serial(tmp_path / "by-id"), second))
    assert "has this port already" in problem.message


def test_two_lines_on_one_port_of_a_terminal_server_are_an_error() -> None:
    """Terminal servers give each port to one program."""
    remote = 'type = "rfc2217", host = "10.1.2.3", port = 4001'
    (problem,) = problems_of(site(remote))
    assert "has this port already" in problem.message


@pytest.mark.parametrize("port", ["/dev/ttyUSB0", "/dev/ttyACM3"])
def test_a_numbered_name_is_a_warning_with_the_cure(port: str) -> None:
    """After a restart the analyzers would be exchanged."""
    (problem,) = problems_of(site(serial(port)))
    assert problem.weight is Weight.WARNING
    assert problem.message == f"{port} may be another adapter after a restart or a new plug"
    assert "/dev/serial/by-id" in problem.suggestion


def test_the_lasting_name_is_offered_where_the_adapter_is_plugged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to look up: copy the line."""
    adapter = tmp_path / "ttyUSB0"
    adapter.touch()
    names = tmp_path / "by-id"
    names.mkdir()
    (names / "usb-FTDI_A1-if00-port0").symlink_to(adapter)
    monkeypatch.setattr(check_serial, "_STABLE_NAMES", names)
    assert check_serial._stable(str(adapter)) == f'write port = "{names}/usb-FTDI_A1-if00-port0"'
    assert "ls -l" in check_serial._stable(str(tmp_path / "ttyUSB9"))


def test_settings_that_the_analyzer_does_not_have_are_told() -> None:
    """Half of all serial troubles: another speed or parity than the analyzer's."""
    text = site(serial("/dev/ttyS0", ', baud = 19200, parity = "odd", stop_bits = 2'))
    found = check(loaded(text), with_needs(), CONNECTORS)
    mine = [one for one in found if one.line == 11]
    assert [one.weight for one in mine] == [Weight.WARNING] * 3
    assert said(mine) == [
        (
            "line.transport.baud",
            "baud 19200 is not among those of the driver plain",
            "the analyzer takes: 4800, 9600",
        ),
        (
            "line.transport.data_bits",
            "data_bits 8 is not among those of the driver plain",
            "the analyzer takes: 7",
        ),
        (
            "line.transport.parity",
            "parity odd is not among those of the driver plain",
            "the analyzer takes: even",
        ),
    ]


def test_settings_that_the_analyzer_has_are_taken_without_a_word() -> None:
    """A line as the manual says."""
    good = ', baud = 4800, data_bits = 7, parity = "even", stop_bits = 2'
    text = site(serial("/dev/ttyS0", good), 'type = "tcp_listen"\nport = 4011')
    assert check(loaded(text), with_needs(), CONNECTORS) == []
