"""0006: work both ways: patients, former sample ids, where tubes were seen, follow-up steps, earlier results."""

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

revision = "0006"
down_revision = "0005"

_KEY = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Columns that may be empty, indexes of what is open, and new tables."""
    _extend_specimens()
    _extend_steps()
    _create_names()
    _create_sightings()
    _create_patients()
    _create_prior_results()
    _create_patient_changes()
    op.add_column("results", Column("identified_by", Text))


def _extend_specimens() -> None:
    op.add_column("specimens", Column("patient_ref", BigInteger))
    for name in ("location", "encounter"):
        op.add_column("specimens", Column(name, Text))
    op.add_column("specimens", Column("arrived_at", Float))
    op.add_column("specimens", Column("parent_id", BigInteger))
    for name in ("seen_line", "seen_carrier", "seen_position"):
        op.add_column("specimens", Column(name, Text))
    for name in ("seen_at", "placed_at"):
        op.add_column("specimens", Column(name, Float))
    for name in ("put_carrier", "put_position"):
        op.add_column("specimens", Column(name, Text))
    op.add_column("specimens", Column("put_at", Float))
    op.create_index("specimens_by_changed_at", "specimens", ["changed_at"])
    _partial_index("specimens_by_parent", "specimens", ["parent_id"], "parent_id IS NOT NULL")
    _partial_index(
        "specimens_by_put_place",
        "specimens",
        ["put_carrier", "put_position"],
        "put_carrier IS NOT NULL",
    )
    _partial_index(
        "specimens_by_place",
        "specimens",
        ["seen_carrier", "seen_position"],
        "seen_carrier IS NOT NULL",
    )
    _partial_index(
        "specimens_by_patient_ref", "specimens", ["patient_ref"], "patient_ref IS NOT NULL"
    )


def _extend_steps() -> None:
    op.add_column("work_order_steps", Column("kind", Text))
    op.add_column("work_order_steps", Column("parent_step_id", BigInteger))
    op.add_column("work_order_steps", Column("cause_result_id", BigInteger))
    for name in ("dilution", "to_tell"):
        op.add_column("work_order_steps", Column(name, Text))
    op.add_column("work_order_steps", Column("tries", Integer))
    op.add_column("work_order_steps", Column("try_at", Float))
    op.add_column("work_order_steps", Column("only_line", Text))
    _partial_index("steps_to_try", "work_order_steps", ["try_at"], "try_at IS NOT NULL")
    is_open = "state IN ('pending', 'claimed', 'sent', 'in_process')"
    _partial_index("steps_by_age", "work_order_steps", ["state", "created_at"], is_open)
    by_code = ["lis_code", "id"]
    _partial_index("steps_pending", "work_order_steps", by_code, "state = 'pending'")
    is_urgent = "state = 'pending' AND priority IN ('stat', 'asap')"
    _partial_index("steps_urgent", "work_order_steps", ["priority", "id"], is_urgent)
    _partial_index("steps_to_tell", "work_order_steps", ["line", "id"], "to_tell IS NOT NULL")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=text(where), postgresql_where=text(where))


def _create_names() -> None:
    op.create_table(
        "specimen_names",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("specimen_id", _KEY, nullable=False),
        Column("order_source", Text, nullable=False),
        Column("sample_id", Text, nullable=False),
        Column("sample_id_normal", Text, nullable=False),
        Column("used_until", Float, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["specimen_id"], ["specimens.id"]),
        sqlite_autoincrement=True,
    )
    op.create_index("specimen_names_by_sample_id", "specimen_names", ["sample_id_normal"])
    op.create_index("specimen_names_by_specimen", "specimen_names", ["specimen_id"])


def _create_sightings() -> None:
    op.create_table(
        "sightings",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("sample_id", Text, nullable=False),
        Column("line", Text, nullable=False),
        Column("carrier", Text),
        Column("position", Text),
        Column("at", Float, nullable=False),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("sightings_by_sample_id", "sightings", ["sample_id"])
    op.create_index("sightings_by_time", "sightings", ["at"])


def _create_patients() -> None:
    op.create_table(
        "patients",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("order_source", Text, nullable=False),
        Column("name", Text),
        Column("birth_date", Text),
        Column("sex", Text),
        Column("location", Text),
        Column("merged_into", BigInteger),
        Column("created_at", Float, nullable=False),
        Column("changed_at", Float, nullable=False),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("patients_by_change", "patients", ["changed_at"])
    op.create_table(
        "patient_ids",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("patient_id", _KEY, nullable=False),
        Column("order_source", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("value", Text, nullable=False),
        Column("authority", Text, nullable=False),
        Column("used_until", Float),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["patient_id"], ["patients.id"]),
        sqlite_autoincrement=True,
    )
    op.create_index("patient_ids_by_value", "patient_ids", ["value", "kind"])
    op.create_index("patient_ids_by_patient", "patient_ids", ["patient_id"])


def _create_prior_results() -> None:
    op.create_table(
        "prior_results",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("order_source", Text, nullable=False),
        Column("patient_id", Text, nullable=False),
        Column("patient_authority", Text, nullable=False),
        Column("lis_code", Text, nullable=False),
        Column("lis_system", Text),
        Column("specimen_type", Text),
        Column("value_kind", Text, nullable=False),
        Column("value_raw", Text, nullable=False),
        Column("value_number", Text),
        Column("comparator", Text),
        Column("unit", Text),
        Column("unit_ucum", Text),
        Column("measured_at", Float, nullable=False),
        Column("placer_number", Text),
        Column("source", Text, nullable=False),
        Column("loaded_at", Float, nullable=False),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "prior_results_by_patient", "prior_results", ["patient_id", "lis_code", "measured_at"]
    )


def _create_patient_changes() -> None:
    op.create_table(
        "patient_changes",
        Column("id", _KEY, autoincrement=True, nullable=False),
        Column("at", Float, nullable=False),
        Column("kind", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("journal_id", BigInteger),
        Column("specimen_id", BigInteger, nullable=False),
        Column("sample_id", Text, nullable=False),
        Column("held", Text, nullable=False),
        Column("delivered", Text, nullable=False),
        Column("seen_at", Float),
        Column("seen_by", Text),
        PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    _partial_index("patient_changes_unseen", "patient_changes", ["id"], "seen_at IS NULL")
