"""Reads a lock file of pip: every package with its one version and its hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
_OPTION = re.compile(r"\s--hash=\S*")


@dataclass(slots=True)
class Locked:
    """One package of a lock file: its version, and the hashes of which a download must have one."""

    name: str
    version: str
    hashes: list[str] = field(default_factory=list)


def locked_packages(text: str) -> dict[str, Locked]:
    """Every package by its canonical name. Raises ValueError for a line that pins nothing."""
    found: dict[str, Locked] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement = Requirement(_OPTION.sub("", line).strip())
        pins = [pin.version for pin in requirement.specifier if pin.operator == "=="]
        if len(pins) != 1 or requirement.url:
            raise ValueError(f"not pinned to one version: {line.strip()[:60]}")
        name = canonicalize_name(requirement.name)
        found[name] = Locked(name, pins[0], _HASH.findall(line))
    return found


def read_lock(path: Path) -> dict[str, Locked]:
    return locked_packages(path.read_text(encoding="utf-8"))
