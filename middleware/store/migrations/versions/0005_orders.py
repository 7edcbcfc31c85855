"""0005: orders are used: when and why a step changed, its history, and the ways to find it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
    text,
)

revision = "0005"
down_revision = "0004"

_KEY = BigInteger().with_variant(Integer(), "sqlite")
_REFUSED = "state = 'refused'"
_OPEN = "state IN ('pending', 'claimed', 'sent', 'in_process')"


def upgrade() -> None:
    """The tables of orders were empty before, so it takes no time."""
    op.add_column("specimens", Column("changed_at", Float))
    op.add_column("orders", Column("journal_id", BigInteger))
    op.create_index("orders_by_specimen", "orders", ["specimen_id"])
    op.create_index("orders_by_placer", "orders", ["placer_number", "order_source"])
    op.add_column("work_order_steps", Column("specimen_id", BigInteger))
    for name in ("test_name", "priority", "control_id", "reason"):
        op.add_column("work_order_steps", Column(name, Text))
    for name in ("created_at", "changed_at"):
        op.add_column("work_order_steps", Column(name, Float))
    op.create_index("steps_by_order", "work_order_steps", ["order_id"])
    op.create_index("steps_by_specimen", "work_order_steps", ["specimen_id"])
    op.create_index(
        "steps_open",
        "work_order_steps",
        ["state", "id"],
        sqlite_where=text(_OPEN),
        postgresql_where=text(_OPEN),
    )
    op.create_index(
        "steps_refused",
        "work_order_steps",
        ["id"],
        sqlite_where=text(_REFUSED),
        postgresql_where=text(_REFUSED),
    )
    _create_history()


def _create_history() -> None:
    op.create_table(
        "step_history",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("step_id", _KEY, nullable=False),
        Column("at", Float, nullable=False),
        Column("state", Text, nullable=False),
        Column("line", Text),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["step_id"], ["work_order_steps.id"]),
        sqlite_autoincrement=True,
    )
    op.create_index("step_history_by_step", "step_history", ["step_id", "id"])
