"""Which tube a query names: by id, by range, by place; and none where two could be confused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select

from middleware.model import OrderFault, Priority, SpecimenWork
from middleware.model.sample_id import CheckDigit, SampleIdSteps
from middleware.store import order_views, relabel, sightings, specimen_lookup, specimens, work
from middleware.store.relabel import CannotRelabel
from middleware.store.schema import SIGHTINGS
from middleware.store.specimen_lookup import PUT_PLACE_HOLDS_S, SEEN_PLACE_HOLDS_S, Place
from middleware.store.steps import Change
from middleware.store.work import Claimer, Reported, Wanted
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, patient, request, states

ANN = Change("ann", NOW, "the label was torn")


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def line(name: str = "chem-1", **more: object) -> Claimer:
    return Claimer(name, lambda test, _type: test, **more)  # type: ignore[arg-type]


def given(
    conn: Connection, wanted: Wanted, by: Claimer | None = None, now: float = NOW
) -> list[str]:
    return [one.sample_id for one in work.claim(conn, wanted, by or line(), now)]


def work_of(conn: Connection, wanted: Wanted) -> SpecimenWork:
    (one,) = work.claim(conn, wanted, line(), NOW)
    return one


# -- ranges ---------------------------------------------------------------------------------------


def test_a_range_of_numbers_is_compared_as_numbers_at_one_length(conn: Connection) -> None:
    """0009 to 0101 has 0010 and 0100 in it, and neither 99 nor 00100."""
    apply(conn, *[request(one) for one in ("0008", "0009", "0010", "0100", "0102")])
    apply(conn, request("99"), request("00050"))
    assert given(conn, Wanted(ranges=(("0009", "0101"),))) == ["0009", "0010", "0100"]


def test_a_range_of_other_ids_is_compared_as_text(conn: Connection) -> None:
    apply(conn, *[request(one) for one in ("A0001", "A0002", "A0010", "B0001")])
    assert given(conn, Wanted(ranges=(("A0002", "A0099"),))) == ["A0002", "A0010"]


def test_a_range_that_runs_backwards_or_is_empty_names_nothing(conn: Connection) -> None:
    apply(conn, request("0005"))
    for ends in (("0009", "0001"), ("B", "A"), ("", "9"), ("0000", "0000")):
        assert given(conn, Wanted(ranges=(ends,))) == []


def test_a_range_gives_what_is_urgent_first(conn: Connection) -> None:
    apply(conn, request("101"), request("102", priority=Priority.STAT), request("103"))
    assert given(conn, Wanted(ranges=(("101", "103"),))) == ["102", "101", "103"]


def test_a_range_gives_no_more_than_an_analyzer_holds_and_the_rest_next_time(
    conn: Connection,
) -> None:
    apply(conn, *[request(f"{number:04}") for number in range(1, 121)])
    wanted = Wanted(ranges=(("0001", "0120"),))
    assert len(given(conn, wanted)) == work.MOST_SPECIMENS
    assert given(conn, wanted)[:20] == [f"{number:04}" for number in range(101, 121)]


def test_a_list_and_a_range_in_one_query_are_both_answered(conn: Connection) -> None:
    apply(conn, request("X1"), request("0001"), request("0002"))
    assert given(conn, Wanted(("X1",), ranges=(("0001", "0002"),))) == ["X1", "0001", "0002"]


def test_doubtful_ids_stay_doubtful_in_a_range(conn: Connection) -> None:
    apply(conn, request("0012"), request("12"), request("0013"))
    assert given(conn, Wanted(ranges=(("0010", "0020"),))) == ["0013"]


# -- everything -----------------------------------------------------------------------------------


def test_everything_is_given_urgent_first_and_then_as_it_was_ordered(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2", priority=Priority.STAT), request("S3"))
    apply(conn, request("S4", priority=Priority.ASAP))
    assert given(conn, Wanted(is_for_all=True)) == ["S2", "S4", "S1", "S3"]


def test_the_work_of_other_analyzers_does_not_hide_a_line_s_own(conn: Connection) -> None:
    """However much older work there is that this analyzer cannot do."""
    apply(conn, *[request(f"S{number}", test="TSH") for number in range(400)])
    apply(conn, request("S999", test="GLU"))
    only_glucose = Claimer(
        "chem-1", lambda test, _type: {"GLU": "767"}.get(test), menu=frozenset({"GLU", "UREA"})
    )
    assert given(conn, Wanted(is_for_all=True), only_glucose) == ["S999"]


def test_tubes_that_could_be_confused_hide_nothing(conn: Connection) -> None:
    apply(conn, *[request(f"0{number}") for number in range(100, 200)])
    apply(conn, *[request(f"{number}") for number in range(100, 200)])
    apply(conn, request("S1"))
    assert given(conn, Wanted(is_for_all=True)) == ["S1"]


def test_specimens_that_the_analyzer_does_not_take_hide_nothing(conn: Connection) -> None:
    """The same test of serum is another analyzer's, and there is much of it."""
    serum = [request(f"S{number}", specimen_type="SER") for number in range(400)]
    apply(conn, *serum, request("U1", specimen_type="UR"))
    urine = Claimer(
        "chem-1",
        lambda test, kind: test if kind == "UR" else None,
        menu=frozenset({"GLU"}),
    )
    assert given(conn, Wanted(is_for_all=True), urine) == ["U1"]


# -- places ---------------------------------------------------------------------------------------


def test_a_place_names_the_tube_that_the_lis_put_there(conn: Connection) -> None:
    apply(
        conn, request("S1", carrier="R7", position="3"), request("S2", carrier="R7", position="4")
    )
    (one,) = work.claim(conn, Wanted(carrier="R7", position="3"), line(), NOW)
    assert (one.sample_id, one.carrier, one.position) == ("S1", "R7", "3")


def test_a_place_names_the_tube_that_this_line_saw_there(conn: Connection) -> None:
    apply(conn, request("S1"))
    claim_at = Wanted(("S1",), carrier="R7", position="3")
    assert given(conn, claim_at) == ["S1"]
    assert given(conn, Wanted(carrier="R7", position="3")) == ["S1"]
    assert given(conn, Wanted(carrier="R7", position="3"), line("chem-2")) == []


def test_a_place_that_could_mean_two_tubes_names_none(conn: Connection) -> None:
    apply(
        conn, request("S1", carrier="R7", position="3"), request("S2", carrier="R7", position="3")
    )
    assert given(conn, Wanted(carrier="R7", position="3")) == []
    assert given(conn, Wanted()) == []


def test_the_place_of_an_earlier_tube_is_the_next_one_s(conn: Connection) -> None:
    """Racks are used again: S1 left the place when S2 was read there."""
    apply(conn, request("S1"), request("S2"))
    given(conn, Wanted(("S1",), carrier="R7", position="3"))
    given(conn, Wanted(("S2",), carrier="R7", position="3"))
    assert given(conn, Wanted(carrier="R7", position="3")) == ["S2"]


def test_a_place_is_not_believed_for_ever(conn: Connection) -> None:
    """Another tube stands there by tomorrow, and its label may be unreadable."""
    apply(conn, request("S1"), request("S2", carrier="R9", position="1"))
    given(conn, Wanted(("S1",), carrier="R7", position="3"))
    later = NOW + SEEN_PLACE_HOLDS_S + 1
    assert given(conn, Wanted(carrier="R7", position="3"), now=later) == []
    assert given(conn, Wanted(carrier="R9", position="1"), now=later) == ["S2"]
    tomorrow = NOW + PUT_PLACE_HOLDS_S + 1
    assert given(conn, Wanted(carrier="R9", position="1"), now=tomorrow) == []


def test_a_query_of_a_tube_says_where_it_stands_now(conn: Connection) -> None:
    apply(conn, request("S1", carrier="R7", position="3"))
    assert work_of(conn, Wanted(("S1",))).position == "3"
    assert work_of(conn, Wanted(("S1",), carrier="R8", position="5")).carrier == "R8"
    assert work_of(conn, Wanted(("S1",))).carrier == "R8"


def test_another_line_that_reads_the_tube_does_not_say_the_earlier_place(conn: Connection) -> None:
    apply(conn, request("S1"), request("S1", test="TSH"))
    given(conn, Wanted(("S1",), carrier="R7", position="3"))
    work.note_results(conn, [Reported(1, "S1", "GLU", "", "chem-1", "", is_final=True)], NOW)
    given(conn, Wanted(("S1",)), line("immuno-1"))
    tube = specimen_lookup.named(conn, ["S1"], "")["S1"]
    assert (tube.seen_line, tube.seen_carrier, tube.placed_at) == ("immuno-1", None, None)


def test_a_result_says_where_the_tube_stood(conn: Connection) -> None:
    apply(conn, request("S1"))
    found = Reported(1, "S1", "GLU", "", "chem-1", "", True, carrier="R7", position="3")
    work.note_results(conn, [found], NOW)
    tube = specimen_lookup.named(conn, ["S1"], "")["S1"]
    assert (tube.seen_line, tube.seen_carrier, tube.seen_position) == ("chem-1", "R7", "3")


def test_a_place_without_a_carrier_is_a_place_too(conn: Connection) -> None:
    apply(conn, request("S1"))
    (tube,) = specimen_lookup.named(conn, ["S1"], "").values()
    specimens.note_place(conn, [tube.id], Place("chem-1", "", "17"), NOW)
    assert given(conn, Wanted(position="17")) == ["S1"]


def test_a_tube_that_came_before_its_order_must_be_loaded_again(conn: Connection) -> None:
    """The order says then where the tube is; no other tube is there by its word."""
    assert given(conn, Wanted(("S1",), carrier="R7", position="3")) == []
    assert given(conn, Wanted(("S1",), carrier="R7", position="4"), now=NOW + 1) == []
    apply(conn, request("S1"), request("S2"), now=NOW + 60)
    (row,) = order_views.reload(conn)
    assert (row["sample_id"], row["seen_line"], row["seen_position"]) == ("S1", "chem-1", "4")
    assert given(conn, Wanted(carrier="R7", position="4"), now=NOW + 61) == ["S1"]


def test_a_label_that_was_seen_long_ago_is_nowhere(conn: Connection) -> None:
    given(conn, Wanted(("S1",)))
    apply(conn, request("S1"), now=NOW + sightings.KEPT_S + 1)
    assert order_views.reload(conn) == []


def test_what_is_no_label_is_not_kept(conn: Connection) -> None:
    given(conn, Wanted(("X" * 65, "S1", "S2")))
    sightings.forget(conn, NOW)
    kept = conn.execute(select(SIGHTINGS.c.sample_id)).scalars()
    assert sorted(kept) == ["S1", "S2"]
    sightings.forget(conn, NOW + sightings.KEPT_S + 1)
    assert list(conn.execute(select(SIGHTINGS.c.sample_id)).scalars()) == []


# -- arrival --------------------------------------------------------------------------------------


def test_a_site_may_give_work_only_for_tubes_that_arrived(conn: Connection) -> None:
    arrived = datetime(2030, 3, 1, 8, 0, tzinfo=UTC)
    apply(conn, request("S1"), request("S2", arrived_at=arrived))
    careful = line(before_arrival=False)
    assert given(conn, Wanted(is_for_all=True), careful) == ["S2"]
    assert given(conn, Wanted(("S1", "S2")), careful) == ["S2"]
    apply(conn, request("S1", arrived_at=arrived))
    assert given(conn, Wanted(("S1",)), careful) == ["S1"]


# -- what the analyzer calls it -------------------------------------------------------------------


def test_an_analyzer_that_strips_zeros_is_answered_under_the_id_that_it_asked(
    conn: Connection,
) -> None:
    apply(conn, request("000123"))
    stripping = line(names=SampleIdSteps(pad_zeros_to=6))
    assert given(conn, Wanted(("123",)), stripping) == ["123"]
    assert given(conn, Wanted(("123",))) == []


def test_an_id_with_a_wrong_check_digit_gets_nothing(conn: Connection) -> None:
    apply(conn, request("1234"), request("12340"))
    checking = line(names=SampleIdSteps(check_digit=CheckDigit.LUHN, strip_check_digit=True))
    assert given(conn, Wanted(("12341",)), checking) == []
    assert given(conn, Wanted(("12344",)), checking) == ["12344"]


def test_without_a_query_the_analyzer_is_told_the_id_on_the_label(conn: Connection) -> None:
    apply(conn, request("1234"))
    suffixed = line(names=SampleIdSteps(strip_suffix="-1"))
    assert given(conn, Wanted(is_for_all=True), suffixed) == ["1234-1"]


# -- labelled anew --------------------------------------------------------------------------------


def test_a_tube_that_is_labelled_anew_keeps_its_work_under_the_new_id(conn: Connection) -> None:
    apply(conn, request("S1"))
    claim(conn, "S1")
    done = relabel.relabel(conn, "S1", "T1", ANN)
    assert done.lines == ("chem-1",)
    assert claim(conn, "S1") == {}
    assert claim(conn, "T1") == {"T1": ["GLU"]}


def test_a_result_under_the_former_id_binds_to_nothing_and_can_be_told(conn: Connection) -> None:
    """Another tube may wear that label by now."""
    apply(conn, request("S1"))
    relabel.relabel(conn, "S1", "T1", ANN)
    found = Reported(1, "S1", "GLU", "", "chem-1", "", is_final=True)
    assert work.note_results(conn, [found], NOW) == {}
    assert states(conn, "T1") == {"GLU": "pending"}
    (name,) = specimen_lookup.former(conn, ["S1"])
    assert (name.former, name.sample_id) == ("S1", "T1")


def test_nothing_new_is_ordered_under_the_former_id_while_the_tube_is_in_use(
    conn: Connection,
) -> None:
    apply(conn, request("S1"))
    relabel.relabel(conn, "S1", "T1", ANN)
    outcome = apply(conn, request("S1", test="TSH"))[0]
    assert outcome.fault is OrderFault.UNKNOWN_ORDER
    assert "T1" in outcome.text
    assert claim(conn, "S1") == {}


def test_the_former_id_is_free_when_the_tube_is_over(conn: Connection) -> None:
    apply(conn, request("S1"))
    relabel.relabel(conn, "S1", "T1", ANN)
    found = Reported(1, "T1", "GLU", "", "chem-1", "", is_final=True)
    work.note_results(conn, [found], NOW)
    assert apply(conn, request("S1", patient=patient("P2")), now=NOW + 8 * 86400)[0].is_good
    assert claim(conn, "S1") == {"S1": ["GLU"]}


def test_a_tube_like_a_former_id_is_doubtful(conn: Connection) -> None:
    """0012 still stands on an old label, and some readers strip zeros."""
    apply(conn, request("0012"))
    relabel.relabel(conn, "0012", "T1", ANN)
    apply(conn, request("12"))
    assert claim(conn, "12") == {}
    assert claim(conn, "T1") == {"T1": ["GLU"]}


def test_a_tube_may_get_its_former_id_back(conn: Connection) -> None:
    apply(conn, request("S1"))
    relabel.relabel(conn, "S1", "T1", ANN)
    relabel.relabel(conn, "T1", "S1", ANN)
    assert claim(conn, "S1") == {"S1": ["GLU"]}
    assert claim(conn, "T1") == {}


@pytest.mark.parametrize("new", ["S2", " s2", "0S2", "", "S1", "S0"])
def test_no_tube_gets_a_label_that_another_has_or_had(conn: Connection, new: str) -> None:
    apply(conn, request("S0"), request("S1"), request("S2"))
    relabel.relabel(conn, "S0", "T0", ANN)
    with pytest.raises(CannotRelabel):
        relabel.relabel(conn, "S1", new, ANN)
    assert claim(conn, "S1") == {"S1": ["GLU"]}


def test_an_id_that_names_no_tube_or_two_cannot_be_labelled_anew(conn: Connection) -> None:
    apply(conn, request("S1"))
    apply(conn, request("S1"), source="clinic")
    for old in ("S9", "S1"):
        with pytest.raises(CannotRelabel):
            relabel.relabel(conn, old, "T1", ANN)
    assert relabel.relabel(conn, "S1", "T1", ANN, "clinic").order_source == "clinic"


# -- aliquots -------------------------------------------------------------------------------------


def test_an_aliquot_has_its_own_work_and_its_tube_s_patient(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")))
    apply(conn, request("S1-A", test="TSH", parent_sample_id="S1"))
    assert claim(conn, "S1") == {"S1": ["GLU"]}
    given_work = work_of(conn, Wanted(("S1-A",)))
    assert [one.test_code for one in given_work.steps] == ["TSH"]
    assert given_work.patient is not None
    assert given_work.patient.identifiers[0].id == "P1"


def test_an_aliquot_of_another_patient_s_tube_is_refused(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")))
    other = request("S1-A", parent_sample_id="S1", patient=patient("P2", "19500505"))
    assert apply(conn, other)[0].fault is OrderFault.OTHER_PATIENT
    assert claim(conn, "S1-A") == {}


def test_an_aliquot_of_a_tube_that_nobody_knows_is_a_tube(conn: Connection) -> None:
    assert apply(conn, request("S1-A", parent_sample_id="S1"))[0].is_good
    assert apply(conn, request("S2", parent_sample_id="S2"))[0].is_good
    assert claim(conn, "S1-A", "S2") == {"S1-A": ["GLU"], "S2": ["GLU"]}
