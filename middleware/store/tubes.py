"""What orders know of the tubes that results may be of: those whose id is alike, former ids, earlier periods of use.

Read only. Where nothing is ordered under an id it costs one look-up in two indexes for a whole batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, bindparam, literal, select, union_all

from middleware.model import normal_sample_id
from middleware.model.tube import Tube, TubeTest
from middleware.store.order_schema import SPECIMEN_NAMES, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.rows import fetch_any, marks

_TUBE = tuple(SPECIMENS.c[name] for name in Tube._fields if name != "former")
_TEST = tuple(WORK_ORDER_STEPS.c[name] for name in TubeTest._fields)


def alike(conn: Connection, sample_ids: Collection[str]) -> dict[str, list[Tube]]:
    """Every tube, in use or not, whose id is one of these but for case, blanks and leading zeros, or was: by the
    normal form of the id. Ids that were never ordered are absent."""
    normal = sorted({normal_sample_id(one) for one in sample_ids} - {""})
    found: dict[str, list[Tube]] = {}
    for name, *row in fetch_any(conn, _alike, normal):
        found.setdefault(name, []).append(Tube(*row))
    return found


@lru_cache(maxsize=16)
def _alike(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    present = select(SPECIMENS.c.sample_id_normal, *_TUBE, literal("").label("former")).where(
        SPECIMENS.c.sample_id_normal.in_(wanted)
    )
    former = (
        select(SPECIMEN_NAMES.c.sample_id_normal, *_TUBE, SPECIMEN_NAMES.c.sample_id)
        .join(SPECIMENS, SPECIMENS.c.id == SPECIMEN_NAMES.c.specimen_id)
        .where(SPECIMEN_NAMES.c.sample_id_normal.in_(wanted))
    )
    return union_all(present, former)


def of_id(found: Mapping[str, Sequence[Tube]], sample_id: str) -> Sequence[Tube]:
    """Of what `alike` found, the tubes that this id could mean."""
    return found.get(normal_sample_id(sample_id), ())


def tests_of(conn: Connection, specimen_ids: Sequence[int]) -> dict[int, list[TubeTest]]:
    """Every step of these specimens in any state, the oldest first; specimens without any are absent."""
    found: dict[int, list[TubeTest]] = {}
    for row in sorted(fetch_any(conn, _tests, sorted(set(specimen_ids)))):
        step = TubeTest(*row)
        found.setdefault(step.specimen_id, []).append(step)
    return found


@lru_cache(maxsize=16)
def _tests(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(*_TEST).where(WORK_ORDER_STEPS.c.specimen_id.in_(wanted))


def test(conn: Connection, step_id: int) -> TubeTest | None:
    """One step; None: it is not there (any more)."""
    row = conn.execute(select(*_TEST).where(WORK_ORDER_STEPS.c.id == step_id)).first()
    return None if row is None else TubeTest(*row)
