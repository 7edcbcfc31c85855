"""Request records of LIS02-A2 in all their forms, and what an order section may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.protocols.lis2.order_records import OrderGroup, OrderTexts, record_of
from drivers.protocols.lis2.queries import QueryReader
from middleware.driver.api import AnswerContext
from middleware.driver.order_section import OrderSection
from middleware.driver.profile import QuerySection
from middleware.errors import DriverError
from middleware.model import HostQuery, Patient, SpecimenWork, WorkOrderStep
from middleware.wire.lis2 import parse_message
from middleware.wire.lis2.delimiters import DEFAULT_DELIMITERS
from tests.kit.answer_table import CONTEXT


def read(record: str, **section: Any) -> HostQuery:
    """One request record, by a profile with rack and position behind the id."""
    places = {"sample_id": ["Q-3.2", "Q-3.1"], "carrier": "Q-3.3", "position": "Q-3.4"}
    reader = QueryReader(QuerySection.model_validate({**places, **section}))
    message = parse_message(f"H|\\^&\r{record}\rL|1\r".encode(), "latin-1")
    return reader.read(message.queries[0])


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ("Q|1|^S1||ALL||||||||O", {"sample_ids": ("S1",)}),
        ("Q|1|S1||ALL", {"sample_ids": ("S1",)}),
        ("Q|1|^S1\\^S2\\^S1", {"sample_ids": ("S1", "S2")}),
        ("Q|1|^S1^R7^3", {"sample_ids": ("S1",), "carrier": "R7", "position": "3"}),
        ("Q|1|^^R7^3", {"carrier": "R7", "position": "3"}),
        ("Q|1|^S1|^S9", {"ranges": (("S1", "S9"),)}),
        ("Q|1|^S1|^S1", {"sample_ids": ("S1",)}),
        ("Q|1|^S1\\^S5|^S1\\^S9", {"sample_ids": ("S1",), "ranges": (("S5", "S9"),)}),
        ("Q|1||^S9", {}),
        ("Q|1|ALL", {"is_for_all": True}),
        ("Q|1|^all", {"is_for_all": True}),
        ("Q|1|^S1^ALL", {"sample_ids": ("S1",), "carrier": "ALL"}),
        ("Q|1|", {}),
        ("Q|1|^", {}),
        ("Q|1", {}),
        ("Q|1|^S1||||||||||A", {"sample_ids": ("S1",), "is_cancel": True}),
        ("Q|1|^S1||||||||||O\\N", {"sample_ids": ("S1",)}),
        ("Q|1|^S1||||||||||F", {"sample_ids": ("S1",), "is_for_work": False}),
        ("Q|1|^S1||||||||||D", {"sample_ids": ("S1",), "is_for_work": False}),
        ("Q|1|^S1||||||||||?", {"sample_ids": ("S1",)}),
    ],
)
def test_a_request_record_asks_for_what_it_names(record: str, wanted: Mapping[str, Any]) -> None:
    """Nothing that a record does not name is asked for; above all, no damaged one asks for everything."""
    query = read(record)
    assert query.model_dump(exclude_defaults=True, exclude={"source"}) == {
        "sample_ids": (),
        **wanted,
    }


def test_only_where_the_profile_says_so_does_an_empty_record_ask_for_everything() -> None:
    assert read("Q|1|||||||||||||O@N", empty_asks_all=True).is_for_all
    assert not read("Q|1|^^R7^3", empty_asks_all=True).is_for_all


def test_a_status_of_results_asks_for_work_where_the_profile_says_so() -> None:
    assert read("Q|1|^S1||||||||||F", work_codes=["F"]).is_for_work


def section(**fields: Any) -> OrderSection:
    return OrderSection.model_validate(
        {"fields": {"O-3": "sample_id", "O-5.4": "test_code", **fields}}
    )


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ({"text": "A", "from": "now"}, "give"),
        ({}, "give"),
        ({"text": "A", "table": {"a": "b"}}, "table"),
        ({"from": "now", "once_up_to": "+"}, "test codes"),
        ({"from": "now", "up_to": "/"}, "test codes"),
    ],
)
def test_a_place_that_says_two_things_is_refused(place: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        section(**{"O-16": place})


def step(code: str, dilution: str = "", number: int = 1) -> WorkOrderStep:
    return WorkOrderStep(id=number, test_code=code, lis_code=code, dilution=dilution)


def order(of: OrderSection, *steps: WorkOrderStep, context: AnswerContext = CONTEXT) -> str:
    work = SpecimenWork(sample_id="S1", steps=steps, patient=Patient(name="Longname^Anna"))
    texts = OrderTexts(of).texts("O", OrderGroup(work, None), steps, context)
    return record_of("O", 1, texts, DEFAULT_DELIMITERS)


def test_a_constant_beside_the_code_stands_with_each_test() -> None:
    of = section(**{"O-5.3": {"text": "2"}, "O-5.5": "dilution"})
    assert order(of, step("A", "10"), step("B")) == "O|1|S1||^^2^A^10\\^^2^B"


def test_a_name_may_be_cut_and_an_id_may_not() -> None:
    of = section(**{"O-17": {"from": "patient_name", "longest": 4}})
    assert order(of, step("A")).endswith("|Long")
    with pytest.raises(DriverError, match="sample id of 2 characters"):
        order(section(**{"O-3": {"from": "sample_id", "longest": 1}}), step("A"))


def test_a_wish_that_cannot_be_written_is_not_given_as_if_it_were_none() -> None:
    """A rerun with dilution must not become a plain one because the profile has no place for it."""
    work = SpecimenWork(sample_id="S1", steps=(step("A", "10", 1), step("B", "", 2)))
    assert [one.id for one in OrderTexts(section()).writable(work).steps] == [2]
    of = OrderTexts(section(**{"O-5.5": "dilution"}))
    assert [one.id for one in of.writable(work).steps] == [1, 2]


def test_codes_of_another_beginning_get_a_record_of_their_own() -> None:
    of = OrderTexts(section(**{"O-5.4": {"from": "test_code", "once_up_to": "+"}}))
    codes = [[one.test_code for one in many] for many in of.portions([step("1+a"), step("2+a")])]
    assert codes == [["1+a"], ["2+a"]]
    assert [list(many) for many in of.portions([])] == [[]]
