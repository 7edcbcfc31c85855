"""Which tube an identifier, a range of them, or a place names. Where two tubes could be confused it names none.

Only the exact sample id counts. A tube in use whose id, or former id, is like it but for case, blanks and leading zeros
makes it doubtful (`normal_sample_id`): some reader on the way may strip zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Executable, bindparam, func, select, text

from middleware.model import normal_sample_id
from middleware.store.order_schema import OPEN_OF_TUBE
from middleware.store.rows import fetch, fetch_any, marks
from middleware.store.schema import SPECIMEN_NAMES, SPECIMENS, WORK_ORDER_STEPS

SEEN_PLACE_HOLDS_S = 3600.0
"""How long the place that an analyzer read counts: racks are used again within the day."""

PUT_PLACE_HOLDS_S = 12 * 3600.0
"""How long the place counts that the LIS gave a tube."""

MOST_IN_RANGE = 1000
"""Tubes of one range that are looked at, the lowest ids first."""

_IN_USE = text("specimens.used_until IS NULL")
_DIGITS = "0123456789"


class Tube(NamedTuple):
    """A specimen in use, as work is given for it. Times in seconds since 1970 UTC."""

    id: int
    order_source: str
    sample_id: str
    sample_id_normal: str
    specimen_type: str | None
    patient_id: str | None
    patient_authority: str | None
    patient_name: str | None
    birth_date: str | None
    sex: str | None
    collected_at: float | None
    arrived_at: float | None
    seen_line: str | None
    seen_carrier: str | None
    seen_position: str | None
    seen_at: float | None
    placed_at: float | None
    put_carrier: str | None
    put_position: str | None
    put_at: float | None


class Former(NamedTuple):
    """A sample id that a tube in use had until it was labelled anew."""

    specimen_id: int
    order_source: str
    former: str
    sample_id: str
    used_until: float


TUBE_COLUMNS = tuple(SPECIMENS.c[name] for name in Tube._fields)
Alike = Mapping[str, Sequence[Tube]]
"""Tubes in use by the normal form of their sample id."""


@lru_cache(maxsize=16)
def _by_normal(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(*TUBE_COLUMNS).where(SPECIMENS.c.sample_id_normal.in_(wanted), _IN_USE)


@lru_cache(maxsize=16)
def _former_by_normal(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(
            SPECIMENS.c.id,
            SPECIMENS.c.order_source,
            SPECIMEN_NAMES.c.sample_id,
            SPECIMENS.c.sample_id,
            SPECIMEN_NAMES.c.used_until,
        )
        .join(SPECIMENS, SPECIMENS.c.id == SPECIMEN_NAMES.c.specimen_id)
        .where(SPECIMEN_NAMES.c.sample_id_normal.in_(wanted), _IN_USE)
        .order_by(SPECIMEN_NAMES.c.id)
    )


def alike(conn: Connection, sample_ids: Iterable[str]) -> dict[str, list[Tube]]:
    """Tubes in use by the normal form of their id, for every id that is like one of these."""
    found: dict[str, list[Tube]] = {}
    normal = _normal_forms(sample_ids)
    for row in fetch_any(conn, _by_normal, normal) if normal else ():
        tube = Tube(*row)
        found.setdefault(tube.sample_id_normal, []).append(tube)
    return found


def former(conn: Connection, sample_ids: Iterable[str], source: str = "") -> list[Former]:
    """Tubes in use that had one of these ids, or one like it, before they were labelled anew.

    A tube that got its former id back is not among them. `source` empty: of any order source.
    """
    normal = _normal_forms(sample_ids)
    rows = fetch_any(conn, _former_by_normal, normal) if normal else []
    names = {Former(*row) for row in rows}
    return sorted(
        one
        for one in names
        if one.former != one.sample_id and (not source or one.order_source == source)
    )


def the_one(found: Alike, sample_id: str, source: str) -> Tube | None:
    """The tube with exactly this id; None when another in use is so alike that a reader could confuse them."""
    same = [
        one
        for one in found.get(normal_sample_id(sample_id), ())
        if not source or one.order_source == source
    ]
    return same[0] if len(same) == 1 and same[0].sample_id == sample_id else None


def named(conn: Connection, sample_ids: Sequence[str], source: str) -> dict[str, Tube]:
    """The tube of each sample id that names exactly one; in the order of the ids."""
    found = alike(conn, sample_ids)
    tubes = {one: tube for one in sample_ids if (tube := the_one(found, one, source)) is not None}
    if not tubes:
        return {}
    doubtful: dict[str, set[int]] = {}
    for name in former(conn, tubes, source):
        doubtful.setdefault(normal_sample_id(name.former), set()).add(name.specimen_id)
    return {
        one: tube
        for one, tube in tubes.items()
        if doubtful.get(tube.sample_id_normal, set()) <= {tube.id}
    }


def _normal_forms(sample_ids: Iterable[str]) -> list[str]:
    return sorted({normal_sample_id(one) for one in sample_ids} - {""})


# -- ranges ---------------------------------------------------------------------------------------

_HAS_OPEN = (
    select(WORK_ORDER_STEPS.c.id)
    .where(WORK_ORDER_STEPS.c.specimen_id == SPECIMENS.c.id, OPEN_OF_TUBE)
    .exists()
)


@lru_cache(maxsize=4)
def _between(*, is_of_digits: bool) -> Executable:
    """Of the ids in a range of normal forms; ids of digits alone are compared at one length."""
    query = select(SPECIMENS.c.id, SPECIMENS.c.sample_id, SPECIMENS.c.sample_id_normal).where(
        SPECIMENS.c.sample_id_normal >= bindparam("first"),
        SPECIMENS.c.sample_id_normal <= bindparam("last"),
        _IN_USE,
    )
    if is_of_digits:
        query = query.where(
            func.length(SPECIMENS.c.sample_id) == bindparam("whole"),
            func.length(SPECIMENS.c.sample_id_normal) == bindparam("part"),
        )
    looked_at = query.order_by(SPECIMENS.c.sample_id_normal).limit(MOST_IN_RANGE).subquery()
    has_open = (
        select(WORK_ORDER_STEPS.c.id)
        .where(WORK_ORDER_STEPS.c.specimen_id == looked_at.c.id, OPEN_OF_TUBE)
        .exists()
    )
    return select(looked_at.c.sample_id).where(has_open).order_by(looked_at.c.sample_id_normal)


def ids_in_range(conn: Connection, first: str, last: str) -> list[str]:
    """Sample ids in use, with open work, from `first` to `last`, both included, in order.

    Where both are digits of one length, the ids of that length count as numbers; else ids are ordered as text, in the
    normal form of both. A range that runs backwards names nothing.
    """
    if _is_number(first) and _is_number(last) and len(first) == len(last):
        return _numbers_in_range(conn, first, last)
    low, high = normal_sample_id(first), normal_sample_id(last)
    if not low or not high or low > high:
        return []
    rows = fetch(conn, _between(is_of_digits=False), {"first": low, "last": high})
    return [str(row[0]) for row in rows]


def _is_number(sample_id: str) -> bool:
    return bool(sample_id) and not sample_id.strip(_DIGITS)


def _numbers_in_range(conn: Connection, first: str, last: str) -> list[str]:
    """The normal form has no leading zeros, so the range is looked up for each length of it."""
    if first > last:
        return []
    low, high = first.lstrip("0") or "1", last.lstrip("0")
    found: list[str] = []
    for part in range(len(low), len(high) + 1):
        row = {
            "first": low if part == len(low) else "1" + "0" * (part - 1),
            "last": high if part == len(high) else "9" * part,
            "whole": len(first),
            "part": part,
        }
        found += [str(one[0]) for one in fetch(conn, _between(is_of_digits=True), row)]
        if len(found) >= MOST_IN_RANGE:
            break
    return found


# -- places ---------------------------------------------------------------------------------------

_AT_PLACE = {
    "seen": select(*TUBE_COLUMNS).where(
        text("specimens.seen_carrier IS NOT NULL"),
        SPECIMENS.c.seen_carrier == bindparam("carrier"),
        SPECIMENS.c.seen_position == bindparam("position"),
        SPECIMENS.c.seen_line == bindparam("line"),
        SPECIMENS.c.placed_at >= bindparam("since"),
        _IN_USE,
        _HAS_OPEN,
    ),
    "put": select(*TUBE_COLUMNS).where(
        text("specimens.put_carrier IS NOT NULL"),
        SPECIMENS.c.put_carrier == bindparam("carrier"),
        SPECIMENS.c.put_position == bindparam("position"),
        SPECIMENS.c.put_at >= bindparam("since"),
        _IN_USE,
        _HAS_OPEN,
    ),
}
_ON_CARRIER = (
    select(*TUBE_COLUMNS)
    .where(
        text("specimens.put_carrier IS NOT NULL"),
        SPECIMENS.c.put_carrier == bindparam("carrier"),
        SPECIMENS.c.put_at >= bindparam("since"),
        _IN_USE,
        _HAS_OPEN,
    )
    .order_by(SPECIMENS.c.put_position, SPECIMENS.c.id)
)


class Place(NamedTuple):
    """Where a tube stands at one line; `position` may be empty."""

    line: str
    carrier: str
    position: str


def at_place(conn: Connection, place: Place, source: str, now: float) -> Tube | None:
    """The tube with open work that the LIS put there, or that this line saw there last; None when several could."""
    if not place.carrier and not place.position:
        return None
    row = {"carrier": place.carrier, "position": place.position, "line": place.line}
    put = fetch(conn, _AT_PLACE["put"], {**row, "since": now - PUT_PLACE_HOLDS_S})
    seen = fetch(conn, _AT_PLACE["seen"], {**row, "since": now - SEEN_PLACE_HOLDS_S})
    tubes = {Tube(*one).id: Tube(*one) for one in (*put, *seen)}
    mine = [one for one in tubes.values() if not source or one.order_source == source]
    if len(mine) != 1:
        return None
    # A doubtful id is doubtful wherever its tube stands.
    return named(conn, [mine[0].sample_id], source).get(mine[0].sample_id)


def on_carrier(conn: Connection, carrier: str, source: str, now: float) -> list[Tube]:
    """Tubes with open work that the LIS put on a carrier, by position."""
    rows = fetch(conn, _ON_CARRIER, {"carrier": carrier, "since": now - PUT_PLACE_HOLDS_S})
    ids = list(dict.fromkeys(Tube(*row).sample_id for row in rows))
    return list(named(conn, ids, source).values())
