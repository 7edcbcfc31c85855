"""0007: what people decide about results: stops of automatic release."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

revision = "0007"
down_revision = "0006"

_KEY = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """New tables, and columns of results that may be empty."""
    _create_suspensions()
    _create_withdrawals()
    _create_calls()
    op.add_column("results", Column("edit_of", BigInteger))
    op.add_column("results", Column("rejected_as", Text))
    op.add_column("results", Column("candidate_says", Text))
    _partial_index("results_by_candidate", "results", ["id"], "candidate_says IS NOT NULL")
    _create_rule_reports()
    _create_qc()
    _partial_index("results_pending", "results", ["id"], "rejected_as = 'pending'")
    _partial_index("results_by_edit", "results", ["edit_of"], "edit_of IS NOT NULL")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=text(where), postgresql_where=text(where))


def _create_suspensions() -> None:
    op.create_table(
        "suspensions",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("line", Text, nullable=False),
        Column("test_code", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("at", Float, nullable=False),
        Column("ended_at", Float),
        Column("ended_by", Text),
        Column("ended_reason", Text),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    _partial_index("suspensions_in_force", "suspensions", ["id"], "ended_at IS NULL")


def _create_withdrawals() -> None:
    op.create_table(
        "withdrawals",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("sample_id", Text, nullable=False),
        Column("specimen_id", BigInteger),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("at", Float, nullable=False),
        Column("ended_at", Float),
        Column("ended_by", Text),
        Column("ended_reason", Text),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    _partial_index("withdrawals_in_force", "withdrawals", ["sample_id"], "ended_at IS NULL")


def _create_rule_reports() -> None:
    op.create_table(
        "rule_reports",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("kind", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("is_passed", Boolean, nullable=False),
        Column("author", Text, nullable=False),
        Column("at", Float, nullable=False),
        Column("reason", Text, nullable=False),
        Column("hash", Text, nullable=False),
        Column("previous", Text, nullable=False),
        Column("signature", Text, nullable=False),
        Column("public_key", Text, nullable=False),
        Column("file", Text, nullable=False),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("rule_reports_by_digest", "rule_reports", ["digest"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("result_id", BigInteger, nullable=False),
        Column("sample_id", Text, nullable=False),
        Column("line", Text, nullable=False),
        Column("test_code", Text, nullable=False),
        Column("why", Text, nullable=False),
        Column("opened_at", Float, nullable=False),
        Column("ended_at", Float),
        Column("ended_by", Text),
        Column("told", Text),
        Column("caller", Text),
        Column("is_read_back", Boolean),
        Column("ended_reason", Text),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("result_id"),
        sqlite_autoincrement=True,
    )
    _partial_index("calls_open", "calls", ["id"], "ended_at IS NULL")


def _create_qc() -> None:
    op.create_table(
        "qc_gates",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("line", Text, nullable=False),
        Column("analyzer", Text, nullable=False),
        Column("module", Text, nullable=False),
        Column("test_code", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("series", Text, nullable=False),
        Column("lots", Text, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("line", "test_code", "analyzer", "module", name="qc_gates_place"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "qc_learned",
        Column("gate_id", BigInteger, nullable=False),
        Column("lot", Text, nullable=False),
        Column("level", Text, nullable=False),
        Column("learned", Text, nullable=False),
        PrimaryKeyConstraint("gate_id", "lot", "level"),
    )
    _create_qc_points()
    _create_qc_patients()
    _create_qc_lists()


def _create_qc_points() -> None:
    op.create_table(
        "qc_points",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("result_id", BigInteger, nullable=False),
        Column("gate_id", BigInteger),
        Column("line", Text, nullable=False),
        Column("analyzer", Text, nullable=False),
        Column("module", Text, nullable=False),
        Column("test_code", Text, nullable=False),
        Column("material", Text, nullable=False),
        Column("lot", Text, nullable=False),
        Column("level", Text, nullable=False),
        Column("run", BigInteger),
        Column("value", Text),
        Column("unit", Text, nullable=False),
        Column("mean", Text),
        Column("sd", Text),
        Column("target_kind", Text),
        Column("z", Text),
        Column("verdict", Text, nullable=False),
        Column("rules", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("is_learned", Boolean, nullable=False),
        Column("measured_at", Float, nullable=False),
        Column("at", Float, nullable=False),
        Column("excluded_at", Float),
        Column("excluded_by", Text),
        Column("excluded_because", Text),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("result_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("qc_points_by_gate", "qc_points", ["gate_id", "level", "id"])
    _partial_index("qc_points_unknown", "qc_points", ["id"], "gate_id IS NULL")


def _create_qc_patients() -> None:
    op.create_table(
        "qc_patients",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("line", Text, nullable=False),
        Column("analyzer", Text, nullable=False),
        Column("module", Text, nullable=False),
        Column("test_code", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("at", Float, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("line", "test_code", "analyzer", "module", name="qc_patients_place"),
        sqlite_autoincrement=True,
    )


def _create_qc_lists() -> None:
    op.create_table(
        "qc_actions",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("gate_id", BigInteger, nullable=False),
        Column("kind", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("cause", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("at", Float, nullable=False),
        Column("taken_at", Float),
        Column("after_result", BigInteger, nullable=False),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("qc_actions_by_gate", "qc_actions", ["gate_id", "id"])
    op.create_table(
        "qc_waiting",
        Column("result_id", _KEY, autoincrement=False, nullable=False),
        Column("line", Text, nullable=False),
        Column("test_code", Text, nullable=False),
        PrimaryKeyConstraint("result_id"),
    )
    op.create_index("qc_waiting_by_test", "qc_waiting", ["line", "test_code"])
    op.create_table(
        "qc_lookback",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("gate_id", BigInteger, nullable=False),
        Column("result_id", BigInteger, nullable=False),
        Column("at", Float, nullable=False),
        Column("ended_at", Float),
        Column("ended_by", Text),
        Column("ended_reason", Text),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    _partial_index("qc_lookback_open", "qc_lookback", ["result_id"], "ended_at IS NULL")
