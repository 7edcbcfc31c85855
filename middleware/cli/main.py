"""The command `labwire`: which part of it is loaded, and what becomes of errors (sentences and exit statuses).

A node runs for months, so `labwire run` loads nothing that only commands for people need: no command line, no tables.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from middleware.cli.conventions import DEFAULT_SETTINGS, SETTINGS_VARIABLE, Status
from middleware.errors import MiddlewareError


def main() -> None:
    """Run one command. A person's mistake is told in sentences, never with a trace."""
    try:
        sys.exit(_command(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(Status.INTERRUPTED)
    except BrokenPipeError:  # `labwire messages list | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Status.GOOD)
    except MiddlewareError as error:
        sys.exit(_told(error))
    except Exception as error:
        from middleware.store.trouble import is_store_trouble, not_writable

        if not is_store_trouble(error):
            raise  # a fault of ours: its trace belongs in the report
        sys.exit(_told(not_writable(error)))


def plain_run(words: Sequence[str]) -> Path | None:
    """The settings file when `words` are just `run` and the file; None for everything else."""
    match words:
        case ["run"]:
            return Path(os.environ.get(SETTINGS_VARIABLE) or DEFAULT_SETTINGS)
        case ["run", "-c" | "--config", name] if not name.startswith("-"):
            return Path(name)
    return None


def _command(words: Sequence[str]) -> int:
    settings = plain_run(words)
    if settings is not None:
        from middleware.cli.run import run

        return run(settings)
    from middleware.cli.verbs import application
    from middleware.observe import log

    log.configure(logging.WARNING)  # a command's output is its own; `run` says more
    application(words)()
    return Status.GOOD


def _told(error: MiddlewareError) -> Status:
    from middleware.cli.show import tell_error

    tell_error(error)
    return Status.WRONG
