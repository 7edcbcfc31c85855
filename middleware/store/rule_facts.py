"""What the rules may know of a result beside itself: its tube and patient as ordered, and the tube's other results.

Read only; a batch costs two statements, however many results it has.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Executable, bindparam, select, text

from middleware.store.rows import fetch_any, marks
from middleware.store.schema import RESULTS, SPECIMENS


class Ordered(NamedTuple):
    """A tube as the LIS ordered it. `collected_at`: seconds since 1970 UTC. None: the LIS did not say."""

    id: int
    order_source: str
    specimen_type: str | None
    patient_id: str | None
    patient_authority: str | None
    birth_date: str | None
    sex: str | None
    location: str | None
    collected_at: float | None


class Beside(NamedTuple):
    """A stored result under the same sample id; the columns are those of the table of results."""

    sample_id: str
    id: int
    line: str
    order_source: str | None
    received_at: float
    test_code: str
    lis_code: str | None
    value_kind: str
    value_raw: str
    value_number: str | None
    value_text: str | None
    comparator: str | None
    unit: str
    reported_value: str | None
    reported_unit: str | None
    release_state: str
    findings: str | None
    identified_by: str | None
    isolate: str | None


def tubes(conn: Connection, specimen_ids: Collection[int]) -> dict[int, Ordered]:
    """These tubes by id; unknown ids are absent."""
    found = (Ordered._make(row) for row in fetch_any(conn, _tubes, sorted(set(specimen_ids))))
    return {one.id: one for one in found}


def results_of(conn: Connection, sample_ids: Collection[str]) -> dict[str, list[Beside]]:
    """Patients' results under these sample ids but repetitions, the oldest first; ids without any are absent."""
    found: dict[str, list[Beside]] = {}
    for row in fetch_any(conn, _results, sorted(set(sample_ids))):
        one = Beside._make(row)
        found.setdefault(one.sample_id, []).append(one)
    return found


@lru_cache(maxsize=16)
def _tubes(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(*(SPECIMENS.c[name] for name in Ordered._fields)).where(
        SPECIMENS.c.id.in_(wanted)
    )


@lru_cache(maxsize=16)
def _results(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(*(RESULTS.c[name] for name in Beside._fields))
        .where(
            RESULTS.c.sample_id.in_(wanted),
            text("sample_role = 'patient'"),
            text("release_state <> 'duplicate'"),
        )
        .order_by(RESULTS.c.id)
    )
