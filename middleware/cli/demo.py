"""`labwire demo`: emulated analyzers, a node and an emulated LIS as processes of their own; and a verdict.

The LIS orders some tubes first; one of the analyzers asks for them and measures what it is given.

Ctrl-C, SIGTERM and a closed terminal only ask for the end; the demo looks for that between its steps, so that no
moment of it leaves a process behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import middleware
from middleware.errors import MiddlewareError, SettingsError
from middleware.model import StepState
from middleware.monitor.control_client import call
from middleware.store import order_views
from middleware.store.engine import database_url, open_readonly
from middleware.store.order_views import StepFilter

SETTINGS = Path(middleware.__file__).resolve().parents[1] / "config" / "demo.toml"
# Which emulator stands for each line's analyzer, and which scenario it plays; the line's transport says who dials.
ANALYZERS = {
    "chem-1": ("analyzer", "steady"),
    "chem-2": ("asking", ""),
    "haem-1": ("analyzer", "haematology"),
    "immuno-1": ("law", "steady"),
}
PLACES = {"tcp_listen": "--tcp", "tcp_connect": "--listen", "serial": "--serial"}
CABLE = "demo-cable"
ORDERED = "ORDERED-"
"""The ids of the tubes that the LIS orders begin so."""

TUBES = 20
GIVEN = frozenset({StepState.SENT, StepState.IN_PROCESS, StepState.RESULTED})
_PORT = re.compile(r"(port = |127\.0\.0\.1:)(\d+)")
TELL_EVERY_S = 5.0
START_LIMIT_S = 30.0
ORDER_LIMIT_S = 30.0
FINISH_LIMIT_S = 20.0
END_LIMIT_S = 15.0


@dataclass
class Demo:
    """I am responsible for the processes of one demo, and for nothing of them being left."""

    folder: Path
    children: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    may_finish: set[str] = field(default_factory=set)  # those whose work comes to an end

    @property
    def settings(self) -> Path:
        return self.folder / "demo.toml"

    @property
    def arrivals(self) -> Path:
        return self.folder / "arrivals.jsonl"

    @property
    def cable(self) -> tuple[Path, Path]:
        """The two ends of the serial cable: the node's, and the analyzer's."""
        return self.folder / CABLE, self.folder / f"{CABLE}-analyzer"

    def obligations(self, line: str) -> Path:
        return self.folder / f"{line}.obligations.jsonl"

    def spawn(self, name: str, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process; Ctrl-C reaches only the demo itself, which then ends them in good order."""
        command = [sys.executable, "-m", module, *arguments]
        child = subprocess.Popen(command, start_new_session=True)
        self.children.append((name, child))
        return child

    def end(self, names: Sequence[str] | None = None) -> None:
        """Stop the named processes (None: all that are left), latest first, and wait for them."""
        ending = [one for one in self.children if names is None or one[0] in names]
        for _, child in reversed(ending):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for name, child in reversed(ending):
            try:
                child.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                _say(f"{name} does not end, so it is killed")
                child.kill()
                child.wait()
        self.children = [one for one in self.children if one not in ending]

    def ended_early(self) -> str:
        """The name of a process that ended by itself and should not have, or ""."""
        ended = [
            (name, code) for name, child in self.children if (code := child.poll()) is not None
        ]
        return next((name for name, code in ended if code or name not in self.may_finish), "")


@dataclass
class Ending:
    """I am responsible for the signals that end a demo: the first asks for it, the others are answered in words."""

    is_asked: bool = False
    is_under_way: bool = False

    def listen(self) -> None:
        """Take the signals from now on."""
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, self._asked)

    def _asked(self, _number: int, _frame: object) -> None:
        if self.is_asked or self.is_under_way:
            _say("is stopping already; it waits for what is under way")
        self.is_asked = True


def demo(seconds: float | None) -> int:
    """Run until Ctrl-C, or for `seconds`; 0 when every emulated result reached the LIS exactly once, else 1."""
    ending = Ending()
    ending.listen()
    running = Demo(Path(tempfile.mkdtemp(prefix="labwire-demo-")))
    is_good = False
    try:
        is_good = _play(running, ending, seconds)
    finally:
        running.end()
        if is_good:
            shutil.rmtree(running.folder, ignore_errors=True)
        else:
            _say(f"what it left is in {running.folder}")
    return 0 if is_good else 1


def _play(running: Demo, ending: Ending, seconds: float | None) -> bool:
    tables = _write_settings(running)
    lines = _start(running, tables, ending)
    if not lines:
        _say("stopped while starting")
        return False
    failed = _run(running, ending, seconds)
    ending.is_under_way = True
    _say("stopping: first the analyzers, then the node and the LIS")
    is_good = _finish(running, lines)
    if failed:
        _say(f"NOT GOOD: {failed} ended by itself")
    return is_good and not failed


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more; the processes must still be ended
        print(f"demo: {text}", flush=True)


def _write_settings(running: Demo) -> dict[str, Any]:
    """The demo's settings with free ports and a data folder of its own."""
    if not SETTINGS.exists():
        raise SettingsError(
            "the demo needs config/demo.toml",
            what_to_do="Run it from a checkout of Labwire: make demo.",
        )
    text = _PORT.sub(_free, SETTINGS.read_text(encoding="utf-8"))
    text = text.replace('data_dir = "../var/demo"', 'data_dir = "data"')
    text = text.replace(f'"{CABLE}"', json.dumps(str(running.cable[0])))
    running.settings.write_text(text, encoding="utf-8")
    return tomllib.loads(text)


def _free(found: re.Match[str]) -> str:
    before, port = found.group(1), int(found.group(2))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            with socket.create_server(("127.0.0.1", 0)) as other:
                free = other.getsockname()[1]
            _say(f"port {port} is taken, using {free} instead")
            return f"{before}{free}"
    return found.group(0)


def _start(running: Demo, tables: dict[str, Any], ending: Ending) -> list[str]:
    """LIS and cable, then the node, then the analyzers; answers the lines' ids, none when the end was asked for."""
    lis = tables["connector"][0]
    address = f"{lis['host']}:{lis['port']}"
    running.spawn(
        "LIS", "emulators", "lis", "--listen", address, "--arrivals", str(running.arrivals)
    )
    _lay_cable(running, tables)
    running.spawn("node", "middleware.cli", "run", "-c", str(running.settings))
    if not _node_answers(running, ending) or not _order(running, lis, ending):
        return []
    command = os.path.relpath(Path(sys.executable).parent / "labwire")
    _say(
        "four emulated analyzers -> Labwire -> LIS: two ASTM over TCP, ASTM over serial, LAW over MLLP"
    )
    _say("quality control and host queries stay in Labwire; everything else goes on to the LIS")
    _say(f"the LIS ordered {TUBES} tubes: chem-2 asks for each, and measures what is ordered")
    _say(f"metrics  http://{tables['monitor']['listen']}/metrics")
    _say(f"look inside, while it runs:  {command} messages list -c {running.settings}")
    for line in tables["line"]:
        _start_analyzer(running, line)
    return [str(line["id"]) for line in tables["line"]]


def _order(running: Demo, lis: dict[str, Any], ending: Ending) -> bool:
    """The LIS orders its tubes, before anybody asks for them; False when the end was asked for meanwhile."""
    address = f"{lis['host']}:{lis['orders']['port']}"
    words = ("--tcp", address, "--count", str(TUBES), "--prefix", ORDERED, "--processing-id", "T")
    orders = running.spawn("LIS that orders", "emulators", "orders", *words, "--quiet")
    until = time.monotonic() + ORDER_LIMIT_S
    while orders.poll() is None:
        if ending.is_asked:
            return False
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    running.end(["LIS that orders"])
    if orders.returncode or not _ordered(running):
        raise MiddlewareError(
            "the demo's orders were not taken", what_to_do="Read its lines above."
        )
    return True


def _lay_cable(running: Demo, tables: dict[str, Any]) -> None:
    """Two serial ports joined by a cable, for a line that has one; the node opens its end when it is there."""
    for line in tables["line"]:
        if line["transport"]["type"] == "serial":
            ends = [str(end) for end in running.cable]
            baud = str(line["transport"]["baud"])
            running.spawn("cable", "emulators", "null-modem", "--baud", baud, "--links", *ends)


def _start_analyzer(running: Demo, line: dict[str, Any]) -> None:
    transport = line["transport"]
    command, scenario = ANALYZERS[line["id"]]
    place = [PLACES[transport["type"]], f"127.0.0.1:{transport['port']}"]
    if transport["type"] == "serial":
        place = ["--serial", str(running.cable[1]), "--baud", str(transport["baud"])]
    name = f"analyzer {line['id']}"
    course = ["--scenario", scenario, "--prefix", f"{line['id'].upper()}-"]  # tubes of its own
    if command == "asking":
        course = ["--count", str(TUBES), "--prefix", ORDERED]
        running.may_finish.add(name)
    kept = ["--obligations", str(running.obligations(line["id"]))]
    running.spawn(name, "emulators", command, line["id"], *place, *course, *kept)


def _node_answers(running: Demo, ending: Ending) -> bool:
    """Wait until it does; False when the end was asked for meanwhile."""
    until = time.monotonic() + START_LIMIT_S
    while not _status(running):
        if ending.is_asked:
            return False
        if running.ended_early() or time.monotonic() > until:
            raise MiddlewareError(
                "the demo's node did not start", what_to_do="Read its lines above."
            )
        time.sleep(0.1)
    return True


def _status(running: Demo) -> dict[str, Any]:
    """What the node says of itself; empty while it does not answer."""
    try:
        return dict(call(running.folder / "data", "status", {}, "demo", timeout_s=5.0))
    except MiddlewareError:
        return {}


def _run(running: Demo, ending: Ending, seconds: float | None) -> str:
    """Tell how it goes until the time is up or the end is asked for; answers who ended by itself, or ""."""
    started = told = time.monotonic()
    while not ending.is_asked and (seconds is None or time.monotonic() - started < seconds):
        if name := running.ended_early():
            return name
        time.sleep(0.1)
        if time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            _say(_sentence(_status(running)))
    return ""


def _sentence(status: dict[str, Any]) -> str:
    if not status:
        return "the node does not answer"
    received = sum(line["messages"] for line in status["lines"])
    counts = status["connectors"][0]["messages"]
    warnings = ", ".join(one["title"] for one in status["warnings"]) or "no warnings"
    return (
        f"{received} messages received, {counts.get('accepted', 0)} accepted by the LIS, "
        f"{counts.get('waiting', 0)} on their way; {warnings}"
    )


def _ordered(running: Demo) -> list[dict[str, Any]]:
    """The tests that the LIS ordered, as they stand."""
    engine = open_readonly(database_url(running.folder / "data", None))
    try:
        with engine.connect() as conn:
            return order_views.listing(conn, StepFilter(limit=10_000))
    finally:
        engine.dispose()


def _sentence_of_orders(running: Demo) -> str:
    rows = _ordered(running)
    given = sum(row["state"] in GIVEN for row in rows)
    back = sum(row["state"] == StepState.RESULTED for row in rows)
    return f"{len(rows)} tests ordered by the LIS, {given} given to chem-2 when it asked, {back} came back"


def _finish(running: Demo, lines: Sequence[str]) -> bool:
    """Let what is under way arrive, stop everything, and ask the oracle."""
    running.end([f"analyzer {line}" for line in lines])
    _wait_until(lambda: _is_drained(_status(running)))
    status = _status(running)
    _say(_sentence(status))
    _say(_sentence_of_orders(running))
    running.end(["node"])  # before the cable is pulled
    running.end()
    obligations = [
        part for line in lines for part in ("--obligations", str(running.obligations(line)))
    ]
    command = [sys.executable, "-m", "emulators", "verdict", *obligations]
    verdict = subprocess.run(
        [*command, "--arrivals", str(running.arrivals)], check=False, start_new_session=True
    )
    has_flowed = bool(status) and status["connectors"][0]["messages"].get("accepted", 0) > 0
    is_good = verdict.returncode == 0 and has_flowed
    if is_good:
        _say("GOOD: every emulated result reached the LIS exactly once")
    elif not has_flowed:
        _say("NOT GOOD: it ended before anything reached the LIS")
    else:
        _say("NOT GOOD: the verdict above names what is missing, changed or twice at the LIS")
    return is_good


def _is_drained(status: dict[str, Any]) -> bool:
    """Nothing waits to be processed or to be delivered."""
    if not status:
        return True
    waiting = sum(one["messages"].get("waiting", 0) for one in status["connectors"])
    return not waiting and not status["store"]["has_messages_to_process"]


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + FINISH_LIMIT_S
    while not is_so() and time.monotonic() < until:
        time.sleep(0.2)
