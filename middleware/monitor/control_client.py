"""The other end of the control socket, for commands: blocking, standard library alone."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from middleware.errors import MiddlewareError

SOCKET_NAME = "control.sock"
LARGEST_LINE_BYTES = 4 * 1024 * 1024
DEFAULT_TIMEOUT_S = 30.0


class NoNodeRuns(MiddlewareError):
    """No node runs with this data folder. Start it with `labwire run`, or let the command do the work itself."""

    code = "no-node-runs"


class CommandFailed(MiddlewareError):
    """The running node refused the command, or did not answer. `reason` is its code."""

    code = "command-failed"

    def __init__(self, message: str, *, reason: str, what_to_do: str = "") -> None:
        super().__init__(message, what_to_do=what_to_do)
        self.reason = reason


def socket_path(data_dir: Path) -> Path:
    """Where the socket of the node with this data folder is."""
    return data_dir / SOCKET_NAME


def call(
    data_dir: Path,
    verb: str,
    arguments: Mapping[str, Any],
    author: str,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Any:
    """Ask the running node and return its answer. Raises NoNodeRuns or CommandFailed."""
    request = {"verb": verb, "arguments": dict(arguments), "author": author}
    with _connected(data_dir, timeout_s) as connection:
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _read_line(connection)
        except TimeoutError as error:
            raise CommandFailed(
                f"the node did not answer within {timeout_s:g} s",
                reason="no-answer",
                what_to_do="It may still do the work: look before you repeat the command.",
            ) from error
        except OSError as error:
            raise _broken_off() from error
    answer = json.loads(line)
    if answer["ok"]:
        return answer["answer"]
    raise CommandFailed(
        answer["error"], reason=answer.get("code", ""), what_to_do=answer.get("what_to_do", "")
    )


def _connected(data_dir: Path, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{SOCKET_NAME}")
        finally:
            os.close(folder)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        connection.close()
        raise NoNodeRuns(f"no node runs with {data_dir}", what_to_do="`labwire run`") from error
    except PermissionError as error:
        connection.close()
        raise CommandFailed(
            f"you may not open {socket_path(data_dir)}",
            reason="not-permitted",
            what_to_do="Give the command as the user that the node runs as.",
        ) from error
    except OSError as error:
        connection.close()
        raise CommandFailed(f"the node does not take commands: {error}", reason="busy") from error
    return connection


def _read_line(connection: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = connection.recv(65536)
        if not piece:
            raise _broken_off()
        line += piece
    return bytes(line)


def _broken_off() -> CommandFailed:
    return CommandFailed(
        "the node closed the connection before it answered",
        reason="no-answer",
        what_to_do="It may have done the work: look before you repeat the command.",
    )
