"""Everything that can be wrong with a site's settings, found at once: what `labwire check` prints."""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from middleware.delivery.connector import ConnectorFactory
from middleware.driver.api import NO_CONTEXT, Driver
from middleware.driver.catalogue import BrokenDriver
from middleware.driver.profile import Profile
from middleware.errors import MiddlewareError
from middleware.line.files import make_line_link
from middleware.line.settings import LineSettings
from middleware.model import ReleaseMode
from middleware.settings.check_answers import answers_have_a_line
from middleware.settings.check_ask import tubes_can_be_asked_for
from middleware.settings.check_download import work_can_be_sent
from middleware.settings.check_files import folders_are_one_lines, folders_can_be_used
from middleware.settings.check_identity import serial_number_can_be_told
from middleware.settings.check_orders import (
    arrival_is_said,
    downloads_are_one_lines,
    orders_can_come,
)
from middleware.settings.check_reflex import reflexes_can_happen, reruns_can_be_asked_for
from middleware.settings.check_relay import relays_can_work
from middleware.settings.check_serial import (
    ports_have_one_line,
    ports_have_stable_names,
    serial_settings_fit,
)
from middleware.settings.code_files import read_code_tables
from middleware.settings.load import Loaded
from middleware.settings.parts import Parts, read_parts
from middleware.settings.problems import Location, Problem, Weight, did_you_mean
from middleware.settings.qc_files import read_qc
from middleware.settings.rule_files import read_rules
from middleware.settings.tls_check import tls_can_work
from middleware.transport.settings import TRANSPORT_TYPES, TcpConnectSettings, TcpListenSettings


class DriverSource(Protocol):
    """What a check asks of the catalogue of drivers (`middleware.driver.catalogue.Catalogue`)."""

    def profiles(self) -> Iterable[Profile]:
        """Every profile that could be loaded."""
        ...

    def driver(self, driver_id: str) -> Driver:
        """The driver; raises DriverError when it is unknown or broken."""
        ...

    @property
    def broken(self) -> Sequence[BrokenDriver]:
        """What could not be loaded, and why."""
        ...


def check(
    loaded: Loaded, catalogue: DriverSource, connectors: Mapping[str, ConnectorFactory]
) -> list[Problem]:
    """All problems of the settings, in the order of the file. Errors, warnings and notes are told by their weight."""
    return examine(loaded, catalogue, connectors).problems


def examine(
    loaded: Loaded, catalogue: DriverSource, connectors: Mapping[str, ConnectorFactory]
) -> Parts:
    """The parts of the settings that are good, with all problems."""
    parts = read_parts(loaded, connectors)
    if loaded.tables or not loaded.problems:
        parts.problems += [problem for rule in _RULES for problem in rule(parts)]
        parts.problems += _drivers(parts, catalogue)
        parts.problems += read_code_tables(parts)
        parts.problems += reflexes_can_happen(parts)
        parts.problems += downloads_are_one_lines(parts)
        parts.problems += read_rules(parts)
        parts.problems += read_qc(parts)
    parts.problems.sort(key=lambda problem: problem.line)
    return parts


def _says_something(parts: Parts) -> Iterator[Problem]:
    warning = Weight.WARNING
    if not parts.loaded.tables.get("line"):
        yield parts.loaded.problem((), "no line: nothing can be received", "add [[line]]", warning)
    if not parts.loaded.tables.get("connector"):
        message = "no connector: results are stored and stay here"
        yield parts.loaded.problem((), message, "add [[connector]]", warning)


def _ids_are_unique(parts: Parts) -> Iterator[Problem]:
    for name in ("line", "connector"):
        first: dict[str, Location] = {}
        for location, found in parts.ids_of(name):
            if found in first:
                line = parts.loaded.locator.line_of(first[found])
                message = f'the {name} "{found}" stands in line {line} already'
                yield parts.loaded.problem(location, message, "give each its own id")
            first.setdefault(found, location)


@dataclass(frozen=True, slots=True)
class _Listener:
    location: Location
    name: str
    host: str
    port: int

    def clashes_with(self, other: _Listener) -> bool:
        everywhere = {"0.0.0.0", "::"}  # noqa: S104  (compared with, not bound)
        mine, theirs = _plain_host(self.host), _plain_host(other.host)
        same_host = mine == theirs or mine in everywhere or theirs in everywhere
        return self.port == other.port != 0 and same_host


def _plain_host(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def _listeners(parts: Parts) -> Iterator[_Listener]:
    for location, line in parts.lines:
        transport = line.transport
        if isinstance(transport, TcpListenSettings):
            place = (*location, "transport", "port")
            yield _Listener(place, f'the line "{line.id}"', transport.host, transport.port)
        if isinstance(line.relay, TcpListenSettings):
            place = (*location, "relay", "port")
            name = f'the relay of the line "{line.id}"'
            yield _Listener(place, name, line.relay.host, line.relay.port)
    for part in parts.connectors:
        own = getattr(part.settings, "transport", None)
        if isinstance(own, TcpListenSettings):
            place = (*part.location, "transport", "port")
            yield _Listener(place, f'the connector "{part.table.id}"', own.host, own.port)
        orders = getattr(part.settings, "orders", None)
        if orders is not None and hasattr(orders, "port"):
            name = f'orders of the connector "{part.table.id}"'
            yield _Listener((*part.location, "orders", "port"), name, orders.host, orders.port)
    address = parts.monitor.address if parts.monitor is not None else None
    if address is not None:
        yield _Listener(("monitor", "listen"), "[monitor]", address.host, address.port)


def _ports_are_unique(parts: Parts) -> Iterator[Problem]:
    seen: list[_Listener] = []
    for listener in _listeners(parts):
        other = next((one for one in seen if one.clashes_with(listener)), None)
        if other is not None:
            line = parts.loaded.locator.line_of(other.location)
            where = f" (line {line})" if line else ""
            message = f"port {listener.port} is taken by {other.name}{where}"
            yield parts.loaded.problem(listener.location, message, "choose another port")
        seen.append(listener)


def _one_line_dials_an_analyzer(parts: Parts) -> Iterator[Problem]:
    seen: dict[tuple[str, int], str] = {}
    for location, line in parts.lines:
        transport = line.transport
        if not isinstance(transport, TcpConnectSettings):
            continue
        target = (_plain_host(transport.host), transport.port)
        if target in seen:
            message = f'the line "{seen[target]}" connects to {target[0]}:{target[1]} already'
            cure = "most analyzers take one connection: remove one of the lines"
            place = (*location, "transport")
            yield parts.loaded.problem(place, message, cure, Weight.WARNING)
        seen.setdefault(target, line.id)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _open_listeners_are_told(parts: Parts) -> Iterator[Problem]:
    for location, line in parts.lines:
        transport = line.transport
        if not isinstance(transport, TcpListenSettings) or _is_loopback(transport.host):
            continue
        tls = transport.tls
        is_proved = tls is not None and tls.client_certificate == "required"
        if not transport.peers and not is_proved:
            message = f"anybody who reaches {transport.host}:{transport.port} can send results"
            cure = 'add peers = ["the analyzer\'s address"]'
            place = (*location, "transport")
            yield parts.loaded.problem(place, message, cure, Weight.WARNING)
    address = parts.monitor.address if parts.monitor is not None else None
    if address is not None and not _is_loopback(address.host):
        message = "metrics have no password and are open to the network"
        cure = "listen on 127.0.0.1, or let a firewall admit the monitoring system alone"
        place = ("monitor", "listen")
        yield parts.loaded.problem(place, message, cure, Weight.WARNING)


def _database_has_no_password(parts: Parts) -> Iterator[Problem]:
    if parts.node is None:
        return
    place = ("node", "database")
    if parts.node.database is None:
        if parts.node.database_password is not None:
            message = "a password, but no database is named"
            yield parts.loaded.problem(("node", "database_password"), message, "remove it")
        return
    url = urllib.parse.urlsplit(parts.node.database)
    if url.scheme.partition("+")[0] not in ("postgresql", "sqlite"):
        message = f"{url.scheme} is not a database that Labwire knows"
        yield parts.loaded.problem(place, message, "write postgresql+psycopg://user@host/name")
    if url.password is not None and place not in parts.loaded.secret_places:
        cure = 'write the URL without it and database_password = { env = "NAME" }'
        yield parts.loaded.problem(place, "a password stands in the settings text", cure)


def _routes_lead_somewhere(parts: Parts) -> Iterator[Problem]:
    for location, route in parts.routes:
        yield from _known_ids(parts, "connector", (*location, "to"), route.to)
        yield from _known_ids(parts, "line", (*location, "lines"), route.lines)
    for location, rule in parts.reflexes:
        yield from _known_ids(parts, "line", (*location, "lines"), rule.lines)


def _known_ids(
    parts: Parts, kind: str, location: Location, named: tuple[str, ...]
) -> Iterator[Problem]:
    known = [found for _, found in parts.ids_of(kind)]
    for number, one in enumerate(named):
        if one not in known:
            cure = did_you_mean(one, known, f"add [[{kind}]]")
            place = (*location, number)
            yield parts.loaded.problem(place, f'there is no {kind} "{one}"', cure)


def _everything_is_routed(parts: Parts) -> Iterator[Problem]:
    if not parts.routes:
        return
    for location, found in parts.ids_of("connector"):
        if not any(found in route.to for _, route in parts.routes):
            message = f'no route leads to the connector "{found}"'
            yield parts.loaded.problem(location, message, "add it to a route", Weight.WARNING)
    for location, found in parts.ids_of("line"):
        if not any(not route.lines or found in route.lines for _, route in parts.routes):
            message = f'no route takes results of the line "{found}": they stay here'
            yield parts.loaded.problem(location, message, "add a route", Weight.WARNING)


def _holding_lines_are_told(parts: Parts) -> Iterator[Problem]:
    for location, line in parts.lines:
        if line.release is ReleaseMode.HOLD_ALL and line.relay is None:  # a relay releases nothing
            message = f'every result of the line "{line.id}" waits for a person'
            cure = (
                "release = to_lis_unverified or auto, once its results are compared and signed for"
            )
            yield parts.loaded.problem((*location, "id"), message, cure, Weight.NOTE)


_RULES = (
    _says_something,
    _ids_are_unique,
    _ports_are_unique,
    _one_line_dials_an_analyzer,
    ports_have_one_line,
    answers_have_a_line,
    tubes_can_be_asked_for,
    orders_can_come,
    arrival_is_said,
    ports_have_stable_names,
    _open_listeners_are_told,
    _database_has_no_password,
    _routes_lead_somewhere,
    _everything_is_routed,
    _holding_lines_are_told,
    tls_can_work,
    folders_can_be_used,
    folders_are_one_lines,
    relays_can_work,
)


def _drivers(parts: Parts, catalogue: DriverSource) -> Iterator[Problem]:
    for broken in catalogue.broken:
        message = f"{broken.source} could not be loaded: {broken.problem}"
        cure = "repair or remove it; other drivers are not touched"
        yield parts.loaded.problem((), message, cure, Weight.WARNING)
    good = dict(parts.lines)
    for location, driver_id in parts.named_drivers():
        try:
            driver = catalogue.driver(driver_id)
        except MiddlewareError as error:
            message, _, nearest = str(error).partition("; ")
            place = (*location, "driver")
            yield parts.loaded.problem(place, message, nearest or error.what_to_do)
            continue
        if location in good:
            yield from _fits(parts, location, good[location], driver)


def _fits(
    parts: Parts, location: Location, line: LineSettings, driver: Driver
) -> Iterator[Problem]:
    kind = line.transport.type
    if not driver.profile.allows_transport(kind):
        place = (*location, "transport", "type")
        fitting = [one for one in TRANSPORT_TYPES if driver.profile.allows_transport(one)]
        cure = f"the analyzer takes: {', '.join(fitting)}" if fitting else "choose another driver"
        message = f'"{kind}" does not fit the driver {line.driver}'
        yield parts.loaded.problem(place, message, cure)
    yield from serial_settings_fit(parts, location, line, driver.profile)
    yield from serial_number_can_be_told(parts, location, line, driver)
    yield from work_can_be_sent(parts, location, line, driver)
    yield from reruns_can_be_asked_for(parts, line, driver)
    try:
        make_line_link(line, driver, NO_CONTEXT)
    except (MiddlewareError, ValueError, TypeError) as error:
        cure = getattr(error, "what_to_do", "") or "see the driver's README for its link options"
        place = _named_option((*location, "link"), line, str(error))
        yield parts.loaded.problem(place, str(error), cure)


def _named_option(place: Location, line: LineSettings, message: str) -> Location:
    """The option of the link that an error names, so that the problem stands on its line."""
    for key in line.link:
        if key in message or str(line.link[key]) in message:
            return (*place, key)
    return place
