"""The table of DESIGN 2.1 as data, and the reading of it: who may import what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.kit.sources import Import, Module, dotted_name, imports_of, target_of

# The layer of every unit; the longest prefix counts. A package that is not here is reported: give
# it a layer in DESIGN 2.1 and here before it is written.
LAYERS: Mapping[str, int] = {
    "middleware.errors": 0,
    "middleware.clock": 0,
    "middleware.failpoints": 0,
    "middleware.observe": 0,
    "middleware.wire": 1,
    "middleware.model": 2,
    "middleware.anonymise": 3,
    "middleware.driver": 3,
    "middleware.payload": 3,
    "middleware.transport": 3,
    "middleware.store": 3,
    "middleware.review": 4,
    "middleware.qc": 4,
    "middleware.calculated": 4,
    "middleware.routing": 4,
    "middleware.rules": 4,
    "middleware.delivery": 4,
    "middleware.draft": 4,
    "drivers": 4,
    "middleware.line": 5,
    "middleware.pipeline": 5,
    "middleware.setup": 5,
    "middleware.connectors": 5,
    "middleware.node": 6,
    "middleware.settings": 6,
    "middleware.monitor": 6,
    "middleware.console": 6,
    "middleware.cli": 6,
    "emulators": 6,
}

# Units whose whole list of other units is short; everything else of ours is forbidden to them.
ONLY: Mapping[str, frozenset[str]] = {
    "middleware.wire": frozenset({"middleware.errors"}),
    "middleware.model": frozenset({"middleware.errors"}),
    "drivers": frozenset(
        {"middleware.driver", "middleware.wire", "middleware.model", "middleware.errors"}
    ),
    "emulators": frozenset(
        {"middleware.wire", "middleware.model", "middleware.driver", "middleware.payload"}
        | {"middleware.transport", "middleware.clock", "middleware.errors"}
    ),
}

# Pairs that never meet, in either direction: `node` wires who is woken.
APART = (("middleware.line", "middleware.pipeline"),)

# Modules of `middleware.connectors` that are no connector: what several of them share.
SHARED_BY_CONNECTORS = frozenset(
    {"order_settings", "order_desk", "http_settings", "http_client", "http_over_tls", "http_sender"}
)

# Where a third-party package may appear (prefixes of module names).
PLACES: Mapping[str, tuple[str, ...]] = {
    "twisted": (
        "middleware.transport",
        "middleware.store.writer",
        "middleware.store.reader",
        "middleware.line",
        "middleware.delivery",
        "middleware.connectors",
        "middleware.pipeline.worker",
        "middleware.node",
        "middleware.monitor",
        "middleware.cli",
        "emulators",
    ),
    "sqlalchemy": ("middleware.store", "middleware.connectors.database"),
    "alembic": ("middleware.store",),
    "fastapi": ("middleware.console",),
    "starlette": ("middleware.console",),
    "uvicorn": ("middleware.console",),
    "serial": ("middleware.transport", "emulators"),
    "asyncio": (),
}

# The reactor is an argument everywhere else (DESIGN rule 19).
REACTOR_PLACES = ("middleware.cli", "emulators.__main__", "emulators.running")

# Wall time is read in one place (DESIGN 6.14); everyone else is given a Clock.
WALL_CLOCK = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today")
WALL_CLOCK_PLACES = ("middleware.clock",)

# No clock, socket, log, thread, random or file here (DESIGN rule 4).
PURE = (
    "middleware.wire",
    "middleware.model",
    "middleware.review",
    "middleware.qc",
    "middleware.calculated",
    "middleware.routing",
    "middleware.rules",
    "middleware.payload",
    "middleware.draft",
)
IMPURE_MODULES = frozenset(
    {"asyncio", "concurrent", "fcntl", "glob", "io", "logging", "multiprocessing", "os", "pathlib"}
    | {"queue", "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl"}
    | {"socketserver", "sqlite3", "structlog", "subprocess", "tempfile", "threading", "time"}
    | {"twisted", "sqlalchemy", "serial", "prometheus_client", "uuid", "urllib", "http"}
)
IMPURE_CALLS = frozenset({"open", "print", "input"})

# The wire core imports nothing but the standard library; the longest prefix counts. XML is the one exception: refusing
# hostile documents is a well-kept library's work, and an acknowledgement needs the identifier inside the document.
THIRD_PARTY_OF: Mapping[str, frozenset[str]] = {
    "middleware.wire": frozenset(),
    "middleware.wire.poct1a": frozenset({"defusedxml"}),
    "middleware.model": frozenset({"pydantic", "pydantic_core"}),
}

_OURS = ("middleware", "drivers", "emulators", "tests")


def is_in(name: str, prefix: str) -> bool:
    """`name` is that module or lies below it."""
    return name == prefix or name.startswith(prefix + ".")


def unit_of(name: str) -> str | None:
    """The unit of the table that a module belongs to."""
    return max((unit for unit in LAYERS if is_in(name, unit)), key=len, default=None)


def faults_of_imports(modules: Sequence[Module]) -> list[str]:
    """Every import that breaks the table, as `file:line: what`, and circles of modules or units."""
    known = {module.name for module in modules}
    faults = []
    for module in modules:
        for found in imports_of(module):
            target = target_of(found, known)
            why = _why_not(module.name, found, target)
            if why:
                faults.append(f"{module.place}:{found.line}: {module.name} -> {target}: {why}")
        faults.extend(_faults_of_calls(module))
    return faults + _circles(modules, known)


def _why_not(name: str, found: Import, target: str) -> str:
    if target.startswith("."):
        return "imports are absolute"
    if target.split(".", maxsplit=1)[0] in _OURS:
        return _why_not_ours(name, target)
    return _why_not_foreign(name, found)


def _why_not_ours(name: str, target: str) -> str:
    unit, other = unit_of(name), unit_of(target)
    if target == "middleware" or (unit is not None and unit == other):
        return _why_not_connector(name, target)
    if unit is None or other is None:
        lost = name if unit is None else target
        return f"{lost} has no layer in the table (or is not for installed code)"
    if is_in(name, "middleware") and not is_in(target, "middleware"):
        return "middleware discovers plug-ins, it never imports them"
    if unit in ONLY and other not in ONLY[unit]:
        return f"{unit} may import only {', '.join(sorted(ONLY[unit]))}"
    if any({unit, other} == set(pair) for pair in APART):
        return "these two never import each other; node wires them"
    if LAYERS[other] > LAYERS[unit]:
        return f"imports point down: layer {LAYERS[unit]} may not import layer {LAYERS[other]}"
    return _why_not_connector(name, target)


def _why_not_connector(name: str, target: str) -> str:
    """A concrete connector is imported by itself alone; others find it through its entry point."""
    parts = target.split(".")
    if parts[:2] != ["middleware", "connectors"] or len(parts) == 2:
        return ""
    if parts[2] in SHARED_BY_CONNECTORS and is_in(name, "middleware.connectors"):
        return ""
    return "" if is_in(name, ".".join(parts[:3])) else "a concrete connector is discovered"


def _why_not_foreign(name: str, found: Import) -> str:
    top = found.module.split(".")[0]
    places = PLACES.get(top)
    if places is not None and not any(is_in(name, place) for place in places):
        return f"{top} has no place here"
    if any(is_in(name, unit) for unit in PURE) and top in IMPURE_MODULES:
        return "no clock, socket, log, thread, random or file here"
    bounds = [unit for unit in THIRD_PARTY_OF if is_in(name, unit)]
    if bounds and top not in sys.stdlib_module_names:
        unit = max(bounds, key=len)
        if top not in THIRD_PARTY_OF[unit]:
            return f"{unit} does not know {top}"
    if is_in(found.dotted, "twisted.internet.reactor"):
        return "" if any(is_in(name, place) for place in REACTOR_PLACES) else "pass the reactor in"
    if found.dotted in WALL_CLOCK and name not in WALL_CLOCK_PLACES:
        return "wall time comes from middleware.clock"
    return ""


def _faults_of_calls(module: Module) -> Iterator[str]:
    is_pure = any(is_in(module.name, unit) for unit in PURE)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted_name(node.func)
        reads_wall = called.removeprefix("datetime.") in WALL_CLOCK or called in WALL_CLOCK
        if reads_wall and module.name not in WALL_CLOCK_PLACES:
            yield f"{module.place}:{node.lineno}: {called}(): wall time comes from middleware.clock"
        if is_pure and called in IMPURE_CALLS:
            yield f"{module.place}:{node.lineno}: {called}(): no file and no terminal here"


def _circles(modules: Sequence[Module], known: Iterable[str]) -> list[str]:
    graph: dict[str, set[str]] = {}
    units: dict[str, set[str]] = {}
    known = set(known)
    for module in modules:
        targets = {target_of(found, known) for found in imports_of(module)} & known
        graph[module.name] = targets - {module.name}
        unit = unit_of(module.name)
        if unit is not None:
            others = {other for target in targets if (other := unit_of(target))}
            units.setdefault(unit, set()).update(others - {unit})
    return [
        f"circle of {what}: {' -> '.join(circle)}"
        for what, edges in (("modules", graph), ("units", units))
        if (circle := first_circle(edges))
    ]


def first_circle(edges: Mapping[str, set[str]]) -> list[str]:
    """One circle in a directed graph, its first node again at the end; empty if there is none."""
    done: set[str] = set()
    for start in sorted(edges):
        circle = _circle_from(start, edges, done, [])
        if circle:
            return circle
    return []


def _circle_from(
    node: str, edges: Mapping[str, set[str]], done: set[str], path: list[str]
) -> list[str]:
    if node in path:
        return [*path[path.index(node) :], node]
    if node in done:
        return []
    path.append(node)
    for following in sorted(edges.get(node, ())):
        circle = _circle_from(following, edges, done, path)
        if circle:
            return circle
    path.pop()
    done.add(node)
    return []
