"""What the entry point `law` resolves to: it makes the driver that a profile needs."""

from __future__ import annotations

from drivers.protocols.law.broadcast import BroadcastingLawDriver, CancellingLawDriver
from drivers.protocols.law.driver import LawDriver
from drivers.protocols.law.options import read_section
from middleware.driver.profile import Profile

NAME = "law"


class LawProtocol:
    """Makes drivers from profiles that name the protocol `law` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> LawDriver:
        """Build the driver; raises DriverError when the profile does not fit LAW."""
        section = read_section(profile)
        if not section.download:
            return LawDriver(profile)
        return CancellingLawDriver(profile) if section.cancel else BroadcastingLawDriver(profile)


PROTOCOL = LawProtocol()
