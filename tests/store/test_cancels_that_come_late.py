"""The LIS cancels what an analyzer already has: an analyzer that says whether it cancels is asked to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from middleware.model import OrderAction, OrderFault, ToTell
from middleware.store import download, steps, work
from middleware.store.work import Reported
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, ids, request, states

CANCELLING = frozenset({"chem-1"})


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    apply(connection, request("S1"))
    claim(connection, "S1")
    work.mark_sent(connection, ids(connection), "chem-1", NOW)
    yield connection
    connection.rollback()


def cancel(conn: Connection, **more: frozenset[str]) -> OrderFault | None:
    return apply(conn, request("S1", action=OrderAction.CANCEL), **more)[0].fault


def test_it_is_too_late_until_the_analyzer_says_otherwise(conn: Connection) -> None:
    """The LIS must not believe a cancel that nobody has confirmed: the result may be on its way."""
    assert cancel(conn, cancelling=CANCELLING) is OrderFault.TOO_LATE
    assert states(conn) == {"GLU": "sent"}
    (telling,) = download.to_tell(conn, "chem-1", 10)
    assert (telling.sample_id, telling.what) == ("S1", ToTell.CANCEL)
    download.told(conn, ids(conn), "chem-1", NOW)
    assert states(conn) == {"GLU": "cancelled"}
    assert download.to_tell(conn, "chem-1", 10) == []


def test_an_analyzer_that_refuses_goes_on(conn: Connection) -> None:
    cancel(conn, cancelling=CANCELLING)
    download.told(conn, ids(conn), "chem-1", NOW, "it is being measured")
    assert states(conn) == {"GLU": "sent"}
    assert "being measured" in steps.history(conn, ids(conn))[-1]["reason"]
    assert download.to_tell(conn, "chem-1", 10) == []


def test_an_analyzer_that_only_listens_is_not_asked(conn: Connection) -> None:
    """A frame that is acknowledged cancels nothing."""
    assert cancel(conn) is OrderFault.TOO_LATE
    assert download.to_tell(conn, "chem-1", 10) == []


def test_what_is_to_be_cancelled_is_not_given_again(conn: Connection) -> None:
    cancel(conn, cancelling=CANCELLING)
    assert claim(conn, "S1") == {}


def test_a_result_that_was_faster_counts(conn: Connection) -> None:
    cancel(conn, cancelling=CANCELLING)
    work.note_results(conn, [Reported(7, "S1", "GLU", "", "chem-1", "", is_final=True)], NOW)
    assert states(conn) == {"GLU": "resulted"}
    assert download.to_tell(conn, "chem-1", 10) == []
    download.told(conn, ids(conn), "chem-1", NOW)
    assert states(conn) == {"GLU": "resulted"}
