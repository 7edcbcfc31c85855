"""What every connector must do, asked of each that is installed: its sample, its renderer, its opening and closing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import ConnectorFactory, OrderingConnector, OutgoingMessage
from middleware.model import OutcomeKind
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from middleware.settings.schema import shell_keys
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.places import ROOT
from tests.kit.stored_rows import stored_row

FACTORIES = discover_connectors().factories
CONTEXT = RenderContext("TEST01-0000000042", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")
_KEY = re.compile(r"# ([a-z_]+ = .*)")


def folder_of(name: str) -> Path:
    return ROOT / "middleware" / "connectors" / name


def with_secrets(value: Any) -> Any:
    """A reference to a secret as the loader resolves it."""
    if isinstance(value, dict):
        if set(value) == {"env"}:
            return "a-secret-of-the-bench"
        return {key: with_secrets(one) for key, one in value.items()}
    return value


def sample(name: str) -> dict[str, Any]:
    text = (folder_of(name) / "sample.toml").read_text(encoding="utf-8")
    (table,) = tomllib.loads(text)["connector"]
    assert table["type"] == name
    return {key: with_secrets(one) for key, one in table.items() if key not in shell_keys()}


def shown_keys(name: str) -> Iterator[dict[str, Any]]:
    """Each key that a sample shows behind a `#`."""
    for line in (folder_of(name) / "sample.toml").read_text(encoding="utf-8").splitlines():
        found = _KEY.match(line)
        if found is not None:
            yield {key: with_secrets(one) for key, one in tomllib.loads(found[1]).items()}


def takes_orders(factory: ConnectorFactory) -> bool:
    """Whether this kind of connector also brings orders; it says so by having a table for them."""
    return "orders" in factory.settings_model.model_fields


def settings_of(factory: ConnectorFactory) -> BaseModel:
    return factory.settings_model.model_validate(sample(factory.name))


@pytest.fixture(params=sorted(FACTORIES))
def factory(request: pytest.FixtureRequest) -> ConnectorFactory:
    found: ConnectorFactory = FACTORIES[request.param]
    assert found.name == request.param
    return found


def test_the_sample_is_good_and_every_key_that_it_shows(factory: ConnectorFactory) -> None:
    """Whoever copies a line of it makes no mistake. Keys that belong together may be missing from each other."""
    settings_of(factory)
    known = factory.settings_model.model_fields
    for keys in shown_keys(factory.name):
        assert set(keys) <= set(known)
    orders = [keys for keys in shown_keys(factory.name) if set(keys) == {"orders"}]
    assert bool(orders) == takes_orders(factory)
    for keys in orders:
        factory.settings_model.model_validate({**sample(factory.name), **keys})


def test_it_says_what_it_is(factory: ConnectorFactory) -> None:
    readme = (folder_of(factory.name) / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {factory.name}: ")
    for word in ("Purpose: ", "Limits: ", "accepted", "refused", "deferred"):
        assert word in readme, word
    assert ("## Orders" if takes_orders(factory) else "takes no orders") in readme


def test_the_same_rows_are_the_same_bytes(factory: ConnectorFactory) -> None:
    """A transaction that is run again renders the same, and a resend is byte-identical."""
    renderer = factory.make_renderer(settings_of(factory))
    specimen = OutgoingSpecimen("S1001", [stored_row(made_result(value="5.40"))])
    first = renderer.render(specimen, CONTEXT)
    assert renderer.render(specimen, CONTEXT) == first
    for text in (b"S1001", b"GLU", b"5.40", b"mmol/L", b"TEST01-0000000042"):
        assert text in first
    assert re.fullmatch("[a-z0-9_]{1,40}", renderer.format)


def test_a_closed_connector_defers_and_may_be_closed_again(factory: ConnectorFactory) -> None:
    reactor: Any = MemoryReactorClock()
    connector = factory.make("lis", settings_of(factory), reactor)
    told: list[Any] = []

    async def play() -> None:
        told.append(await connector.deliver([OutgoingMessage(1, "C1", b"x")]))
        await connector.close()
        await connector.close()
        told.append(await connector.deliver([OutgoingMessage(1, "C1", b"x")]))

    Deferred.fromCoroutine(play())
    assert [[one.kind for one in outcomes] for outcomes in told] == [[OutcomeKind.DEFERRED]] * 2
    assert connector.status().state == "stopped"


def test_it_may_be_opened_again(factory: ConnectorFactory) -> None:
    reactor: Any = MemoryReactorClock()
    connector = factory.make("lis", settings_of(factory), reactor)
    states: list[str] = []

    async def play() -> None:
        for _ in range(2):
            await connector.open()
            states.append(connector.status().state)
            await connector.close()
            states.append(connector.status().state)

    Deferred.fromCoroutine(play())
    assert states[1::2] == ["stopped", "stopped"]
    assert "stopped" not in states[::2]
    assert states[0] == states[2]


def test_nobody_orders_before_somebody_stores(factory: ConnectorFactory) -> None:
    """Without `take_orders_with`, nothing listens for orders, whatever the settings say."""
    reactor: Any = MemoryReactorClock()
    if not takes_orders(factory):
        assert not isinstance(factory.make("lis", settings_of(factory), reactor), OrderingConnector)
        return
    own = next(keys for keys in shown_keys(factory.name) if set(keys) == {"orders"})
    settings = factory.settings_model.model_validate({**sample(factory.name), **own})
    connector = factory.make("lis", settings, reactor)
    assert isinstance(connector, OrderingConnector)
    Deferred.fromCoroutine(connector.open())
    assert reactor.tcpServers == []
    assert connector.status().orders == ""
