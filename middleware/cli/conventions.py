"""What every command agrees on, `labwire run` included: exit statuses, the settings file, the author's name."""

from __future__ import annotations

import getpass
import os
from enum import IntEnum
from pathlib import Path

DEFAULT_SETTINGS = Path("labwire.toml")
SETTINGS_VARIABLE = "LABWIRE_CONFIG"


class Status(IntEnum):
    """Exit statuses of every command (DESIGN 8.2)."""

    GOOD = 0
    WRONG = 1  # something is wrong with the laboratory's data or setup
    USAGE = 2  # the command was given wrongly
    INTERRUPTED = 130  # what a shell expects after Ctrl-C


def author_or_login(author: str | None) -> str:
    """The name for the audit trail."""
    if author:
        return author
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry in the password database
        return f"uid {os.getuid()}"
