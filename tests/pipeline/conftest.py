"""What every test of the pipeline may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from middleware.pipeline.prepare import Decoded, Preparation
from middleware.pipeline.process import Summary, process
from middleware.setup import Setup
from middleware.store.connection import Connection
from tests.kit.instant_store import empty_store
from tests.kit.made_setups import RECEIVED_AT, made_setup

Run = Callable[..., Summary]


@pytest.fixture
def conn() -> Iterator[Connection]:
    """An empty store of a test node, undone afterwards."""
    connection = empty_store()
    yield connection
    connection.rollback()


@pytest.fixture
def run(conn: Connection) -> Run:
    """Process decoded messages as one batch: `run(message, …, setup=…)`."""

    def run_batch(*messages: Decoded, setup: Setup | None = None, **_more: Any) -> Summary:
        used = setup or made_setup()
        preparation = Preparation(used)
        batch = [preparation.prepare(one) for one in messages]
        return process(conn, batch, used, RECEIVED_AT + 1)

    return run_batch
