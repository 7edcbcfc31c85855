"""A tube gets another sample id: what is ordered stays with it, and its former id names nothing any more.

The old label may still be on it, or in an analyzer: while the tube is in use a query under the former id gets nothing,
a result under it finds no order (`specimen_lookup.former` says whose it was), and nothing new is ordered under it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from middleware.errors import StoreError
from middleware.model import StepState, normal_sample_id
from middleware.store import specimen_lookup, withdrawals
from middleware.store.open_steps import open_steps
from middleware.store.rows import insert_rows
from middleware.store.schema import SPECIMEN_NAMES, SPECIMENS, STEP_HISTORY, WORK_ORDER_STEPS
from middleware.store.steps import Change

_AT_ANALYZER = (StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)


class CannotRelabel(StoreError):
    """The old id names no one tube, or the new id is taken."""

    code = "cannot-relabel"


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What was done. `lines` have work of the tube under its former id: the analyzers must be told by a person."""

    specimen_id: int
    order_source: str
    lines: tuple[str, ...]


def relabel(conn: Connection, old: str, new: str, change: Change, source: str = "") -> Relabelled:
    """Give the tube `old` the sample id `new`. `source` empty: whichever order source has it, if only one has.

    Raises CannotRelabel; then nothing is changed.
    """
    if not normal_sample_id(new) or old == new:
        raise CannotRelabel("the new sample id is empty or the old one", what_to_do="Give another.")
    tube = _in_use(conn, old, source)
    _check_free(conn, new, tube)
    conn.execute(
        insert(SPECIMEN_NAMES).values(
            specimen_id=tube.id,
            order_source=tube.order_source,
            sample_id=old,
            sample_id_normal=tube.sample_id_normal,
            used_until=change.at,
            author=change.author,
            reason=change.reason,
        )
    )
    row = {"sample_id": new, "sample_id_normal": normal_sample_id(new), "changed_at": change.at}
    conn.execute(update(SPECIMENS).where(SPECIMENS.c.id == tube.id).values(row))
    withdrawals.carry_over(conn, tube.id, old, new)
    _tell_history(conn, tube.id, f"the tube {old} was labelled anew as {new}", change)
    rows = open_steps(conn, [tube.id]).get(tube.id, ())
    lines = {one.line for one in rows if one.state in _AT_ANALYZER and one.line}
    return Relabelled(tube.id, tube.order_source, tuple(sorted(lines)))


def _in_use(conn: Connection, old: str, source: str) -> specimen_lookup.Tube:
    same = [
        one
        for many in specimen_lookup.alike(conn, [old]).values()
        for one in many
        if one.sample_id == old and source in ("", one.order_source)
    ]
    if len(same) == 1:
        return same[0]
    if same:
        raise CannotRelabel(
            f"several systems gave out the sample id {old}",
            what_to_do="Name the order source.",
        )
    raise CannotRelabel(
        f"no tube in use has the sample id {old}", what_to_do="See `labwire orders list`."
    )


def _check_free(conn: Connection, new: str, tube: specimen_lookup.Tube) -> None:
    """Another tube that has, or had, an id like the new one could be taken for this one."""
    taken = [
        one.sample_id
        for many in specimen_lookup.alike(conn, [new]).values()
        for one in many
        if one.id != tube.id and one.order_source == tube.order_source
    ]
    taken += [
        one.former
        for one in specimen_lookup.former(conn, [new], tube.order_source)
        if one.specimen_id != tube.id
    ]
    if taken:
        raise CannotRelabel(
            f"{taken[0]} is, or was, the sample id of another tube in use",
            what_to_do="Take a label that no tube has.",
        )


def _tell_history(conn: Connection, specimen_id: int, words: str, change: Change) -> None:
    step = WORK_ORDER_STEPS.c
    query = select(step.id, step.state, step.line).where(step.specimen_id == specimen_id)
    reason = f"{words}: {change.reason}" if change.reason else words
    shared = {"at": change.at, "author": change.author, "reason": reason}
    found = conn.execute(query)
    past = [{"step_id": row.id, "state": row.state, "line": row.line, **shared} for row in found]
    insert_rows(conn, STEP_HISTORY, past)
