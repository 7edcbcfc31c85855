"""Earlier results of a patient: those of other analyzers and of the time before this node, and our own released ones.

They are compared with, never sent. Each is kept once, whoever says it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Executable,
    Select,
    bindparam,
    func,
    or_,
    select,
    text,
)

from middleware.model import EarlierResult, Identifier
from middleware.store import patients
from middleware.store.rows import fetch, insert_rows
from middleware.store.schema import PRIOR_RESULTS, RESULTS, SPECIMENS

_SAME = (
    "order_source",
    "patient_id",
    "patient_authority",
    "lis_code",
    "measured_at",
    "value_raw",
)
"""What makes two of them one; beside it the placer number, where both have one."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose patient ids these are, and where the results are from: a connector, or a file."""

    order_source: str
    source: str


def save(conn: Connection, found: Iterable[EarlierResult], origin: Origin, now: float) -> int:
    """Keep those that are not known yet, under each identifier of the patient; answers how many results were new."""
    rows: list[dict[str, Any]] = []
    new = 0
    said: dict[tuple[Any, ...], set[str | None]] = {}
    for one in found:
        mine = [_row(one, identifier, origin, now) for identifier in one.identifiers]
        added = [row for row in mine if _is_new(conn, row, said)]
        rows += added
        new += bool(added)
    insert_rows(conn, PRIOR_RESULTS, rows)
    return new


_KNOWN = select(PRIOR_RESULTS.c.placer_number).where(
    *(PRIOR_RESULTS.c[name] == bindparam(f"of_{name}") for name in _SAME)
)


def _is_new(
    conn: Connection, row: dict[str, Any], said: dict[tuple[Any, ...], set[str | None]]
) -> bool:
    """`said` has the placer numbers of what is known, the results of this call included."""
    key = tuple(row[name] for name in _SAME)
    if key not in said:
        place = {f"of_{name}": row[name] for name in _SAME}
        said[key] = {found[0] for found in fetch(conn, _KNOWN, place)}
    placer, known = row["placer_number"], said[key]
    is_known = bool(known) if placer is None else bool(known & {placer, None})
    known.add(placer)
    return not is_known


def _row(one: EarlierResult, identifier: Identifier, origin: Origin, now: float) -> dict[str, Any]:
    value = one.value
    return {
        "order_source": origin.order_source,
        "patient_id": identifier.id,
        "patient_authority": identifier.authority,
        "lis_code": one.lis_code,
        "lis_system": one.lis_system or None,
        "specimen_type": one.specimen_type or None,
        "value_kind": value.kind.value,
        "value_raw": value.raw,
        "value_number": None if value.number is None else str(value.number),
        "comparator": value.comparator or None,
        "unit": one.unit or None,
        "measured_at": one.measured_at.timestamp(),
        "placer_number": one.placer_number or None,
        "source": origin.source,
        "loaded_at": now,
    }


# -- looking --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose earlier results of which tests as the LIS calls them, measured from `since` to just before `before`
    (seconds since 1970 UTC). `specimen_type`: of this type, or of one that was not said; empty: of any.
    """

    order_source: str
    identifiers: tuple[Identifier, ...]
    lis_codes: tuple[str, ...]
    before: float
    since: float
    specimen_type: str = ""


class Previous(NamedTuple):
    """One earlier result. `value_number` is exact decimal text, in `unit`; `result_id` None: it is not our own."""

    lis_code: str
    measured_at: float
    value_kind: str
    value_raw: str
    value_number: str | None
    comparator: str | None
    unit: str | None
    specimen_type: str | None
    result_id: int | None


def latest(conn: Connection, asked: Asked) -> dict[str, Previous]:
    """The newest earlier result of each test; tests without any are absent.

    A patient is found by its identifiers, also by those of before a merge. Raises PatientUnclear when an identifier
    without its authority could be several patients'.
    """
    return {code: found[-1] for code, found in earlier(conn, asked).items()}


def earlier(conn: Connection, asked: Asked) -> dict[str, list[Previous]]:
    """Every earlier result of each test, the oldest first, found as `latest` finds them. Raises PatientUnclear."""
    if not asked.identifiers or not asked.lis_codes:
        return {}
    refs = sorted(patients.named_by(conn, asked.order_source, asked.identifiers))
    identifiers = set(asked.identifiers)
    for ref in refs:
        identifiers.update(patients.identifiers_of(conn, ref))
    values = sorted({one.id for one in identifiers})
    rows = [
        (*row, None)
        for row in _fetch(conn, _others, values, asked)
        if _is_one_of(identifiers, row[-2], row[-1])
    ]
    if refs:
        rows += _fetch(conn, _own, refs, asked)
    names = sorted({*values, *patients.encounters_of(conn, refs)})
    rows += [
        row
        for row in _fetch(conn, _own_of_patients, names, asked)
        if _is_one_of(identifiers, row[-3], row[-2])
    ]
    return _in_order(rows, asked)


def _in_order(rows: Iterable[tuple[Any, ...]], asked: Asked) -> dict[str, list[Previous]]:
    """Each row is what `Previous` has, two columns of the patient, and the id of our own result at its end."""
    width = len(Previous._fields) - 1
    found = [Previous._make((*row[:width], row[-1])) for row in rows]
    wanted = asked.specimen_type
    ordered: dict[str, list[Previous]] = {}
    for one in sorted(found, key=lambda one: (one.measured_at, one.result_id or 0)):
        if not wanted or not one.specimen_type or one.specimen_type == wanted:
            ordered.setdefault(one.lis_code, []).append(one)
    return ordered


def _is_one_of(identifiers: Collection[Identifier], value: str, authority: str | None) -> bool:
    """One without authority stands for any."""
    return any(
        one.id == value and (not one.authority or not authority or one.authority == authority)
        for one in identifiers
    )


# -- statements: compiled once for each number of values ------------------------------------------


def _fetch(
    conn: Connection,
    statement_of: Callable[[int, int], Executable],
    values: Sequence[Any],
    asked: Asked,
) -> list[tuple[Any, ...]]:
    names, codes = _filled(values), _filled(asked.lis_codes)
    row = {f"n{at}": one for at, one in enumerate(names)}
    row |= {f"c{at}": one for at, one in enumerate(codes)}
    row |= {"since": asked.since, "before": asked.before, "of_source": asked.order_source}
    return fetch(conn, statement_of(len(names), len(codes)), row)


def _filled(values: Sequence[Any]) -> list[Any]:
    """Up to a power of two, the last said again: few different statements."""
    count = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (count - len(values))]


def _marks(letter: str, count: int) -> list[BindParameter[Any]]:
    return [bindparam(f"{letter}{at}") for at in range(count)]


@lru_cache(maxsize=64)
def _others(names: int, codes: int) -> Executable:
    table = PRIOR_RESULTS.c
    columns = [table[name] for name in Previous._fields if name != "result_id"]
    return select(*columns, table.patient_id, table.patient_authority).where(
        table.order_source == bindparam("of_source"),
        table.patient_id.in_(_marks("n", names)),
        table.lis_code.in_(_marks("c", codes)),
        table.measured_at >= bindparam("since"),
        table.measured_at < bindparam("before"),
    )


_CODE = func.coalesce(RESULTS.c.lis_code, RESULTS.c.test_code)
_AT = func.coalesce(RESULTS.c.measured_at, RESULTS.c.received_at)
_OWN = (
    _CODE,
    _AT,
    RESULTS.c.value_kind,
    RESULTS.c.value_raw,
    func.coalesce(RESULTS.c.reported_value, RESULTS.c.value_number),
    RESULTS.c.comparator,
    func.coalesce(RESULTS.c.reported_unit, RESULTS.c.unit),
    RESULTS.c.specimen_type,
    RESULTS.c.patient_id,
    RESULTS.c.patient_authority,
    RESULTS.c.id,
)
_SOURCE = func.coalesce(RESULTS.c.order_source, "")


def _released(query: Select[Any], codes: int) -> Executable:
    return query.where(
        text("results.release_state = 'released'"),
        text("results.sample_role = 'patient'"),
        _CODE.in_(_marks("c", codes)),
        bindparam("since") <= _AT,
        bindparam("before") > _AT,
    )


@lru_cache(maxsize=64)
def _own(names: int, codes: int) -> Executable:
    """Of the patient's tubes, each in its period of use."""
    tubes = SPECIMENS.c
    query = (
        select(*_OWN)
        .select_from(SPECIMENS)
        .join(RESULTS, RESULTS.c.sample_id == tubes.sample_id)
        .where(
            tubes.patient_ref.in_(_marks("n", names)),
            RESULTS.c.received_at >= tubes.used_from,
            or_(tubes.used_until.is_(None), RESULTS.c.received_at <= tubes.used_until),
            RESULTS.c.identified_by.is_(None),
            or_(text("coalesce(results.order_source, '') = ''"), tubes.order_source == _SOURCE),
        )
    )
    return _released(query, codes)


@lru_cache(maxsize=64)
def _own_of_patients(names: int, codes: int) -> Executable:
    """Of lines whose sample ids name patients or encounters."""
    query = select(*_OWN).where(
        RESULTS.c.sample_id.in_(_marks("n", names)),
        RESULTS.c.identified_by.is_not(None),
        or_(text("coalesce(results.order_source, '') = ''"), bindparam("of_source") == _SOURCE),
    )
    return _released(query, codes)
