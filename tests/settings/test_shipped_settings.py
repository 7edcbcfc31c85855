"""What stands in `config/` is current, complete and good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from middleware.delivery.catalogue import discover_connectors
from middleware.line.settings import LineSettings
from middleware.routing.rules import Route
from middleware.settings import docs
from middleware.settings.check import check
from middleware.settings.installed import installed_for
from middleware.settings.load import load, load_text
from middleware.settings.problems import Weight, errors_in
from middleware.settings.schema import ConnectorTable, MonitorTable, NodeTable
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from tests.kit.places import ROOT
from tests.kit.regenerate import GENERATED, WHOLE, with_sections

CONFIG = ROOT / "config"
SHIPPED = sorted(CONFIG.rglob("*.toml"))
MODELS: list[type[BaseModel]] = [
    NodeTable,
    LineSettings,
    TcpListenSettings,
    TcpConnectSettings,
    ConnectorTable,
    Route,
    MonitorTable,
    *(factory.settings_model for factory in discover_connectors().factories.values()),
]


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(CONFIG)))
def test_shipped_settings_are_good(path: Path) -> None:
    """Whoever starts from a file of ours starts without a mistake."""
    installed = installed_for(path)
    problems = check(load(path), installed.catalogue, installed.connectors)
    assert [str(one) for one in problems if one.weight is not Weight.NOTE] == []


@pytest.mark.parametrize("place", [place for place in WHOLE if place.startswith("config/")])
def test_a_generated_file_is_current(place: str) -> None:
    """Otherwise: `make regenerate`."""
    assert (ROOT / place).read_text(encoding="utf-8") == WHOLE[place]()


def test_the_reference_of_settings_is_current() -> None:
    """Otherwise: `make regenerate`."""
    text = (CONFIG / "README.md").read_text(encoding="utf-8")
    assert with_sections(text, GENERATED["config/README.md"]()) == text


def _fields() -> Iterator[tuple[str, str, str | None]]:
    for model in MODELS:
        for name, field in model.model_fields.items():
            yield model.__name__, name, field.description


@pytest.mark.parametrize(("model", "name", "description"), list(_fields()))
def test_every_setting_says_what_it_is(model: str, name: str, description: str | None) -> None:
    """A setting that nobody can look up is a trap."""
    assert description is not None
    assert description.endswith(".")


@pytest.mark.slow
def test_every_commented_default_of_the_sample_is_the_real_one() -> None:
    """Whoever takes the comment sign away changes nothing."""
    text = docs.example(discover_connectors().factories)
    kept: list[str] = []
    for line in text.splitlines():
        is_default = line.startswith("# ") and " = " in line and '"..."' not in line
        is_other = 'env = "NAME"' in line or not line[2:].split(" = ")[0].isidentifier()
        kept.append(line[2:] if is_default and not is_other else line)
        if line.startswith("# [line.transport]"):
            break
    rest = text.split("# [line.transport]", 1)[1].split("\n\n", 1)[1]
    path = CONFIG / "labwire.example.toml"
    installed = installed_for(path)
    loaded = load_text("\n".join(kept) + "\n\n" + rest, path)
    assert errors_in(check(loaded, installed.catalogue, installed.connectors)) == []
