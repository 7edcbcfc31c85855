"""Work without a result is freed, then expires; what is finished is deleted; nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, func, select

from middleware.model import OrderAnswer
from middleware.store import download, expiry, relabel, steps, work
from middleware.store.expiry import Expired, Terms
from middleware.store.schema import METADATA
from middleware.store.steps import Change
from middleware.store.work import Reported
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, claimer, ids, request, states

DAY = 86400.0
HOUR = 3600.0
TERMS = Terms(30 * DAY, 400 * DAY, {"chem-1": 24 * HOUR})


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def pass_time(conn: Connection, later: float, terms: Terms = TERMS) -> Expired:
    return expiry.expire(conn, NOW + later, terms, "node")


def give(conn: Connection, *sample_ids: str) -> None:
    claim(conn, *sample_ids)
    for one in sample_ids:
        work.mark_sent(conn, ids(conn, one), "chem-1", NOW)


def rows_of(conn: Connection, table: str) -> int:
    return int(conn.execute(select(func.count()).select_from(METADATA.tables[table])).scalar_one())


def test_work_without_a_result_is_free_after_the_line_s_hours(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    assert pass_time(conn, 23 * HOUR).is_all
    assert pass_time(conn, 25 * HOUR) == Expired(freed=1)
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}
    assert "no result within 24 hours" in steps.history(conn, ids(conn))[-2]["reason"]


def test_work_on_its_way_is_never_freed(conn: Connection) -> None:
    apply(conn, request("S1"))
    claim(conn, "S1")
    assert pass_time(conn, 500 * DAY).is_all
    assert states(conn) == {"GLU": "claimed"}


def test_work_that_was_sent_again_has_its_time_again(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    claim(conn, "S1")
    work.mark_sent(conn, ids(conn), "chem-1", NOW + 20 * HOUR)
    assert pass_time(conn, 25 * HOUR).is_all
    assert pass_time(conn, 45 * HOUR).freed == 1


def test_a_line_that_the_settings_do_not_name_frees_nothing(conn: Connection) -> None:
    apply(conn, request("S1"))
    give(conn, "S1")
    assert pass_time(conn, 25 * HOUR, replace(TERMS, sent_again_after_s={})).is_all


def test_what_nobody_did_expires_and_is_given_to_nobody(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2"))
    give(conn, "S2")
    assert pass_time(conn, 31 * DAY).expired == 2
    assert states(conn) == {"GLU": "expired"}
    assert claim(conn, "S1", "S2") == {}
    assert download.claim_download(conn, claimer(), download.Chosen(), NOW + 31 * DAY) == []


def test_what_expired_can_be_ordered_again_and_has_its_days_again(conn: Connection) -> None:
    apply(conn, request("S1"))
    pass_time(conn, 31 * DAY)
    assert apply(conn, request("S1"), now=NOW + 32 * DAY)[0].answer is OrderAnswer.ACCEPTED
    assert pass_time(conn, 33 * DAY).is_all
    assert claim(conn, "S1") == {"S1": ["GLU"]}


def test_what_is_finished_is_deleted_with_its_history(conn: Connection) -> None:
    apply(conn, request("S1"))
    relabel.relabel(conn, "S1", "T1", Change("ann", NOW, "torn"))
    work.note_results(conn, [Reported(1, "T1", "GLU", "", "chem-1", "", is_final=True)], NOW)
    assert pass_time(conn, 399 * DAY).is_all
    assert pass_time(conn, 401 * DAY) == Expired(deleted=1)
    for table in ("specimens", "orders", "work_order_steps", "step_history", "specimen_names"):
        assert rows_of(conn, table) == 0


def test_a_tube_is_kept_as_long_as_anything_is_open_on_it(conn: Connection) -> None:
    terms = Terms(keep_s=1000 * DAY, delete_after_s=400 * DAY)
    apply(conn, request("S1"), request("S1", test="TSH"))
    work.note_results(conn, [Reported(1, "S1", "GLU", "", "chem-1", "", is_final=True)], NOW)
    assert pass_time(conn, 500 * DAY, terms).is_all


def test_a_tube_is_kept_as_long_as_its_aliquot(conn: Connection) -> None:
    apply(conn, request("S1"))
    apply(conn, request("S1-A", parent_sample_id="S1"), now=NOW + 100 * DAY)
    pass_time(conn, 200 * DAY)
    assert pass_time(conn, 450 * DAY).deleted == 0
    assert pass_time(conn, 501 * DAY).deleted == 1
    assert pass_time(conn, 501 * DAY).deleted == 1


def test_one_job_does_a_bounded_portion(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MOST_STEPS", 2)
    monkeypatch.setattr(expiry, "MOST_SPECIMENS", 2)
    apply(conn, *[request(f"S{number}") for number in range(3)])
    assert [pass_time(conn, 31 * DAY).expired for _ in range(3)] == [2, 1, 0]
    assert [pass_time(conn, 500 * DAY).deleted for _ in range(3)] == [2, 1, 0]
