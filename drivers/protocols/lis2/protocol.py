"""What the entry point `lis2` resolves to: it makes the driver that a profile needs."""

from __future__ import annotations

from drivers.protocols.lis2.downloads import DownloadingLis2Driver, TellingLis2Driver
from drivers.protocols.lis2.driver import NAME, Lis2Driver
from drivers.protocols.lis2.orders import OrderingLis2Driver
from middleware.driver.profile import Profile


class Lis2Protocol:
    """Makes drivers from profiles that name the protocol `lis2` (`middleware.driver.api.ProtocolFactory`)."""

    @property
    def name(self) -> str:
        """The protocol's name in profiles."""
        return NAME

    def make_driver(self, profile: Profile) -> Lis2Driver:
        """Build the driver; raises DriverError when a path of the profile cannot be read in LIS2."""
        section = profile.order
        if section is not None and section.download is not None:
            words = section.download
            kind = TellingLis2Driver if words.cancel or words.change else DownloadingLis2Driver
            return kind(profile, section, words)
        if section is not None:
            return OrderingLis2Driver(profile, section)
        return Lis2Driver(profile)


PROTOCOL = Lis2Protocol()
