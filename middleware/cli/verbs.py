"""The verbs of `labwire` as one table; only the module of the verb that is asked for is loaded."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from middleware import __version__
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption

# In the order of the help. A group of verbs is an `app` of its own.
VERBS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "init"),
    "check": ("check", "check"),
    "run": ("verbs", "run"),
    "demo": ("verbs", "demo"),
    "status": ("status", "status"),
    "doctor": ("doctor", "doctor"),
    "lines": ("lines", "lines"),
    "messages": ("messages", "app"),
    "results": ("results", "app"),
    "calls": ("calls", "app"),
    "specimens": ("specimens", "app"),
    "stop-release": ("stop_release", "stop_release"),
    "resume-release": ("stop_release", "resume_release"),
    "orders": ("orders", "app"),
    "patients": ("patients", "app"),
    "prior": ("prior", "app"),
    "outbox": ("outbox", "app"),
    "capture": ("capture", "app"),
    "relay": ("relay", "app"),
    "drivers": ("drivers", "app"),
    "codes": ("codes", "app"),
    "qc": ("qc", "app"),
    "rules": ("rules", "app"),
    "config": ("config", "app"),
    "db": ("db", "app"),
}


def application(words: Sequence[str]) -> typer.Typer:
    """What runs `words`: with the one verb they begin with, or with all of them (help, a misspelt verb)."""
    app = typer.Typer(
        name="labwire",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(labwire)
    wanted = words[0] if words else ""
    for name in [wanted] if wanted in VERBS else VERBS:
        module, attribute = VERBS[name]
        verb = getattr(import_module(f"middleware.cli.{module}"), attribute)
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=name)
        else:
            app.command(name)(verb)
    return app


def _version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"labwire {__version__}\n")
        raise typer.Exit


def labwire(
    _version_asked: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """The wire between a laboratory's analyzers and its LIS.

    Exit status: 0 good, 1 something is wrong with the laboratory's data or setup, 2 wrong usage.
    """


def run(config: ConfigOption = DEFAULT_SETTINGS) -> None:
    """Run the node until Ctrl-C or SIGTERM."""
    from middleware.cli.run import run as verb

    raise typer.Exit(verb(config))


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End by itself after so many seconds.")
    ] = None,
) -> None:
    """Run the main job on this machine: emulated analyzers, the node, an emulated LIS."""
    from middleware.cli.demo import demo as verb

    raise typer.Exit(verb(seconds))
