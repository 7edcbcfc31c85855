"""Stored results finish the steps that asked for them: by sample id and test, never by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, update

from middleware.model import StepState
from middleware.store import specimen_lookup, specimens, steps
from middleware.store.open_steps import OpenStep, awaited_steps
from middleware.store.rows import execute_many
from middleware.store.schema import SPECIMENS
from middleware.store.specimen_lookup import Place
from middleware.store.steps import Move

_STOPPED = (StepState.REFUSED, StepState.EXPIRED)
"""No analyzer is given it by itself; somebody may have measured it all the same."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A stored result as steps are looked up by: `lis_code` empty where no table of codes gave one.

    `sample_id` is as it was ordered; `carrier` and `position` say where the tube stood, where the analyzer said so.
    """

    result_id: int
    sample_id: str
    test_code: str
    lis_code: str
    line: str
    order_source: str
    is_final: bool
    carrier: str = ""
    position: str = ""


def note_results(conn: Connection, found: Sequence[Reported], now: float) -> dict[int, int]:
    """Steps get their results, by sample id and test; answers the step of each result that has one.

    A result of an id that could name several tubes, of a former id of a tube, or of a test that nobody ordered, finds
    none.
    """
    sources = sorted({one.order_source for one in found})
    ids = list(dict.fromkeys(one.sample_id for one in found))
    tubes = {source: specimen_lookup.named(conn, ids, source) for source in sources}
    if not any(tubes.values()):
        return {}
    specimen_ids = sorted({tube.id for named in tubes.values() for tube in named.values()})
    open_ones = awaited_steps(conn, specimen_ids)
    bound: dict[int, int] = {}
    moves: dict[str, list[Move]] = {}
    spoken_of: dict[int, Reported] = {}
    for one in found:
        tube = tubes[one.order_source].get(one.sample_id)
        if tube is None:
            continue
        spoken_of[tube.id] = one
        step = _fitting(open_ones.get(tube.id, ()), one)
        if step is None:
            continue
        bound[one.result_id] = step.id
        moves.setdefault(one.line, []).append(_reported_move(step, one))
        if one.is_final:
            open_ones[step.specimen_id].remove(step)
            if step.to_tell is not None:
                steps.told(conn, [step.id])
    for line, ones in moves.items():
        steps.move_each(conn, ones, line, now)
    _note_seen(conn, spoken_of, now)
    return bound


_TOUCH = (
    update(SPECIMENS)
    .where(SPECIMENS.c.id == bindparam("b_id"))
    .values(changed_at=bindparam("b_at"))
)


def _note_seen(conn: Connection, spoken_of: Mapping[int, Reported], now: float) -> None:
    rows = [{"b_id": one, "b_at": now} for one in sorted(spoken_of)]
    execute_many(conn, _TOUCH, rows)
    for specimen_id, one in spoken_of.items():
        place = Place(one.line, one.carrier, one.position)
        specimens.note_place(conn, [specimen_id], place, now)


def _reported_move(step: OpenStep, result: Reported) -> Move:
    state = StepState.RESULTED if result.is_final else StepState.IN_PROCESS
    reportable = result.result_id if result.is_final else None
    reason = f"result {result.result_id}"
    return Move(step.id, state, result.line, step.test_code, reportable, reason)


def _fitting(rows: Sequence[OpenStep], result: Reported) -> OpenStep | None:
    """The open step of the result's test: this line's own before one that nobody has, never another line's; then one
    that was refused or expired, whoever had it."""
    fitting = [
        row
        for row in rows
        if (row.line in (None, result.line) or row.state in _STOPPED)
        and (
            row.lis_code == (result.lis_code or result.test_code)
            or (row.line == result.line and row.test_code == result.test_code)
        )
    ]
    return min(fitting, key=_nearness, default=None)


def _nearness(row: OpenStep) -> tuple[bool, bool, int]:
    return (row.state in _STOPPED, row.line is None, row.id)
