"""One control value as it comes: which control it is, what the rules say of it, and what its gate is told.

Bound by line, analyzer, module, test, lot and level, as the message names them; never by position. What cannot be
judged is kept with the reason and moves no gate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from middleware.pipeline.quality_board import SERIES, Board, mark_of, place_of, utc
from middleware.pipeline.rule_values import decimal_of
from middleware.qc import judge as qc_judge
from middleware.qc.codes import PointVerdict
from middleware.qc.judge import ControlValue, JudgedValue, Memory
from middleware.qc.targets import Learned
from middleware.qc.westgard import Series
from middleware.store import qc as stored

LEARNED = TypeAdapter(Learned)


def judge(board: Board, row: Mapping[str, Any]) -> None:
    """Judge the result of a control that is about to be stored, tell its gate, and keep what was found."""
    place = place_of(row)
    mark = mark_of(row)
    at = mark.measured_at or utc(row["received_at"])
    day = at.astimezone(board.qc.zone(place.line)).date()
    lot, level = row["control_lot"] or "", row["control_level"] or ""
    point = _point(row, at, board.now)
    if lot and level:
        number = None if row["comparator"] else decimal_of(row["value_number"])
        value = ControlValue(place, lot, level, number, row["unit"] or "", mark, board.now, day)
        point |= _judged(board, value)
    else:
        missing = "level" if lot else "lot"
        point["reason"] = f"the message names no {missing} of the control"
    stored.keep_point(board.conn, point)


def _point(row: Mapping[str, Any], at: datetime, now: datetime) -> dict[str, Any]:
    """All columns of a value that was not judged."""
    return {
        "result_id": row["id"],
        "gate_id": None,
        "line": row["line"],
        "analyzer": row["analyzer"],
        "module": row["module"] or "",
        "test_code": row["test_code"],
        "material": "",
        "lot": row["control_lot"] or "",
        "level": row["control_level"] or "",
        "run": None,
        "value": row["value_number"],
        "unit": row["unit"] or "",
        "mean": None,
        "sd": None,
        "target_kind": None,
        "z": None,
        "verdict": PointVerdict.NOT_JUDGED.value,
        "rules": "[]",
        "reason": "",
        "is_learned": False,
        "measured_at": at.timestamp(),
        "at": now.timestamp(),
    }


def _judged(board: Board, value: ControlValue) -> dict[str, Any]:
    """The columns of the judgement; gate, series and what was learned are stored."""
    found = board.qc.find(value.place, value.lot, value.level, value.day)
    if found.control is None:
        return {"reason": found.reason}
    gate = board.gate_at(value.place)
    kept = stored.series(board.conn, gate.id)
    series = SERIES.validate_json(kept.text) if kept.text else Series()
    key, name = (value.lot, value.level), f"{value.lot}|{value.level}"
    known = stored.learned(board.conn, gate.id, *key)
    learned = {name: LEARNED.validate_json(known)} if known else {}
    memory = Memory(series, kept.lots, learned, gate.state)
    said = qc_judge.judge(board.qc.test(value.place, board.now), memory, value)
    after = said.memory
    if after.series != series or after.lots != kept.lots:
        text = SERIES.dump_json(after.series).decode()
        stored.keep_series(board.conn, gate.id, stored.Series(text, after.lots))
    is_learned = after.learned.get(name) != learned.get(name)
    if is_learned:
        text = LEARNED.dump_json(after.learned[name]).decode()
        stored.keep_learned(board.conn, gate.id, key, text)
    refused = board.take(gate, after.gate, said.decisions)
    return {
        "gate_id": gate.id,
        "material": found.control.lot.material,
        "is_learned": is_learned,
        **_columns(said),
        "reason": "; ".join(filter(None, (said.reason, *refused))),
    }


def _columns(said: JudgedValue) -> dict[str, Any]:
    target = said.target
    return {
        "run": said.run_number or None,
        "mean": None if target is None else str(target.mean),
        "sd": None if target is None else str(target.sd),
        "target_kind": None if target is None else target.kind.value,
        "z": None if said.z is None else str(said.z),
        "verdict": said.verdict.value,
        "rules": json.dumps([one.text for one in said.violations], ensure_ascii=False),
    }


def without_value(series: Series, order: int) -> Series:
    """What the rules remember, without one value that a person left out."""
    return replace(
        series,
        run=tuple(one for one in series.run if one.order != order),
        earlier=tuple(one for one in series.earlier if one.order != order),
        levels=tuple(
            (level, tuple(one for one in many if one.order != order))
            for level, many in series.levels
        ),
    )
