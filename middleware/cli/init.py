"""`labwire init`: writes a first settings file, commented, for one analyzer and one LIS."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from middleware.cli import show
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption
from middleware.errors import SettingsError
from middleware.setup import Environment

STARTER = """\
# Labwire: one analyzer and one LIS, to start from. `labwire check` says what is wrong, `labwire config show` shows
# every setting with its default. What is not understood is refused, so nothing here is ignored silently.

[node]
name = "{name}"
environment = "{environment}"     # production, test or training: what the results are worth; the LIS is told
data_dir = "var"                  # the store lies here, beside this file
# time_zone = "Europe/Berlin"     # of the analyzers' clocks and of times sent to the LIS; else UTC

# One analyzer. Repeat the table for each.
[[line]]
id = "analyzer-1"
driver = "generic_astm"           # `labwire drivers list` shows the others
release = "hold_all"              # every result waits for a person; later "auto" or "to_lis_unverified"
# The analyzer connects to us. On the network: host = our address there, peers = ["the analyzer's address"].
transport = {{ type = "tcp_listen", host = "127.0.0.1", port = 4010 }}
# We connect to the analyzer:
# transport = {{ type = "tcp_connect", host = "10.1.2.3", port = 4010 }}
# It asks what is ordered for a tube; results that nobody ordered wait for a person:
# orders = {{ unordered = "hold" }}  # it does not ask and waits to be told: {{ download = "on_order" }}

# The LIS: HL7 v2 over MLLP.
[[connector]]
id = "lis"
type = "hl7_mllp"
host = "127.0.0.1"
port = 2576
# orders = {{ port = 2577 }}        # the LIS also sends orders, to this port of ours

[monitor]
listen = "127.0.0.1:9464"         # /metrics, /healthz and /readyz; no password: keep it on loopback
"""


def init(
    config: ConfigOption = DEFAULT_SETTINGS,
    name: Annotated[str, typer.Option(help="Name of the node.")] = "my-lab",
    environment: Annotated[
        Environment, typer.Option(help="What the results are worth.")
    ] = Environment.TEST,
) -> None:
    """Write a commented settings file to start from. Never overwrites one."""
    if not re.fullmatch(r"[\w .-]{1,60}", name):
        raise typer.BadParameter(
            "letters, digits, space, . - and _, at most 60", param_hint="--name"
        )
    _write(config, STARTER.format(name=name, environment=environment.value))
    show.say(f"Wrote {config}.", "green")
    given = "" if config == DEFAULT_SETTINGS else f" -c {config}"
    show.say(
        "Next: set driver, transport and the LIS's address in it, then\n"
        f"  labwire check{given}   says what is still wrong\n"
        f"  labwire run{given}     starts the node"
    )


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SettingsError(
            f"{path} exists; nothing was written",
            what_to_do="Edit it, or name another file with -c FILE.",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}",
            what_to_do="Check the folder and its permissions, or name another file with -c FILE.",
        ) from error
