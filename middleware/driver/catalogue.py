"""Finds drivers: entry points of installed packages, and folders of data-only drivers of the site.

Group `labwire.drivers`: an entry point is a catalogue (`DriverCatalogue`) or one `Driver`. Group
`labwire.protocols`: an entry point is a `ProtocolFactory`, which makes drivers from profiles that
name it. What is broken is listed by name and left out; it never stops the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from middleware.driver.api import Driver, DriverCatalogue, ProtocolFactory
from middleware.driver.hooks import hook_of
from middleware.driver.profile import Profile, read_profile
from middleware.errors import DriverError

DRIVER_GROUP = "labwire.drivers"
PROTOCOL_GROUP = "labwire.protocols"
PROFILE_FILE = "driver.toml"


@dataclass(frozen=True, slots=True)
class BrokenDriver:
    """A driver, catalogue or protocol that cannot be used: where it comes from and what is wrong, for a person."""

    source: str
    problem: str


@runtime_checkable
class ReportsBroken(Protocol):
    """A catalogue that can say which of its drivers it had to leave out."""

    def broken(self) -> Iterable[BrokenDriver]:
        """Those left out; each once."""
        ...


class ProfileFolder:
    """Every `<id>/driver.toml` below one folder is a driver (`DriverCatalogue`, `ReportsBroken`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def profiles(self) -> Iterable[Profile]:
        """Every profile that can be read, by name of its folder."""
        return [profile for _, profile in self._read() if isinstance(profile, Profile)]

    def broken(self) -> Iterable[BrokenDriver]:
        """Every profile that cannot be read."""
        return [
            BrokenDriver(str(path), profile)
            for path, profile in self._read()
            if isinstance(profile, str)
        ]

    def _read(self) -> Iterator[tuple[Path, Profile | str]]:
        """Each profile file with its profile, or with what is wrong with it."""
        for path in sorted(self._folder.glob(f"*/{PROFILE_FILE}")):
            yield path, _read_file(path)


def _read_file(path: Path) -> Profile | str:
    try:
        profile = read_profile(path.read_text(encoding="utf-8"), str(path), path.parent)
    except (DriverError, OSError, UnicodeDecodeError) as error:
        return str(error)
    if profile.id != path.parent.name:
        return f"the folder is called {path.parent.name!r} and the driver {profile.id!r}"
    return profile


class Catalogue:
    """Every driver that was found. `broken` lists what was left out."""

    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}
        self._sources: dict[str, str] = {}
        self._ready: dict[str, Driver] = {}
        self._protocols: dict[str, ProtocolFactory] = {}
        self._broken: list[BrokenDriver] = []

    @property
    def broken(self) -> tuple[BrokenDriver, ...]:
        """What cannot be used, and why."""
        return tuple(self._broken)

    def profiles(self) -> tuple[Profile, ...]:
        """Every profile, by id."""
        return tuple(self._profiles[driver_id] for driver_id in sorted(self._profiles))

    def driver(self, driver_id: str) -> Driver:
        """The driver with this id. Raises DriverError with the nearest id for an unknown one."""
        ready = self._ready.get(driver_id)
        if ready is not None:
            return ready
        profile = self._profiles.get(driver_id)
        if profile is None:
            raise DriverError(
                f"unknown driver {driver_id!r}{self._nearest(driver_id)}",
                what_to_do="See `labwire drivers list`.",
            )
        return self._ready.setdefault(driver_id, self.make(profile))

    def make(self, profile: Profile) -> Driver:
        """A driver of a profile, whether or not that is in the catalogue. Raises DriverError when its protocol is not
        installed or cannot read it."""
        protocol = self._protocols.get(profile.driver.protocol)
        if protocol is None:
            raise DriverError(
                f"driver {profile.id!r} needs the protocol {profile.driver.protocol!r}, which is not installed",
                what_to_do=f"Installed protocols: {', '.join(sorted(self._protocols)) or 'none'}.",
            )
        return protocol.make_driver(profile)

    def _nearest(self, driver_id: str) -> str:
        near = get_close_matches(driver_id, self._profiles, n=1)
        return f"; did you mean {near[0]!r}?" if near else ""

    def add_protocol(self, protocol: ProtocolFactory, source: str) -> None:
        """Take in a protocol. The first of a name stays; a second one is reported."""
        if protocol.name in self._protocols:
            self.report(source, f"the protocol {protocol.name!r} is already there")
            return
        self._protocols[protocol.name] = protocol

    def add_profile(self, profile: Profile, source: str, ready: Driver | None = None) -> None:
        """Take in a profile, or a driver that needs no protocol. The first of an id stays; a second is reported."""
        if profile.id in self._profiles:
            self.report(
                source,
                f"the driver id {profile.id!r} is already used by {self._sources[profile.id]}",
            )
            return
        self._profiles[profile.id] = profile
        self._sources[profile.id] = source
        if ready is not None:
            self._ready[profile.id] = ready

    def add_catalogue(self, catalogue: DriverCatalogue, source: str) -> None:
        """Take in every profile of a catalogue, and its own reports."""
        for profile in catalogue.profiles():
            self.add_profile(profile, source)
        if isinstance(catalogue, ReportsBroken):
            self._broken.extend(catalogue.broken())

    def report(self, source: str, problem: str) -> None:
        """Note something that cannot be used."""
        self._broken.append(BrokenDriver(source, problem))

    def check_protocols(self) -> None:
        """Make every driver once, so that one which cannot be made is reported now and not with its first message."""
        for profile in self.profiles():
            try:
                self.driver(profile.id)
                hook_of(profile)
            except DriverError as error:
                self.report(self._sources[profile.id], f"{profile.id}: {error}")
                del self._profiles[profile.id]


def load_catalogue(extra_dirs: Iterable[Path] = ()) -> Catalogue:
    """Every driver of the installed packages and of the folders in `extra_dirs`, made and ready."""
    catalogue = Catalogue()
    for point in _points(PROTOCOL_GROUP):
        _take_protocol(catalogue, point)
    for point in _points(DRIVER_GROUP):
        _take_drivers(catalogue, point)
    for folder in extra_dirs:
        catalogue.add_catalogue(ProfileFolder(folder), str(folder))
    catalogue.check_protocols()
    return catalogue


def _points(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def _take_protocol(catalogue: Catalogue, point: EntryPoint) -> None:
    try:
        catalogue.add_protocol(point.load(), _source(point))
    except Exception as error:  # noqa: BLE001 - a third party's code may raise anything; it is reported by name
        catalogue.report(_source(point), _problem(error))


def _take_drivers(catalogue: Catalogue, point: EntryPoint) -> None:
    source = _source(point)
    try:
        found = point.load()
        if isinstance(found, Driver):
            catalogue.add_profile(found.profile, source, ready=found)
        else:
            catalogue.add_catalogue(found, source)
    except Exception as error:  # noqa: BLE001 - as above
        catalogue.report(source, _problem(error))


def _source(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "?"
    return f"{package} ({point.value})"


def _problem(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
