"""Where things are: the project's root, its files, and the read-only material of some tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = ("middleware", "drivers", "emulators")

# Made by tools or by a running node, never part of the project.
_NOT_OURS = frozenset(
    {".git", ".venv", "build", "dist", "var", "__pycache__", "node_modules", ".hypothesis"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


def own_files(top: Path = ROOT) -> Iterator[Path]:
    """Every file of the project below `top`, in a stable order; works without git."""
    for entry in sorted(top.iterdir()):
        if entry.name in _NOT_OURS or entry.name.endswith(".egg-info"):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from own_files(entry)
        elif entry.is_file():
            yield entry


def shared_folder() -> Path | None:
    """The real recordings and load tools: `LABWIRE_SHARED`, or `shared` beside the project."""
    named = os.environ.get("LABWIRE_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    return folder if folder.is_dir() else None


def shared_path(relative: str) -> Path:
    """A file or folder of the shared material; skips the test, by name, where there is none."""
    folder = shared_folder()
    if folder is None or not (folder / relative).exists():
        pytest.skip(f"{relative} is not here (set LABWIRE_SHARED to the folder that holds it)")
    return folder / relative
