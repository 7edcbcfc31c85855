"""Random ADT, merges and orders: each identifier leads to one patient, and only merges make two of them one."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import select

from middleware.model import Identifier, OrderAnswer, Patient, PatientAction, PatientChange
from middleware.store import patient_updates, patients
from middleware.store.schema import PATIENT_IDS, SPECIMENS
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, request

NUMBERS = [(f"P{n}", authority) for n in range(6) for authority in ("HOSP", "CLINIC")]


class Truth:
    """Which identifiers the LIS said to be of one patient."""

    def __init__(self) -> None:
        self.group: dict[tuple[str, str], int] = {}

    def know(self, number: tuple[str, str]) -> None:
        self.group.setdefault(number, len(self.group) + 1000)

    def unite(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        self.know(one)
        self.know(other)
        gone, stays = self.group[other], self.group[one]
        for number, group in self.group.items():
            if group == gone:
                self.group[number] = stays


def who(number: tuple[str, str]) -> Patient:
    return Patient(identifiers=(Identifier(id=number[0], authority=number[1]),))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_identifiers_lead_where_the_lis_said(seed: int) -> None:
    chance, truth, conn = random.Random(seed), Truth(), empty_store()
    tubes: dict[str, tuple[str, str]] = {}
    for step in range(40):
        number, other = chance.sample(NUMBERS, 2)
        what = chance.choice(("update", "merge", "order", "order"))
        if what == "merge":
            change = PatientChange(
                action=PatientAction.MERGE, patient=who(number), prior=who(other).identifiers
            )
            patient_updates.apply(conn, change, "lis", NOW + step)
            truth.unite(number, other)
        elif what == "update":
            change = PatientChange(action=PatientAction.UPDATE, patient=who(number))
            patient_updates.apply(conn, change, "lis", NOW + step)
            truth.know(number)
        else:
            sample_id = f"S{chance.randrange(8)}"
            (outcome,) = apply(conn, request(sample_id, f"T{step}", patient=who(number)))
            if sample_id not in tubes:
                truth.know(number)
            owner = tubes.setdefault(sample_id, number)
            # A number that nobody knows contradicts only one of its own authority, and proves nothing.
            if number in truth.group:
                is_same = truth.group[owner] == truth.group[number]
                assert (outcome.answer is OrderAnswer.ACCEPTED) == is_same
    found = {
        number: patients.named_by(conn, "lis", who(number).identifiers) for number in truth.group
    }
    assert all(len(one) == 1 for one in found.values())
    for number, group in truth.group.items():
        for another, other_group in truth.group.items():
            assert (found[number] == found[another]) == (group == other_group)
    for sample_id, number in tubes.items():
        query = select(SPECIMENS.c.patient_ref).where(SPECIMENS.c.sample_id == sample_id)
        assert {conn.execute(query).scalar_one()} == found[number]
    kept = conn.execute(select(PATIENT_IDS.c.value, PATIENT_IDS.c.authority)).all()
    assert len(kept) == len(set(kept))
    conn.rollback()
