"""Work is given to one line, sent, freed and finished; never the wrong work for a tube."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from middleware.store import order_views, work
from middleware.store.steps import Change
from middleware.store.work import Reported
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, claimer, ids, request, states


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def result(
    number: int = 1, sample_id: str = "S1", test: str = "GLU", line: str = "chem-1", **more: Any
) -> Reported:
    more.setdefault("lis_code", "")
    return Reported(number, sample_id, test, line=line, order_source="", is_final=True, **more)


def test_the_first_line_that_asks_is_given_the_work(conn: Connection) -> None:
    apply(conn, request())
    assert claim(conn, "S1", by=claimer("chem-1")) == {"S1": ["GLU"]}
    assert claim(conn, "S1", by=claimer("chem-2")) == {}


def test_the_same_line_may_ask_again_until_there_is_a_result(conn: Connection) -> None:
    """It was switched off with the order in it."""
    apply(conn, request())
    claim(conn, "S1")
    work.mark_sent(conn, ids(conn), "chem-1", NOW)
    assert claim(conn, "S1") == {"S1": ["GLU"]}
    assert states(conn) == {"GLU": "sent"}
    work.note_results(conn, [result()], NOW)
    assert claim(conn, "S1") == {}


def test_a_test_that_was_ordered_twice_is_given_once_at_a_time(conn: Connection) -> None:
    """Two orders of the LIS, one tube: no analyzer is told the same twice, and no second one measures it beside it."""
    apply(conn, request(placer_number="A"), request(placer_number="B"))
    assert claim(conn, "S1") == {"S1": ["GLU"]}
    assert claim(conn, "S1") == {"S1": ["GLU"]}
    assert claim(conn, "S1", by=claimer("chem-2")) == {}
    work.mark_sent(conn, ids(conn)[:1], "chem-1", NOW)
    assert work.note_results(conn, [result()], NOW) != {}
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}


def test_what_an_analyzer_refused_may_be_ordered_anew(conn: Connection) -> None:
    apply(conn, request(placer_number="A"))
    claim(conn, "S1")
    work.refuse(conn, ids(conn), "chem-1", "no reagent", NOW)
    apply(conn, request(placer_number="B"))
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}


def test_a_line_gets_only_tests_of_its_menu_under_its_own_codes(conn: Connection) -> None:
    apply(conn, request(test="GLU"), request(test="TSH"))
    assert claim(conn, "S1", by=claimer("chem-1", GLU="767")) == {"S1": ["767"]}
    assert claim(conn, "S1", by=claimer("immuno-1", TSH="10")) == {"S1": ["10"]}


def test_freed_work_is_open_for_any_line(conn: Connection) -> None:
    apply(conn, request())
    claim(conn, "S1", by=claimer("chem-1", GLU="767"))
    work.free(conn, ids(conn), "chem-1", "not taken", NOW)
    assert claim(conn, "S1", by=claimer("chem-2")) == {"S1": ["GLU"]}


def test_what_the_analyzer_took_is_not_freed(conn: Connection) -> None:
    """An earlier answer was taken; the repeated one got lost."""
    apply(conn, request())
    claim(conn, "S1")
    work.mark_sent(conn, ids(conn), "chem-1", NOW)
    assert work.free(conn, ids(conn), "chem-1", "not taken", NOW) == []


def test_a_restart_frees_what_was_on_its_way(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"))
    claim(conn, "S1", by=claimer(GLU="767"))
    assert len(work.free_all(conn, "node", NOW)) == 1
    assert set(states(conn).values()) == {"pending"}


def test_tubes_that_a_reader_could_confuse_get_nothing(conn: Connection) -> None:
    """0012 and 12: some analyzer strips zeros, and the other patient's tests would be run."""
    apply(conn, request("0012"), request("12", test="TSH"))
    assert claim(conn, "0012", "12") == {}


def test_an_id_that_is_only_alike_is_another_tube(conn: Connection) -> None:
    apply(conn, request("0012"))
    assert claim(conn, "12") == {}
    assert claim(conn, "0012") == {"0012": ["GLU"]}


def test_one_sample_id_of_two_sources_is_given_to_no_line_that_serves_both(
    conn: Connection,
) -> None:
    apply(conn, request())
    apply(conn, request(), source="clinic")
    assert claim(conn, "S1") == {}


def test_a_query_for_everything_gets_all_open_work_of_the_menu(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2", test="TSH"), request("S3"))
    given = work.claim(conn, work.Wanted(is_for_all=True), claimer(GLU="767"), NOW)
    assert [one.sample_id for one in given] == ["S1", "S3"]


def test_a_result_finishes_the_step_of_its_sample_and_test(conn: Connection) -> None:
    apply(conn, request(), request(test="UREA"), request("S2"))
    claim(conn, "S1", by=claimer(GLU="767"))
    bound = work.note_results(conn, [result(7, test="767")], NOW)
    assert bound == {7: ids(conn)[0]}
    assert states(conn) == {"GLU": "resulted", "UREA": "pending"}
    assert states(conn, "S2") == {"GLU": "pending"}
    assert (
        order_views.listing(conn, order_views.StepFilter(sample_id="S1"))[1]["reportable_result_id"]
        == 7
    )


def test_a_result_that_comes_before_its_query_finishes_the_order_too(conn: Connection) -> None:
    """Somebody typed the tests in at the analyzer."""
    apply(conn, request())
    work.note_results(conn, [result(test="767", lis_code="GLU")], NOW)
    assert states(conn) == {"GLU": "resulted"}


def test_a_preliminary_result_leaves_the_step_in_process(conn: Connection) -> None:
    apply(conn, request())
    early = Reported(1, "S1", "GLU", "", "chem-1", "", is_final=False)
    work.note_results(conn, [early], NOW)
    assert states(conn) == {"GLU": "in_process"}


def test_a_result_that_nobody_ordered_binds_to_nothing(conn: Connection) -> None:
    apply(conn, request())
    found = [result(1, test="TSH"), result(2, sample_id="S9")]
    assert work.note_results(conn, found, NOW) == {}


def test_a_person_may_cancel_what_an_analyzer_has(conn: Connection) -> None:
    apply(conn, request())
    claim(conn, "S1")
    work.cancel(conn, ids(conn), Change("ann", NOW, "tube broken"))
    assert work.mark_sent(conn, ids(conn), "chem-1", NOW) == []
    assert states(conn) == {"GLU": "cancelled"}
