"""What `labwire check` says about serial ports: taken twice, named by chance, or set otherwise than the analyzer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from middleware.driver.profile import Profile
from middleware.line.settings import LineSettings
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem, Weight
from middleware.transport.serial_settings import Rfc2217Settings, SerialSettings

# Linux numbers USB adapters in the order in which they are found.
_NUMBERED = re.compile(r"/dev/tty(USB|ACM)\d+")
_STABLE_NAMES = Path("/dev/serial/by-id")


def ports_have_one_line(parts: Parts) -> Iterator[Problem]:
    """A serial port belongs to one line, under whichever name."""
    seen: dict[str, str] = {}
    for location, line in parts.lines:
        port = _port_of(line)
        if port in seen:
            message = f'the line "{seen[port]}" has this port already'
            place = (*location, "transport", "port")
            yield parts.loaded.problem(place, message, "give each line a port of its own")
        if port:
            seen.setdefault(port, line.id)


def ports_have_stable_names(parts: Parts) -> Iterator[Problem]:
    """After a restart /dev/ttyUSB0 may be another analyzer's adapter."""
    for location, line in parts.lines:
        transport = line.transport
        if isinstance(transport, SerialSettings) and _NUMBERED.fullmatch(transport.port):
            message = f"{transport.port} may be another adapter after a restart or a new plug"
            place = (*location, "transport", "port")
            yield parts.loaded.problem(place, message, _stable(transport.port), Weight.WARNING)


def serial_settings_fit(
    parts: Parts, location: Location, line: LineSettings, profile: Profile
) -> Iterator[Problem]:
    """Whether the analyzer can be set so; a converter on the way may be a reason not to."""
    transport, needs = line.transport, profile.transport.serial
    if not isinstance(transport, SerialSettings | Rfc2217Settings) or needs is False:
        return
    pairs = (
        ("baud", transport.baud, needs.baud),
        ("data_bits", transport.data_bits, needs.data_bits),
        ("parity", transport.parity.value, needs.parity),
        ("stop_bits", transport.stop_bits, needs.stop_bits),
    )
    for key, chosen, possible in pairs:
        if possible and chosen not in possible:
            message = f"{key} {_spoken(chosen)} is not among those of the driver {line.driver}"
            cure = "the analyzer takes: " + ", ".join(_spoken(one) for one in possible)
            place = (*location, "transport", key)
            yield parts.loaded.problem(place, message, cure, Weight.WARNING)


def _port_of(line: LineSettings) -> str:
    transport = line.transport
    if isinstance(transport, SerialSettings):
        return str(Path(transport.port).resolve())  # a stable name leads to the numbered one
    if isinstance(transport, Rfc2217Settings):
        return f"{transport.host}:{transport.port}"
    return ""


def _stable(port: str) -> str:
    """The lasting name of that adapter, where it is plugged into this machine now."""
    names = sorted(_STABLE_NAMES.glob("*")) if Path(port).exists() else []
    for name in names:
        if name.resolve() == Path(port):
            return f'write port = "{name}"'
    return f"write its name under {_STABLE_NAMES} (`ls -l {_STABLE_NAMES}` shows which is which)"


def _spoken(value: float | str) -> str:
    """Two stop bits are 2, not 2.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
