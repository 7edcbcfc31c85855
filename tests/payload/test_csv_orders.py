"""Orders from CSV: named columns, one test in each row, and a reason with its row for what cannot be read."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import OrderAction, OrderAnswer, OrderOutcome, OrderRequest, Priority
from middleware.payload.csv_orders import CsvForm, csv_answer, read_csv_orders
from middleware.payload.hl7_orders import MOST_ORDERS, UnreadableOrders

BERLIN = CsvForm(time_zone="Europe/Berlin")


def read(*rows: str, form: CsvForm = BERLIN) -> tuple[OrderRequest, ...]:
    return read_csv_orders("\n".join(rows).encode(form.encoding), form).requests


def test_every_column_has_its_place() -> None:
    (request,) = read(
        "action,sample_id,test_code,test_name,placer_number,accession_number,priority,specimen_type,"
        "collected_at,arrived_at,patient_id,patient_authority,patient_name,birth_date,sex,encounter,"
        "location,carrier,position,parent_sample_id,environment",
        "change,S1,GLU,Glucose,O1,A1,STAT,SER,2031-03-04T08:00:00+01:00,20310304083000,P1,HOSP,"
        '"Sample^Ann",1970-01-02,F,V1,WARD3,R1,5,S0,D',
    )
    assert request.action is OrderAction.CHANGE
    assert (request.priority, request.placer_number) == (Priority.STAT, "O1")
    assert request.collected_at == datetime(2031, 3, 4, 7, 0, tzinfo=UTC)
    assert request.arrived_at == datetime(2031, 3, 4, 7, 30, tzinfo=UTC)
    assert request.patient is not None
    assert request.patient.birth_date == "19700102"
    assert (request.patient.identifiers[0].id, request.patient.identifiers[0].authority) == (
        "P1",
        "HOSP",
    )
    assert (request.encounter, request.location, request.parent_sample_id) == ("V1", "WARD3", "S0")


def test_a_time_without_zone_is_the_node_s() -> None:
    (request,) = read("sample_id,test_code,collected_at", "S1,GLU,2031-03-04 08:00")
    assert request.collected_at == datetime(2031, 3, 4, 7, 0, tzinfo=UTC)


def test_rows_that_are_empty_and_quoted_line_ends_do_no_harm() -> None:
    first, second = read("sample_id,test_code,test_name", 'S1,GLU,"Glu\ncose"', ",,", "S2,GLU,")
    assert (first.test_name, second.sample_id, second.source) == ("Glu\ncose", "S2", 4)


@pytest.mark.parametrize("form", [CsvForm(";"), CsvForm("\t", "utf-16"), CsvForm("|", "latin-1")])
def test_a_site_says_how_its_files_are_written(form: CsvForm) -> None:
    rows = [row.replace(",", form.delimiter) for row in ("sample_id,test_code", "S1,Käse")]
    assert read(*rows, form=form)[0].test_code == "Käse"


def test_a_word_that_is_no_action_is_refused_by_name_alone() -> None:
    """The other rows go on."""
    first, second = read("action,sample_id,test_code", "drop,S1,GLU", ",S1,UREA")
    assert (first.action, first.control, second.action) == (None, "drop", OrderAction.NEW)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (("sample_id,test_code,colour", "S1,GLU,red"), "'colour' is not known"),
        (("sample_id,test_code,test_code", "S1,GLU,x"), "'test_code' stands twice"),
        (("sample_id,test_code,priority", "S1,GLU,now"), "order 2: 'now' is no priority"),
        (("sample_id,test_code,collected_at", "S1,GLU,today"), "order 2: collected_at"),
        (("sample_id,test_code,collected_at", "S1,GLU,2031-03-04"), "order 2: collected_at"),
        (("sample_id,test_code,birth_date", "S1,GLU,1.1.70"), "order 2: birth_date"),
        (("sample_id,test_code", 'S1,"GLU"x'), "no CSV"),
        (("",), "missing"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(rows: tuple[str, ...], why: str) -> None:
    with pytest.raises(UnreadableOrders, match=why):
        read(*rows)


def test_one_file_has_a_bound() -> None:
    with pytest.raises(UnreadableOrders, match=str(MOST_ORDERS)):
        read("sample_id,test_code", *["S1,GLU"] * (MOST_ORDERS + 1))


def test_an_answer_never_begins_a_formula() -> None:
    """Answers are opened with spreadsheets."""
    request = OrderRequest(action=OrderAction.NEW, sample_id="=1+1", test_code="GLU", source=2)
    outcome = OrderOutcome(answer=OrderAnswer.ACCEPTED)
    answer = csv_answer([request], [outcome], CsvForm()).decode()
    assert answer.splitlines()[1] == "2, =1+1,GLU,,accepted,"


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(body: str) -> None:
    with contextlib.suppress(UnreadableOrders):
        read_csv_orders(f"sample_id,test_code\n{body}".encode("utf-8", "replace"), CsvForm())
