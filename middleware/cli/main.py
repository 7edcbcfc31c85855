"""The command `labwire`: its verbs as one table, and what becomes of errors (sentences and exit statuses)."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from middleware import __version__
from middleware.cli import check, config, db, doctor, drivers, lines, messages, outbox, results
from middleware.cli import status as status_verb
from middleware.cli.options import DEFAULT_SETTINGS, ConfigOption, Status, author_or_login
from middleware.cli.show import tell_error
from middleware.errors import MiddlewareError
from middleware.observe import log
from middleware.store.trouble import is_store_trouble, not_writable

app = typer.Typer(
    name="labwire",
    help="The wire between a laboratory's analyzers and its LIS.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"labwire {__version__}\n")
        raise typer.Exit


@app.callback()
def labwire(
    _version_asked: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """The wire between a laboratory's analyzers and its LIS."""


def run(config: ConfigOption = DEFAULT_SETTINGS) -> None:
    """Run the node until Ctrl-C or SIGTERM."""
    from middleware.cli import run as verb  # loads everything a node needs: other verbs stay quick

    raise typer.Exit(verb.run(config, author_or_login(None)))


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End by itself after so many seconds.")
    ] = None,
) -> None:
    """Run the main job on this machine: emulated analyzers, the node, an emulated LIS."""
    from middleware.cli import demo as verb

    raise typer.Exit(verb.demo(seconds))


for _name, _verb in (
    ("run", run),
    ("demo", demo),
    ("check", check.check),
    ("status", status_verb.status),
    ("doctor", doctor.doctor),
    ("lines", lines.lines),
):
    app.command(_name)(_verb)
for _name, _group in (
    ("messages", messages.app),
    ("results", results.app),
    ("outbox", outbox.app),
    ("drivers", drivers.app),
    ("config", config.app),
    ("db", db.app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """Run one command. A person's mistake is told in sentences, never with a trace."""
    log.configure(logging.WARNING)  # a command's output is its own; `run` says more
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell expects after Ctrl-C
    except MiddlewareError as error:
        tell_error(error)
        sys.exit(Status.WRONG)
    except Exception as error:
        if not is_store_trouble(error):
            raise  # a fault of ours: its trace belongs in the report
        tell_error(not_writable(error))
        sys.exit(Status.WRONG)
