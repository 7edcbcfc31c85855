"""How big a piece of code may be (DESIGN rule 24), measured on syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tests.kit.sources import Module, dotted_name

MODULE_LINES = 400
TABLE_LINES = 600
FUNCTION_LINES = 40
NESTING = 3
ARGUMENTS = 5  # without self or cls; more become a dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef

_DEEPER = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
_OWN_MEASURE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_RE_EXPORTS = (ast.Import, ast.ImportFrom)
_PACKAGE_NAMES = frozenset({"__all__", "__version__"})
_ON_THE_COMMAND_LINE = ("command", "callback")


def faults_of_sizes(modules: Iterable[Module]) -> list[str]:
    """Whatever is too big, as `file:line: what and how much`."""
    return [fault for module in modules for fault in _faults_of(module)]


def faults_of_lengths(modules: Iterable[Module]) -> list[str]:
    """Only the modules that are too long."""
    return [fault for module in modules for fault in _faults_of_length(module)]


def is_table(module: Module) -> bool:
    """A module of data alone: it is called `tables`, or it has no function at all."""
    if module.name.rsplit(".", 1)[-1] == "tables":
        return True
    return not any(isinstance(node, Function) for node in ast.walk(module.tree))


def nesting_of(function: Function) -> int:
    """How deep statements stand in statements; `elif` is as deep as its `if`, `match` one level."""
    return _depth(function.body)


def argument_count(function: Function) -> int:
    """Arguments that a caller gives by hand: without self, cls, *args and **kwargs."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(1 for argument in named if argument.arg not in ("self", "cls"))


def _faults_of(module: Module) -> Iterator[str]:
    yield from _faults_of_length(module)
    if module.is_package:
        yield from _faults_of_package(module)
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield from _faults_of_function(module.place, node)


def _faults_of_length(module: Module) -> Iterator[str]:
    allowed = TABLE_LINES if is_table(module) else MODULE_LINES
    if module.line_count > allowed:
        yield f"{module.place}:1: {module.line_count} lines, {allowed} allowed"


def _faults_of_function(place: str, function: Function) -> Iterator[str]:
    where = f"{place}:{function.lineno}: {function.name}"
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if lines > FUNCTION_LINES:
        yield f"{where} has {lines} lines, {FUNCTION_LINES} allowed"
    if (depth := nesting_of(function)) > NESTING:
        yield f"{where} nests {depth} deep, {NESTING} allowed"
    if (count := argument_count(function)) > ARGUMENTS and not _is_command(function):
        yield f"{where} takes {count} arguments, {ARGUMENTS} allowed: make a dataclass"


def _faults_of_package(module: Module) -> Iterator[str]:
    for node in module.tree.body[1 if ast.get_docstring(module.tree) else 0 :]:
        if not isinstance(node, _RE_EXPORTS) and not _names_the_package(node):
            yield f"{module.place}:{node.lineno}: __init__.py holds more than re-exports"


def _names_the_package(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return False
    return all(dotted_name(target) in _PACKAGE_NAMES for target in targets)


def _is_command(function: Function) -> bool:
    """A command's arguments are the options that a person may type: no dataclass replaces them.

    A function `command` is given to the table of commands by another module.
    """
    if function.name == "command":
        return True
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if dotted_name(called).rsplit(".", 1)[-1] in _ON_THE_COMMAND_LINE:
            return True
    return False


def _depth(body: Iterable[ast.AST]) -> int:
    return max((_depth_of(node) for node in body), default=0)


def _depth_of(node: ast.AST) -> int:
    if isinstance(node, _OWN_MEASURE):
        return 0
    if isinstance(node, ast.Match):
        return 1 + max((_depth(case.body) for case in node.cases), default=0)
    if not isinstance(node, _DEEPER):
        return _depth(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt))
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return max(1 + _depth(node.body), _depth_of(node.orelse[0]))
    parts = [*node.body, *getattr(node, "orelse", []), *getattr(node, "finalbody", [])]
    for caught in getattr(node, "handlers", []):
        parts.extend(caught.body)
    return 1 + _depth(parts)
