"""What a driver is: pure functions between the bytes of one message and the canonical model.

A driver owns no socket, no clock and no state. The node makes a link with it for each connection,
asks it at a glance what a message is, and decodes outside any transaction. Drivers are discovered
(group `labwire.drivers`), never imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from middleware.driver.profile import Profile
from middleware.model import Envelope, MessageKind
from middleware.wire.link import Link


@dataclass(frozen=True, slots=True)
class DecodeContext:
    """What a driver may know of the line: its time zone (IANA name) and character encoding (Python codec name)."""

    time_zone: str = "UTC"
    encoding: str = "latin-1"


@runtime_checkable
class Driver(Protocol):
    """One analyzer model's driver."""

    @property
    def profile(self) -> Profile:
        """The declarative part."""
        ...

    def make_link(self, options: Mapping[str, object]) -> Link:
        """A new link in the COMPUTER role for one connection; `options` is the line's own `link` table (checked)."""
        ...

    def kind(self, text: bytes) -> MessageKind:
        """A glance at record types; no decoding; never raises."""
        ...

    def decode(self, text: bytes, context: DecodeContext) -> Envelope:
        """Read a whole message. Raises DriverError (with record and field) when it cannot be read at all."""
        ...


class ProtocolFactory(Protocol):
    """Makes a driver from a profile that names this protocol (group `labwire.protocols`)."""

    @property
    def name(self) -> str:
        """The protocol's name as profiles write it, for example "lis2"."""
        ...

    def make_driver(self, profile: Profile) -> Driver:
        """Build the driver; raises DriverError when the profile does not fit the protocol."""
        ...


class DriverCatalogue(Protocol):
    """An entry point of `labwire.drivers` resolves to one of these (or to one Driver)."""

    def profiles(self) -> Iterable[Profile]:
        """Every profile in the catalogue."""
        ...
