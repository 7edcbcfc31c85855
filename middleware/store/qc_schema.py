"""The tables of quality control: gates with their state, judged control values, actions, and lists for people."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from middleware.store.metadata import ID, METADATA

QC_GATES = Table(
    "qc_gates",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("line", Text, nullable=False),
    Column("analyzer", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("test_code", Text, nullable=False),  # the analyzer's
    Column("status", Text, nullable=False),  # as in `state`; time that passed since is not in it
    Column("state", Text, nullable=False),  # JSON of the frozen state
    Column("series", Text, nullable=False),  # JSON of what the control rules remember
    Column("lots", Text, nullable=False),  # JSON: level -> lot in use
    UniqueConstraint("line", "test_code", "analyzer", "module", name="qc_gates_place"),
    sqlite_autoincrement=True,
)

QC_LEARNED = Table(
    "qc_learned",
    METADATA,
    Column("gate_id", BigInteger, primary_key=True, autoincrement=False),
    Column("lot", Text, primary_key=True),
    Column("level", Text, primary_key=True),
    Column("learned", Text, nullable=False),  # JSON: count, sums, days
)

QC_POINTS = Table(
    "qc_points",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("result_id", BigInteger, nullable=False, unique=True),
    Column("gate_id", BigInteger),  # NULL: nobody declared this control
    Column("line", Text, nullable=False),
    Column("analyzer", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("test_code", Text, nullable=False),
    Column("material", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("run", BigInteger),
    Column("value", Text),  # exact decimal text, as mean, sd and z
    Column("unit", Text, nullable=False),
    Column("mean", Text),
    Column("sd", Text),
    Column("target_kind", Text),
    Column("z", Text),
    Column("verdict", Text, nullable=False),
    Column("rules", Text, nullable=False),  # JSON list of sentences, one for each broken rule
    Column("reason", Text, nullable=False),  # why it was not judged, or moved no gate
    Column("is_learned", Boolean, nullable=False),  # it is part of the learned target
    Column("measured_at", Float, nullable=False),
    Column("at", Float, nullable=False),
    Column("excluded_at", Float),
    Column("excluded_by", Text),
    Column("excluded_because", Text),
    sqlite_autoincrement=True,
)
Index("qc_points_by_gate", QC_POINTS.c.gate_id, QC_POINTS.c.level, QC_POINTS.c.id)
UNKNOWN_CONTROL = text("gate_id IS NULL")
Index(
    "qc_points_unknown",
    QC_POINTS.c.id,
    sqlite_where=UNKNOWN_CONTROL,
    postgresql_where=UNKNOWN_CONTROL,
)

QC_ACTIONS = Table(
    "qc_actions",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("gate_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # store.qc_lists.ActionKind
    Column("author", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("taken_at", Float),
    Column("after_result", BigInteger, nullable=False),  # highest number of a result at that time
    sqlite_autoincrement=True,
)
Index("qc_actions_by_gate", QC_ACTIONS.c.gate_id, QC_ACTIONS.c.id)

QC_WAITING = Table(
    "qc_waiting",
    METADATA,
    Column("result_id", ID, primary_key=True, autoincrement=False),
    Column("line", Text, nullable=False),
    Column("test_code", Text, nullable=False),
)  # until the run that closes the bracket
Index("qc_waiting_by_test", QC_WAITING.c.line, QC_WAITING.c.test_code)

QC_PATIENTS = Table(
    "qc_patients",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("line", Text, nullable=False),
    Column("analyzer", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("test_code", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("state", Text, nullable=False),  # JSON of the frozen state
    Column("at", Float, nullable=False),
    UniqueConstraint("line", "test_code", "analyzer", "module", name="qc_patients_place"),
    sqlite_autoincrement=True,
)  # a statistic over patients' results

QC_LOOKBACK = Table(
    "qc_lookback",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("gate_id", BigInteger, nullable=False),
    Column("result_id", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ended_by", Text),
    Column("ended_reason", Text),
    sqlite_autoincrement=True,
)  # released since the last good run: a person looks again
TO_LOOK_AT = text("ended_at IS NULL")
Index(
    "qc_lookback_open",
    QC_LOOKBACK.c.result_id,
    sqlite_where=TO_LOOK_AT,
    postgresql_where=TO_LOOK_AT,
)
