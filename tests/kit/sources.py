"""Reads Python sources as syntax trees for the architecture tests; nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.kit.places import PACKAGES, ROOT, own_files


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its place (for people), its tree and its length."""

    name: str
    place: str
    tree: ast.Module
    line_count: int
    is_package: bool


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: `module` as written, `member` taken from it ("" for a plain import)."""

    line: int
    module: str
    member: str

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.member}" if self.member else self.module


def module_from_text(name: str, text: str, place: str = "", is_package: bool = False) -> Module:
    """A module from its text; made-up ones prove that a rule can fail."""
    tree = ast.parse(text, filename=place or name)
    return Module(name, place or f"<{name}>", tree, len(text.splitlines()), is_package)


def module_from_file(path: Path) -> Module:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    text = path.read_text(encoding="utf-8")
    return module_from_text(name, text, str(path.relative_to(ROOT)), is_package)


@cache
def modules_of(*tops: str) -> tuple[Module, ...]:
    """Every module below the named folders of the project (all packages when none is named)."""
    folders = [ROOT / top for top in (tops or PACKAGES) if (ROOT / top).is_dir()]
    return tuple(
        module_from_file(path)
        for folder in folders
        for path in own_files(folder)
        if path.suffix == ".py"
    )


def imports_of(module: Module) -> Iterator[Import]:
    """Every import, also inside functions and under TYPE_CHECKING: a direction is a direction.

    A relative import is given with its leading dots, so that it matches nothing and is reported.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                yield Import(node.lineno, origin, alias.name)


def target_of(found: Import, known: Iterable[str]) -> str:
    """The module that an import reaches: its member if that is a module, else its origin."""
    return found.dotted if found.member and found.dotted in known else found.module


def dotted_name(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain; "" when it is anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        origin = dotted_name(node.value)
        return f"{origin}.{node.attr}" if origin else ""
    return ""
