"""Patients by their identifiers: made by orders, changed by ADT, two made one by a merge; never by a name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, select

from middleware.model import (
    ChangeKind,
    Identifier,
    OrderAnswer,
    OrderFault,
    Patient,
    PatientAction,
    PatientChange,
    PatientIdKind,
)
from middleware.store import patient_updates, patients
from middleware.store.patient_updates import Touched
from middleware.store.patients import PatientUnclear
from middleware.store.schema import PATIENTS, SPECIMENS
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, patient, request


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def ids(*values: str, authority: str = "HOSP") -> tuple[Identifier, ...]:
    return tuple(Identifier(id=one, authority=authority) for one in values)


def who(*values: str, authority: str = "HOSP", **more: str) -> Patient:
    return Patient(identifiers=ids(*values, authority=authority), **more)


def say(
    conn: Connection, of: Patient, action: PatientAction = PatientAction.UPDATE, **more: object
) -> Touched | None:
    change = PatientChange(action=action, patient=of, **more)
    return patient_updates.apply(conn, change, "lis", NOW)


def merged(conn: Connection, into: str, prior: str) -> Touched | None:
    return say(conn, who(into), PatientAction.MERGE, prior=ids(prior))


def named(conn: Connection, value: str, authority: str = "HOSP", **more: object) -> set[int]:
    return patients.named_by(conn, "lis", ids(value, authority=authority), **more)


def tube(conn: Connection, sample_id: str = "S1") -> dict[str, object]:
    query = select(SPECIMENS).where(SPECIMENS.c.sample_id == sample_id)
    return dict(conn.execute(query).mappings().one())


def test_an_order_leads_from_its_tube_to_its_patient(conn: Connection) -> None:
    apply(conn, request(patient=patient("P1"), location="WARD1", encounter="V1"))
    assert {tube(conn)["patient_ref"]} == named(conn, "P1")
    assert (tube(conn)["location"], tube(conn)["encounter"]) == ("WARD1", "V1")
    assert named(conn, "V1", "", kind=PatientIdKind.ENCOUNTER) == named(conn, "P1")


def test_two_tubes_of_one_patient_lead_to_one_patient(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")), request("S2", patient=patient("P1")))
    assert tube(conn, "S1")["patient_ref"] == tube(conn, "S2")["patient_ref"]


def test_the_same_number_of_another_authority_is_another_patient(conn: Connection) -> None:
    say(conn, who("P1", authority="HOSP"))
    say(conn, who("P1", authority="CLINIC"))
    assert named(conn, "P1", "HOSP").isdisjoint(named(conn, "P1", "CLINIC"))


def test_a_number_without_authority_counts_only_while_it_is_one_patients(conn: Connection) -> None:
    """With two of them nobody can tell which is meant."""
    say(conn, who("P1", authority="HOSP"))
    assert named(conn, "P1", "") == named(conn, "P1", "HOSP")
    say(conn, who("P1", authority="CLINIC"))
    with pytest.raises(PatientUnclear):
        named(conn, "P1", "")


def test_a_number_that_got_its_authority_later_stands_for_no_other(conn: Connection) -> None:
    """First an order without an authority, then the ADT with it, then another hospital's patient of that number."""
    say(conn, who("P1", authority=""))
    say(conn, who("P1", authority="HOSP"))
    say(conn, who("P1", authority="CLINIC"))
    assert named(conn, "P1", "HOSP").isdisjoint(named(conn, "P1", "CLINIC"))


def test_patients_of_another_order_source_are_others(conn: Connection) -> None:
    say(conn, who("P1"))
    assert patients.named_by(conn, "clinic", ids("P1")) == set()


def test_a_new_name_is_written_on_the_tubes_and_touches_none(conn: Connection) -> None:
    """A marriage is no other patient."""
    apply(conn, request(patient=patient("P1")))
    assert say(conn, who("P1", name="Other^Ann")) is None
    assert tube(conn)["patient_name"] == "Other^Ann"


def test_another_birth_date_touches_the_tubes_in_use(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")), request("S2", patient=patient("P2")))
    touched = say(conn, who("P1", birth_date="19800101"))
    assert touched == Touched(ChangeKind.PATIENT, (tube(conn, "S1")["id"],))
    assert tube(conn, "S1")["birth_date"] == "19800101"
    assert tube(conn, "S2")["birth_date"] == "19700101"


def test_an_order_with_the_corrected_birth_date_fits_its_tube(conn: Connection) -> None:
    apply(conn, request(patient=patient("P1")))
    say(conn, who("P1", birth_date="19800101"))
    again = apply(conn, request(test="UREA", patient=patient("P1", "19800101")))
    assert again[0].answer is OrderAnswer.ACCEPTED


def test_a_merge_the_other_way_round_makes_the_other_id_the_one_that_counts(
    conn: Connection,
) -> None:
    merged(conn, "P1", "P2")
    merged(conn, "P2", "P1")
    (known,) = named(conn, "P1")
    assert patients.identifiers_of(conn, known)[0].id == "P2"


def test_said_twice_touches_once(conn: Connection) -> None:
    apply(conn, request(patient=patient("P1")))
    assert say(conn, who("P1", birth_date="19800101")) is not None
    assert say(conn, who("P1", birth_date="19800101")) is None


def test_a_merge_makes_one_patient_of_two(conn: Connection) -> None:
    """Orders under either id are of one patient from now on."""
    apply(conn, request("S1", patient=patient("P9")), request("S2", patient=patient("P1")))
    touched = merged(conn, "P1", "P9")
    assert touched == Touched(ChangeKind.MERGED, (tube(conn, "S1")["id"],))
    assert named(conn, "P9") == named(conn, "P1") == {tube(conn, "S1")["patient_ref"]}
    assert tube(conn, "S1")["patient_id"] == "P1"
    for number in ("P1", "P9"):
        more = request("S1", f"T-{number}", patient=patient(number))
        assert apply(conn, more)[0].answer is OrderAnswer.ACCEPTED
    assert tube(conn, "S1")["patient_id"] == "P1"


def test_an_order_that_comes_later_under_the_old_id_is_of_the_one_patient(conn: Connection) -> None:
    """Also when nothing was known under either id before."""
    merged(conn, "P1", "P9")
    apply(conn, request("S1", patient=patient("P9")), request("S2", patient=patient("P1")))
    assert tube(conn, "S1")["patient_ref"] == tube(conn, "S2")["patient_ref"]


def test_merges_in_a_row_lead_to_the_last(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")))
    merged(conn, "P2", "P1")
    merged(conn, "P3", "P2")
    assert named(conn, "P1") == named(conn, "P3") == {tube(conn)["patient_ref"]}


def test_a_merge_that_is_said_twice_does_nothing_twice(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P9")))
    merged(conn, "P1", "P9")
    assert merged(conn, "P1", "P9") is None
    assert len(conn.execute(select(PATIENTS).where(PATIENTS.c.merged_into.is_(None))).all()) == 1


def test_without_a_merge_another_id_stays_another_patient(conn: Connection) -> None:
    """The same name, birth date and sex prove nothing."""
    apply(conn, request("S1", patient=patient("P9")))
    say(conn, who("P1", name="Sample^Ann", birth_date="19700101", sex="F"))
    assert named(conn, "P1").isdisjoint(named(conn, "P9"))
    assert apply(conn, request(test="UREA", patient=patient("P1")))[0].fault is (
        OrderFault.OTHER_PATIENT
    )


def test_an_update_with_the_ids_of_two_patients_is_refused_and_changes_nothing(
    conn: Connection,
) -> None:
    """Only a merge makes them one; an update that names both is a mistake of one side."""
    say(conn, who("P1", birth_date="19700101"))
    say(conn, who("P2"))
    with pytest.raises(PatientUnclear, match="A40"):
        say(conn, who("P1", "P2", birth_date="19800101"))
    (known,) = named(conn, "P1")
    assert patients.get(conn, known).birth_date == "19700101"  # type: ignore[union-attr]


def test_a_merge_that_could_mean_several_patients_is_refused(conn: Connection) -> None:
    say(conn, who("P9", authority="HOSP"))
    say(conn, who("P9", authority="CLINIC"))
    with pytest.raises(PatientUnclear):
        say(conn, who("P1"), PatientAction.MERGE, prior=ids("P9", authority=""))
    assert named(conn, "P1") == set()


def test_an_encounter_that_ended_names_nobody_until_it_is_opened_again(conn: Connection) -> None:
    visit = {"encounters": ids("V1")}
    say(conn, who("P1"), **visit)
    assert named(conn, "V1", kind=PatientIdKind.ENCOUNTER) == named(conn, "P1")
    say(conn, who("P1"), PatientAction.END, **visit)
    assert named(conn, "V1", kind=PatientIdKind.ENCOUNTER) == set()
    say(conn, who("P1"), **visit)
    assert named(conn, "V1", kind=PatientIdKind.ENCOUNTER) == named(conn, "P1")


def test_an_encounter_under_way_is_given_to_no_second_patient(conn: Connection) -> None:
    say(conn, who("P1"), encounters=ids("V1"))
    with pytest.raises(PatientUnclear, match="encounter"):
        say(conn, who("P2"), encounters=ids("V1"))
    assert named(conn, "P2") == set()


def test_the_number_of_an_ended_encounter_may_be_another_patients(conn: Connection) -> None:
    say(conn, who("P1"), encounters=ids("V1"))
    say(conn, who("P1"), PatientAction.END, encounters=ids("V1"))
    say(conn, who("P2"), encounters=ids("V1"))
    assert named(conn, "V1", kind=PatientIdKind.ENCOUNTER) == named(conn, "P2")


def test_a_transfer_moves_the_tubes_of_that_encounter(conn: Connection) -> None:
    apply(
        conn,
        request("S1", patient=patient("P1"), encounter="V1", location="WARD1"),
        request("S2", patient=patient("P1"), encounter="V2", location="WARD1"),
    )
    say(conn, who("P1"), encounters=ids("V1"), location="ICU^3")
    assert (tube(conn, "S1")["location"], tube(conn, "S2")["location"]) == ("ICU^3", "WARD1")


def test_tubes_of_long_ago_are_left_alone(conn: Connection) -> None:
    """A correction of a birth date is no reason to go through a year of blood tests."""
    apply(conn, request("S1", patient=patient("P1")), now=NOW - patient_updates.LOOKED_AT_S - 1)
    apply(conn, request("S2", patient=patient("P1")))
    touched = say(conn, who("P1", birth_date="19800101"))
    assert touched == Touched(ChangeKind.PATIENT, (tube(conn, "S2")["id"],))


def test_a_year_alone_is_no_other_birth_date(conn: Connection) -> None:
    apply(conn, request(patient=patient("P1", "19700101")))
    assert apply(conn, request(test="UREA", patient=patient("P1", "1970")))[0].is_good
    assert say(conn, who("P1", birth_date="1970")) is None
    assert tube(conn)["birth_date"] == "19700101"
    assert say(conn, who("P1", birth_date="1971")) is not None


def test_a_number_of_another_authority_does_not_take_a_tube_over(conn: Connection) -> None:
    """It may be the same person's; the tube keeps the number that it came with."""
    apply(conn, request(patient=patient("P1")))
    other = who("X7", authority="GOV")
    assert apply(conn, request(test="UREA", patient=other))[0].is_good
    assert tube(conn)["patient_id"] == "P1"


def test_a_number_that_is_known_as_another_patients_is_refused(conn: Connection) -> None:
    apply(conn, request("S1", patient=patient("P1")))
    say(conn, who("X7", authority="GOV"))
    outcome = apply(conn, request("S1", "UREA", patient=who("X7", authority="GOV")))[0]
    assert outcome.fault is OrderFault.OTHER_PATIENT


def test_a_patient_without_a_tube_is_forgotten_when_the_lis_is_silent_for_long(
    conn: Connection,
) -> None:
    """Patient data is kept as long as it serves; who has a tube, or was spoken of, stays."""
    apply(conn, request("S1", patient=patient("P1")))
    say(conn, who("P2"), encounters=ids("V2"))
    say(conn, who("P3"))
    later = NOW + 10
    change = PatientChange(action=PatientAction.UPDATE, patient=who("P3"))
    patient_updates.apply(conn, change, "lis", later)
    assert patients.forget(conn, later) == 1
    assert named(conn, "P2") == set()
    assert named(conn, "P1") and named(conn, "P3")
    say(conn, who("P4"), encounters=ids("V2"))
