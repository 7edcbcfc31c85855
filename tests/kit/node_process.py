"""Starts a whole node as a laboratory would: a settings file and `labwire run`, in a process of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_LIMIT_S = 30.0


# Below the range from which the system takes ports for outgoing connections.
_PORTS = iter(random.sample(range(20000, 32000), 12000))


def free_port() -> int:
    """A port that was free a moment ago; never the same one twice in a run."""
    for port in _PORTS:
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise AssertionError("no port is free any more")


def labwire(
    *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one `labwire` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "middleware.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(env or {})},
    )


@dataclass
class NodeProcess:
    """One node in `folder`. `lines` are (id, driver, port); more settings may be appended as TOML text."""

    folder: Path
    lines: Sequence[tuple[str, str, int]]
    lis_port: int
    release: str = "auto"
    extra: str = ""
    connector_extra: str = ""
    line_extra: str = ""
    data_dir: str = "var"
    monitor_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Path:
        return self.folder / "labwire.toml"

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    def write_settings(self) -> None:
        parts = [
            f'[node]\nname = "test-node"\nenvironment = "test"\ndata_dir = "{self.data_dir}"\n',
            f'[monitor]\nlisten = "127.0.0.1:{self.monitor_port}"\n',
        ]
        parts += [
            f'[[line]]\nid = "{line}"\ndriver = "{driver}"\nrelease = "{self.release}"\n'
            f'transport = {{ type = "tcp_listen", host = "127.0.0.1", port = {port} }}\n{self.line_extra}\n'
            for line, driver, port in self.lines
        ]
        parts.append(
            f'[[connector]]\nid = "lis"\ntype = "hl7_mllp"\nhost = "127.0.0.1"\nport = {self.lis_port}\n'
            f"{self.connector_extra}\n"
        )
        parts.append(self.extra)
        self.settings.write_text("\n".join(parts), encoding="utf-8")

    def start(self, env: Mapping[str, str] | None = None, wait: bool = True) -> NodeProcess:
        if not self.settings.exists():
            self.write_settings()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "middleware.cli", "run", "-c", str(self.settings)],
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        if wait:
            self.wait_until_listening()
        return self

    def wait_until_listening(self) -> None:
        until = time.monotonic() + START_LIMIT_S
        for _, _, port in self.lines:
            while not self._answers(port):
                if self.process is not None and self.process.poll() is not None:
                    raise AssertionError(f"the node ended: {self.log.read_text()[-2000:]}")
                if time.monotonic() > until:
                    raise AssertionError(
                        f"the node does not listen: {self.log.read_text()[-2000:]}"
                    )
                time.sleep(0.02)

    def kill(self) -> None:
        """kill -9: no warning, no goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """An orderly stop; returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`labwire <arguments> -c <this node's settings>`."""
        return labwire(*arguments, "-c", str(self.settings))

    def listing(self, *arguments: str) -> list[dict[str, Any]]:
        """The items of a `--json` listing."""
        done = self.command(*arguments, "--json")
        assert done.returncode in (0, 1), done.stderr
        return list(json.loads(done.stdout)["items"])

    @staticmethod
    def _answers(port: int) -> bool:
        """True when something listens there (looked up in the kernel's table: a probe would be an analyzer)."""
        wanted = f":{port:04X}"
        table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        return any(row.split()[1].endswith(wanted) and row.split()[3] == "0A" for row in table)
