"""The states of statistics over patients' results, as JSON texts, and the results that settings can be tried on."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, Executable, bindparam, insert, select, update

from middleware.store.qc_schema import QC_PATIENTS
from middleware.store.rows import fetch_any, marks
from middleware.store.schema import RESULTS


class StoredStatistic(NamedTuple):
    """One statistic. `state` is JSON."""

    id: int
    line: str
    analyzer: str
    module: str
    test_code: str
    status: str
    state: str
    at: float

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Line, analyzer, module, test."""
        return (self.line, self.analyzer, self.module, self.test_code)


_COLUMNS = [QC_PATIENTS.c[name] for name in StoredStatistic._fields]
_HISTORY = (
    "value_kind",
    "value_number",
    "comparator",
    "result_status",
    "run",
    "dilution_factor",
    "instrument_flags",
    "is_manual",
    "unit",
)


def of_lines(conn: Connection, lines: Collection[str]) -> list[StoredStatistic]:
    """All statistics of these lines."""
    return [StoredStatistic._make(row) for row in fetch_any(conn, _of_lines, sorted(set(lines)))]


@lru_cache(maxsize=16)
def _of_lines(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(*_COLUMNS).where(QC_PATIENTS.c.line.in_(wanted))


def everything(conn: Connection) -> list[StoredStatistic]:
    """Every statistic, by line and test."""
    order = (QC_PATIENTS.c.line, QC_PATIENTS.c.test_code, QC_PATIENTS.c.module)
    return [StoredStatistic._make(row) for row in conn.execute(select(*_COLUMNS).order_by(*order))]


def keep(
    conn: Connection, place: tuple[str, str, str, str], state: tuple[str, str], now: float
) -> None:
    """Write a statistic; `state` is its status and its JSON."""
    names = ("line", "analyzer", "module", "test_code")
    row: dict[str, Any] = dict(zip(names, place, strict=True))
    values = {"status": state[0], "state": state[1], "at": now}
    here = [QC_PATIENTS.c[name] == value for name, value in row.items()]
    if conn.execute(update(QC_PATIENTS).where(*here).values(values)).rowcount == 0:
        conn.execute(insert(QC_PATIENTS).values(row | values))


def history(conn: Connection, line: str, test: str, most: int) -> list[dict[str, Any]]:
    """The newest patients' results of a test but repetitions, the oldest of them first."""
    table = RESULTS.c
    query = (
        select(*(table[name] for name in _HISTORY))
        .where(
            table.line == line,
            table.test_code == test,
            table.sample_role == "patient",
            table.release_state != "duplicate",
        )
        .order_by(table.id.desc())
        .limit(most)
    )
    return [dict(row) for row in conn.execute(query).mappings()][::-1]
