"""`labwire doctor`: whether this machine and this site are fit for what Labwire promises, and what to do if not."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from middleware import __version__
from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, JsonOption, Status
from middleware.cli.site import Site, open_site
from middleware.errors import MiddlewareError
from middleware.monitor.control_client import CommandFailed, NoNodeRuns
from middleware.settings.check import check
from middleware.settings.installed import installed_for
from middleware.settings.problems import errors_in
from middleware.store import meta
from middleware.store.engine import sqlite_library_note
from middleware.transport.base import TransportState

LOW_DISK_BYTES = 1024**3
SLOW_SYNC_S = 0.05
_SYNC_TRIALS = 8
_PEER_WAIT_S = 2.0
_ASK_THE_LIS = "Ask the LIS's people whether it runs; check host, port and firewall."


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that was looked at."""

    name: str
    is_good: bool
    text: str
    what_to_do: str = ""


def doctor(config: ConfigOption = DEFAULT_SETTINGS, as_json: JsonOption = False) -> None:
    """Look at the machine, the settings, the store and the peers. Exit status 1 when something is not good."""
    site = open_site(config)
    signs = [sign for look in _LOOKS for sign in look(site)]
    if as_json:
        show.document("signs", [asdict(sign) for sign in signs])
    else:
        for sign in signs:
            mark, style = ("good ", "green") if sign.is_good else ("wrong", "red")
            show.say(f"{mark}  {sign.name}: {sign.text}", style)
            if not sign.is_good and sign.what_to_do:
                show.say(f"       What to do: {sign.what_to_do}")
    if not all(sign.is_good for sign in signs):
        raise typer.Exit(Status.WRONG)


def _versions(_site: Site) -> Iterator[Sign]:
    python = platform.python_version()
    yield Sign("versions", True, f"Labwire {__version__}, Python {python}. {sqlite_library_note()}")


def _settings(site: Site) -> Iterator[Sign]:
    installed = installed_for(site.loaded.path)
    errors = errors_in(check(site.loaded, installed.catalogue, installed.connectors))
    text = f"{len(errors)} error(s)" if errors else "no errors"
    yield Sign("settings", not errors, text, "Run `labwire check`.")
    for broken in installed.catalogue.broken:
        yield Sign("drivers", False, f"{broken.source}: {broken.problem}", "Repair or remove it.")


def _data_folder(site: Site) -> Iterator[Sign]:
    folder = site.node.data_dir
    if not folder.is_dir():
        cure = "`labwire run` or `labwire db init` makes it."
        yield Sign("data folder", False, f"{folder} does not exist yet", cure)
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    is_open = bool(mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP))
    text = f"{folder} may be read or written by others (mode {mode:o})" if is_open else f"{folder}"
    yield Sign("data folder", not is_open, text, f"chmod 700 {folder}")
    if not os.access(folder, os.W_OK):
        cure = "Give commands as the user that the node runs as."
        yield Sign("data folder", False, f"you may not write to {folder}", cure)
        return
    yield _disk(folder)
    yield _sync(folder)


def _disk(folder: Path) -> Sign:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GiB free"
    return Sign("disk", free >= LOW_DISK_BYTES, text, "Free space on the disk of the data folder.")


def _sync(folder: Path) -> Sign:
    """What one commit costs here: an acknowledgement waits for it."""
    probe = folder / f".doctor-{os.getpid()}"
    times: list[float] = []
    try:
        with probe.open("wb") as file:
            for _ in range(_SYNC_TRIALS):
                started = time.monotonic()
                file.write(b"x" * 4096)
                file.flush()
                os.fdatasync(file.fileno())
                times.append(time.monotonic() - started)
    finally:
        probe.unlink(missing_ok=True)
    middle = sorted(times)[_SYNC_TRIALS // 2]
    cure = "A disk this slow delays every acknowledgement; use a local one."
    return Sign("commit time", middle < SLOW_SYNC_S, f"{middle * 1000:.1f} ms to sync", cure)


def _serial_ports(site: Site) -> Iterator[Sign]:
    """The serial ports of this machine that lines name: there, and open to this account."""
    tables = site.loaded.tables.get("line", [])
    for table in tables if isinstance(tables, list) else []:
        transport = table.get("transport") if isinstance(table, dict) else None
        if not isinstance(transport, dict) or transport.get("type") != "serial":
            continue
        port, name = Path(str(transport.get("port", ""))), f"serial port of line {table.get('id')}"
        if os.name == "nt":
            yield Sign(name, True, f"{port}; the device manager shows whether it is there")
        elif not port.exists():
            cure = "Plug the adapter in, or correct the name: `ls -l /dev/serial/by-id`."
            yield Sign(name, False, f"{port} is not there", cure)
        elif not os.access(port, os.R_OK | os.W_OK):
            cure = f"Add the account to the group that owns it (`ls -lL {port}`), usually dialout."
            yield Sign(name, False, f"this account may not read and write {port}", cure)
        else:
            yield Sign(name, True, f"{port} is there")


def _store(site: Site) -> Iterator[Sign]:
    try:
        identity = site.read(meta.identity)
    except MiddlewareError as error:
        yield Sign("store", False, str(error), error.what_to_do)
        return
    if identity is None:
        yield Sign("store", True, "never used by a node yet")
        return
    is_ours = identity.environment == site.node.environment.value
    text = f"store {identity.store_id} of a {identity.environment} node"
    yield Sign("store", is_ours, text, "Use another data_dir for each environment.")


def _node_and_peers(site: Site) -> Iterator[Sign]:
    try:
        status = site.ask_node("status")
    except NoNodeRuns:
        yield Sign("node", False, "no node runs", "Start it with `labwire run`.")
        yield from _tried_peers(site)
        return
    except CommandFailed as error:
        yield Sign("node", False, str(error), error.what_to_do)
        return
    yield Sign("node", True, "runs and answers")
    for warning in status["warnings"]:
        yield Sign(str(warning["code"]), False, str(warning["text"]), str(warning["what_to_do"]))
    for one in status["connectors"]:
        # The node's own word: many a LIS drops its peer when a second connection comes.
        text = f"{one['peer']} {one['state']}" + (
            f"; {one['last_error']}" if one["last_error"] else ""
        )
        text += "".join([f"; {one[way]}" for way in ("orders", "asked") if one.get(way)])
        is_open = one["state"] == TransportState.OPEN
        yield Sign(f"connector {one['connector']}", is_open, text, _ASK_THE_LIS)


def _tried_peers(site: Site) -> Iterator[Sign]:
    """With no node running, every connector that names a host and a port is tried, without sending anything."""
    tables = site.loaded.tables.get("connector", [])
    for table in tables if isinstance(tables, list) else []:
        host, port = table.get("host"), table.get("port")
        if not isinstance(host, str) or not isinstance(port, int):
            continue
        name = f"connector {table.get('id', '?')}"
        try:
            socket.create_connection((host, port), timeout=_PEER_WAIT_S).close()
            yield Sign(name, True, f"{host}:{port} takes connections")
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            yield Sign(name, False, f"{host}:{port} does not answer: {reason}", _ASK_THE_LIS)


_LOOKS: tuple[Callable[[Site], Iterator[Sign]], ...] = (
    _versions,
    _settings,
    _data_folder,
    _serial_ports,
    _store,
    _node_and_peers,
)
