"""Imports point down (DESIGN 2.1), read from the sources; each rule is shown to be able to fail."""

from __future__ import annotations

import pytest

from tests.kit.import_rules import LAYERS, faults_of_imports, first_circle
from tests.kit.sources import module_from_text, modules_of


def test_every_import_of_the_project_follows_the_table() -> None:
    """A newcomer may trust the layer table: the code cannot have drifted from it."""
    assert faults_of_imports(modules_of()) == []


def test_every_package_of_the_middleware_has_a_layer() -> None:
    """Nobody adds a package without saying where it stands."""
    first_two = {".".join(module.name.split(".")[:2]) for module in modules_of("middleware")}
    assert first_two - {"middleware"} <= set(LAYERS)


BAD_SOURCES = [
    ("middleware.model.value", "from middleware.store import journal", "may import only"),
    ("middleware.store.journal", "from middleware.pipeline import process", "imports point down"),
    ("middleware.wire.lis1.link", "from middleware.clock import Clock", "may import only"),
    ("middleware.wire.lis1.link", "import pydantic", "does not know pydantic"),
    ("middleware.wire.lis1.link", "import defusedxml", "does not know defusedxml"),
    ("middleware.wire.poct1a.link", "import pydantic", "does not know pydantic"),
    ("middleware.wire.lis1.link", "import time", "no clock, socket"),
    ("middleware.wire.lis1.link", "def f():\n    from os import path", "no clock, socket"),
    ("middleware.routing.codes", "def f(p):\n    return open(p)", "no file and no terminal"),
    ("middleware.model.value", "import structlog", "no clock, socket"),
    ("middleware.node", "import drivers", "discovers plug-ins"),
    ("middleware.cli.demo", "from emulators.lis import Lis", "discovers plug-ins"),
    ("middleware.node", "from tests.kit import places", "has no layer"),
    ("middleware.node", "from middleware.connectors.hl7_mllp import CONNECTOR", "is discovered"),
    (
        "middleware.connectors.http_json.connector",
        "from middleware.connectors.hl7_mllp.config import Config",
        "is discovered",
    ),
    (
        "middleware.node",
        "from middleware.connectors.order_settings import OrderRules",
        "is discovered",
    ),
    ("middleware.line.intake", "from middleware.pipeline.worker import Worker", "never import"),
    ("middleware.pipeline.worker", "from middleware.line.line import Line", "never import"),
    ("drivers.protocols.lis2.decode", "from middleware.store import journal", "may import only"),
    ("drivers.protocols.lis2.decode", "from middleware.clock import Clock", "may import only"),
    ("emulators.analyzer", "from middleware.store.engine import connect", "may import only"),
    ("middleware.review.checks", "from twisted.internet import defer", "has no place here"),
    ("middleware.store.journal", "from twisted.internet import defer", "has no place here"),
    ("middleware.pipeline.process", "import twisted", "has no place here"),
    ("middleware.line.intake", "from sqlalchemy import select", "has no place here"),
    ("middleware.monitor.http", "import fastapi", "has no place here"),
    ("middleware.node", "import asyncio", "has no place here"),
    ("middleware.node", "from twisted.internet import reactor", "pass the reactor in"),
    ("middleware.node", "from time import time", "wall time"),
    ("middleware.node", "import time\nx = time.time()", "wall time"),
    ("middleware.node", "import datetime\nx = datetime.datetime.now()", "wall time"),
    ("middleware.node", "from datetime import datetime\nx = datetime.now()", "wall time"),
    ("middleware.node", "from . import setup", "absolute"),
    ("middleware.brand_new.thing", "from middleware.wire import link", "has no layer"),
]


@pytest.mark.parametrize(("name", "text", "expected"), BAD_SOURCES)
def test_a_bad_import_is_reported_with_its_file_and_line(
    name: str, text: str, expected: str
) -> None:
    """The test above is worth something only if a made-up offender is found."""
    faults = faults_of_imports([module_from_text(name, text)])
    assert len(faults) == 1
    assert expected in faults[0]
    assert faults[0].startswith(f"<{name}>:")


GOOD_SOURCES = [
    ("middleware.wire.lis1.link", "import struct\nfrom middleware.errors import WireError"),
    ("middleware.wire.poct1a.document", "from defusedxml import ElementTree"),
    ("middleware.model.value", "from pydantic import BaseModel"),
    ("middleware.connectors.hl7_mllp.connector", "from middleware.connectors.hl7_mllp import x"),
    ("middleware.delivery.lane", "from twisted.internet.defer import Deferred"),
    ("middleware.cli.run", "from twisted.internet import reactor"),
    ("middleware.node", "import middleware\nfrom middleware.line.line import Line"),
    ("drivers.protocols.lis2.decode", "from middleware.model import Envelope"),
    ("emulators.analyzer", "from middleware.wire.lis1.link import Lis1Link"),
    ("middleware.clock", "import time\nfrom datetime import datetime\nx = datetime.now()"),
]


@pytest.mark.parametrize(("name", "text"), GOOD_SOURCES)
def test_an_import_that_points_down_is_let_through(name: str, text: str) -> None:
    """The rules forbid what the table forbids, and nothing more."""
    assert faults_of_imports([module_from_text(name, text)]) == []


def test_two_modules_that_import_each_other_are_reported() -> None:
    """Inside one layer imports are allowed while they make no circle."""
    one = module_from_text("middleware.store.one", "from middleware.store import two")
    two = module_from_text("middleware.store.two", "import middleware.store.one")
    faults = faults_of_imports([one, two])
    assert faults == [
        "circle of modules: middleware.store.one -> middleware.store.two -> middleware.store.one"
    ]


def test_two_packages_that_import_each_other_are_reported() -> None:
    """No circle of packages either, even where no two modules import each other."""
    faults = faults_of_imports(
        [
            module_from_text("middleware.review.a", "import middleware.routing.b"),
            module_from_text("middleware.routing.b", ""),
            module_from_text("middleware.routing.c", "import middleware.review.a"),
        ]
    )
    assert faults == [
        "circle of units: middleware.review -> middleware.routing -> middleware.review"
    ]


def test_a_diamond_is_no_circle() -> None:
    """Two ways to the same place are fine."""
    assert first_circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
