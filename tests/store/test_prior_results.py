"""Earlier results of a patient: of other systems and our own, by identifier, the newest of each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from middleware.model import EarlierResult, Identifier, ResultValue, ValueKind
from middleware.store import prior_results, results
from middleware.store.prior_results import Asked, Origin, Previous
from tests.kit.instant_store import empty_store
from tests.kit.made_setups import journaled
from tests.kit.orders import NOW, apply, patient, request
from tests.kit.store_rows import result_row

DAY = 86400.0
ORIGIN = Origin("lis", "old LIS")


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def ids(*values: str, authority: str = "HOSP") -> tuple[Identifier, ...]:
    return tuple(Identifier(id=one, authority=authority) for one in values)


def earlier(
    value: str = "5.40", days_ago: float = 10, code: str = "GLU", **more: Any
) -> EarlierResult:
    at = datetime.fromtimestamp(NOW - days_ago * DAY, UTC)
    return EarlierResult(
        identifiers=more.pop("identifiers", ids("P1")),
        lis_code=code,
        value=ResultValue(kind=ValueKind.NUMBER, raw=value, number=Decimal(value)),
        measured_at=at,
        unit="mmol/L",
        **more,
    )


def save(conn: Connection, *found: EarlierResult, origin: Origin = ORIGIN) -> int:
    return prior_results.save(conn, found, origin, NOW)


def latest(conn: Connection, *codes: str, **more: Any) -> dict[str, Previous]:
    asked = {"identifiers": ids("P1"), "before": NOW, "since": NOW - 365 * DAY, **more}
    return prior_results.latest(conn, Asked("lis", lis_codes=codes or ("GLU",), **asked))


def own(conn: Connection, sample_id: str = "S1", days_ago: float = 1, **more: Any) -> int:
    at = NOW - days_ago * DAY
    row = result_row(journaled(conn).id, sample_id=sample_id)
    row |= {"test_code": "GLU", "value_number": "7.0", "unit": "mmol/L", "specimen_type": None}
    row |= {"measured_at": at, "received_at": at, "release_state": "released"}
    return results.save(conn, [row | more])[0]


def test_the_newest_of_each_test_is_found_exactly(conn: Connection) -> None:
    save(conn, earlier("5.40", 10), earlier("6.10", 3), earlier("140", 5, "NA"))
    found = latest(conn, "GLU", "NA", "TSH")
    assert {code: one.value_number for code, one in found.items()} == {"GLU": "6.10", "NA": "140"}
    assert found["GLU"].unit == "mmol/L"
    assert found["GLU"].result_id is None


def test_what_is_said_again_is_kept_once(conn: Connection) -> None:
    assert save(conn, earlier(), earlier()) == 1
    assert save(conn, earlier(placer_number="O1")) == 0
    assert save(conn, earlier("5.50")) == 1


def test_two_orders_with_the_same_value_at_one_time_are_two(conn: Connection) -> None:
    assert save(conn, earlier(placer_number="O1"), earlier(placer_number="O2")) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"identifiers": ids("P2")},
        {"identifiers": ids("P1", authority="CLINIC")},
        {"before": NOW - 10 * DAY},
        {"since": NOW - 9 * DAY},
    ],
)
def test_another_patient_or_another_time_is_not_found(
    conn: Connection, other: dict[str, Any]
) -> None:
    save(conn, earlier())
    assert latest(conn, **other) == {}


def test_another_systems_patient_of_that_number_is_not_found(conn: Connection) -> None:
    save(conn, earlier(), origin=Origin("clinic", "x"))
    assert latest(conn) == {}


def test_another_specimen_type_is_not_compared_with(conn: Connection) -> None:
    save(conn, earlier("1", 3, specimen_type="UR"), earlier("2", 4), earlier("3", 5))
    assert latest(conn, specimen_type="SER")["GLU"].value_number == "2"
    assert latest(conn)["GLU"].value_number == "1"


def test_our_own_released_result_of_another_tube_counts(conn: Connection) -> None:
    """The tube's order says whose it was; the analyzer said nothing of a patient."""
    apply(conn, request("S1", patient=patient("P1")), now=NOW - 2 * DAY)
    result_id = own(conn)
    save(conn, earlier("5.40", 10))
    assert latest(conn)["GLU"][4:] == ("7.0", None, "mmol/L", None, result_id)


@pytest.mark.parametrize(
    "state", [{"release_state": "held"}, {"release_state": "rejected"}, {"sample_role": "qc"}]
)
def test_what_was_not_released_is_not_compared_with(
    conn: Connection, state: dict[str, Any]
) -> None:
    apply(conn, request("S1", patient=patient("P1")), now=NOW - 2 * DAY)
    own(conn, **state)
    assert latest(conn) == {}


def test_a_result_of_the_earlier_use_of_a_sample_id_is_anothers(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")), now=NOW - 2 * DAY)
    own(conn, days_ago=3)
    assert latest(conn) == {}


def test_the_lis_code_and_the_reported_unit_count(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")), now=NOW - 2 * DAY)
    own(conn, test_code="17", lis_code="GLU", reported_value="126", reported_unit="mg/dL")
    found = latest(conn)["GLU"]
    assert (found.value_number, found.unit) == ("126", "mg/dL")


def test_a_bedside_result_counts_by_its_patient(conn: Connection) -> None:
    own(conn, "P1", identified_by="patient", patient_id="P1", patient_authority="HOSP")
    assert latest(conn)["GLU"].value_number == "7.0"


def test_a_tube_that_has_the_letters_of_a_patient_id_is_no_bedside_result(conn: Connection) -> None:
    own(conn, "P1")
    assert latest(conn) == {}
