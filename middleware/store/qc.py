"""Gates of quality control and judged control values. States are JSON texts here; `middleware.qc` reads them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Executable, bindparam, insert, select, update

from middleware.store.qc_schema import QC_GATES, QC_LEARNED, QC_POINTS, QC_WAITING
from middleware.store.rows import fetch, fetch_any, insert_rows, marks
from middleware.store.schema import RESULTS

Place = tuple[str, str, str, str]
"""Line, analyzer, module, test of the analyzer."""


class StoredGate(NamedTuple):
    """A gate without its series. `state` is JSON."""

    id: int
    line: str
    analyzer: str
    module: str
    test_code: str
    status: str
    state: str

    @property
    def place(self) -> Place:
        """Where it judges."""
        return (self.line, self.analyzer, self.module, self.test_code)


class Series(NamedTuple):
    """What the rules of a gate remember (JSON), and the lot in use of each level."""

    text: str
    lots: Mapping[str, str]


_COLUMNS = [QC_GATES.c[name] for name in StoredGate._fields]


def gates_of_lines(conn: Connection, lines: Collection[str]) -> list[StoredGate]:
    """All gates of these lines."""
    return [StoredGate._make(row) for row in fetch_any(conn, _of_lines, sorted(set(lines)))]


def gates_of_test(conn: Connection, line: str, test: str) -> list[StoredGate]:
    """All gates of one test of a line."""
    return [StoredGate._make(row) for row in fetch(conn, _OF_TEST, {"line": line, "test": test})]


_OF_TEST = (
    select(*_COLUMNS)
    .where(QC_GATES.c.line == bindparam("line"), QC_GATES.c.test_code == bindparam("test"))
    .order_by(QC_GATES.c.id)
)


@lru_cache(maxsize=16)
def _of_lines(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(*_COLUMNS).where(QC_GATES.c.line.in_(wanted)).order_by(QC_GATES.c.id)


def all_gates(conn: Connection) -> list[StoredGate]:
    """Every gate, by line, test and module."""
    order = (QC_GATES.c.line, QC_GATES.c.test_code, QC_GATES.c.analyzer, QC_GATES.c.module)
    return [StoredGate._make(row) for row in conn.execute(select(*_COLUMNS).order_by(*order))]


def gate(conn: Connection, gate_id: int) -> StoredGate | None:
    """One gate."""
    row = conn.execute(select(*_COLUMNS).where(QC_GATES.c.id == gate_id)).one_or_none()
    return None if row is None else StoredGate._make(row)


def make_gate(conn: Connection, place: Place, status: str, state: str) -> StoredGate:
    """A new gate at a place that has none."""
    names = ("line", "analyzer", "module", "test_code")
    row = dict(zip(names, place, strict=True))
    row |= {"status": status, "state": state, "series": "", "lots": "{}"}
    number = conn.execute(insert(QC_GATES).values(row).returning(QC_GATES.c.id)).scalar_one()
    return StoredGate(int(number), *place, status, state)


def keep_state(conn: Connection, gate_id: int, status: str, state: str) -> None:
    """Write a gate's state."""
    change = update(QC_GATES).where(QC_GATES.c.id == gate_id)
    conn.execute(change.values(status=status, state=state))


def series(conn: Connection, gate_id: int) -> Series:
    """What its rules remember; the text is empty before the first value."""
    columns = (QC_GATES.c.series, QC_GATES.c.lots)
    text, lots = conn.execute(select(*columns).where(QC_GATES.c.id == gate_id)).one()
    return Series(text, json.loads(lots))


def keep_series(conn: Connection, gate_id: int, kept: Series) -> None:
    """Write what its rules remember."""
    lots = json.dumps(dict(kept.lots), ensure_ascii=False, sort_keys=True)
    change = update(QC_GATES).where(QC_GATES.c.id == gate_id)
    conn.execute(change.values(series=kept.text, lots=lots))


def learned(conn: Connection, gate_id: int, lot: str, level: str) -> str:
    """What was learned of a lot (JSON); empty: nothing yet."""
    here = _learned_key(gate_id, lot, level)
    return conn.execute(select(QC_LEARNED.c.learned).where(*here)).scalar() or ""


def keep_learned(conn: Connection, gate_id: int, key: tuple[str, str], text: str) -> None:
    """Write what was learned; `key` is lot and level."""
    here = _learned_key(gate_id, *key)
    if conn.execute(update(QC_LEARNED).where(*here).values(learned=text)).rowcount == 0:
        row = {"gate_id": gate_id, "lot": key[0], "level": key[1], "learned": text}
        conn.execute(insert(QC_LEARNED).values(row))


def _learned_key(gate_id: int, lot: str, level: str) -> tuple[Any, ...]:
    table = QC_LEARNED.c
    return (table.gate_id == gate_id, table.lot == lot, table.level == level)


def keep_point(conn: Connection, row: Mapping[str, Any]) -> None:
    """Keep one control value as it was judged; the columns are those of the table."""
    insert_rows(conn, QC_POINTS, [row])


def points(
    conn: Connection, gate_id: int, *, level: str = "", lot: str = "", limit: int = 1000
) -> list[dict[str, Any]]:
    """The newest values of a gate, the oldest of them first."""
    query = select(QC_POINTS).where(QC_POINTS.c.gate_id == gate_id)
    if level:
        query = query.where(QC_POINTS.c.level == level)
    if lot:
        query = query.where(QC_POINTS.c.lot == lot)
    found = conn.execute(query.order_by(QC_POINTS.c.id.desc()).limit(limit)).mappings()
    return [dict(row) for row in found][::-1]


def point(conn: Connection, point_id: int) -> dict[str, Any] | None:
    """One control value by its number."""
    found = conn.execute(select(QC_POINTS).where(QC_POINTS.c.id == point_id)).mappings()
    row = found.one_or_none()
    return None if row is None else dict(row)


def exclude(conn: Connection, point_id: int, who: tuple[str, str, float]) -> None:
    """Leave a value out of the numbers; `who`: author, reason, time."""
    author, reason, at = who
    values = {"excluded_by": author, "excluded_because": reason, "excluded_at": at}
    conn.execute(update(QC_POINTS).where(QC_POINTS.c.id == point_id).values(values))


def let_wait(conn: Connection, rows: Sequence[tuple[int, str, str]]) -> None:
    """These results (id, line, test) wait for the next accepted run."""
    names = ("result_id", "line", "test_code")
    insert_rows(conn, QC_WAITING, [dict(zip(names, row, strict=True)) for row in rows])


def waiting(conn: Connection, line: str, test: str) -> list[int]:
    """Results of a test that wait and are still held, the oldest first."""
    query = (
        select(QC_WAITING.c.result_id)
        .join(RESULTS, RESULTS.c.id == QC_WAITING.c.result_id)
        .where(
            QC_WAITING.c.line == line,
            QC_WAITING.c.test_code == test,
            RESULTS.c.release_state == "held",
        )
        .order_by(QC_WAITING.c.result_id)
    )
    return [int(one) for one in conn.execute(query).scalars()]


def end_waiting(conn: Connection, line: str, test: str, still: Collection[int]) -> None:
    """Of a test only these wait on."""
    here = QC_WAITING.delete().where(QC_WAITING.c.line == line, QC_WAITING.c.test_code == test)
    conn.execute(here)
    let_wait(conn, [(one, line, test) for one in sorted(still)])
