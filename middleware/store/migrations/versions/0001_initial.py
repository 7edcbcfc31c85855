"""0001: every table of the first release, with the columns and states of DESIGN 1.1; the audit
trail's guards.

Written out, not taken from `middleware.store.schema`: that file goes on changing, a migration never
does. A test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.sql.schema import SchemaItem
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

Type = type[TypeEngine[Any]] | TypeEngine[Any]
_BIG = BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str) -> Column[Any]:
    """A numbered key, never reused."""
    return Column(name, _BIG, autoincrement=True, nullable=False)


def _part(kind: Type, *names: str) -> list[Column[Any]]:
    """Keys that we give, or parts of one."""
    return [Column(name, kind, autoincrement=False, nullable=False) for name in names]


def _must(kind: Type, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=False) for name in names]


def _may(kind: Type, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, nullable=True) for name in names]


def _given(kind: Type, default: str, *names: str) -> list[Column[Any]]:
    return [Column(name, kind, server_default=text(default), nullable=False) for name in names]


def _meta() -> Iterable[SchemaItem]:
    return (
        *_part(Text, "key"),
        *_must(Text, "value"),
    )


def _counters() -> Iterable[SchemaItem]:
    return (
        *_part(Text, "name"),
        *_must(BigInteger, "value"),
    )


def _setups() -> Iterable[SchemaItem]:
    return (
        _key("generation"),
        *_must(Float, "applied_at"),
        *_must(Text, "author"),
        *_given(Text, "''", "reason"),
        *_must(Text, "sha256", "body"),
    )


def _journal() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(Text, "line", "driver"),
        *_given(Text, "'in'", "direction"),
        *_must(Text, "kind", "state"),
        *_must(Float, "received_at"),
        *_must(LargeBinary, "text", "wire", "text_sha256"),
        *_given(Text, "''", "quirks"),
        *_given(Boolean, "false", "ack_confirmed"),
        *_given(Text, "''", "reason"),
        *_may(Integer, "reason_record"),
        *_may(Text, "reason_field", "analyzer", "message_control_id", "faults"),
        *_may(Integer, "result_count"),
        *_may(Float, "processed_at"),
        *_may(BigInteger, "setup_generation"),
        *_given(Integer, "0", "replays"),
        *_may(BigInteger, "lease_generation"),
        *_may(Text, "node"),
    )


def _specimens() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(Text, "order_source", "sample_id", "sample_id_normal"),
        *_must(Float, "used_from"),
        *_may(Float, "used_until"),
        *_may(
            Text,
            "specimen_type",
            "patient_id",
            "patient_authority",
            "patient_name",
            "birth_date",
            "sex",
        ),
        *_may(Float, "collected_at"),
    )


def _orders() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(_BIG, "specimen_id"),
        *_must(Text, "order_source"),
        *_may(Text, "placer_number", "accession_number", "priority"),
        *_must(Text, "state"),
        *_must(Float, "received_at"),
    )


def _work_order_steps() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(_BIG, "order_id"),
        *_must(Text, "test_code"),
        *_may(Text, "lis_code", "line"),
        *_must(Text, "state"),
        *_may(BigInteger, "reportable_result_id"),
        *_may(Float, "sent_at"),
    )


def _results_identity() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(_BIG, "journal_id"),
        *_must(Integer, "record"),
        *_given(Text, "'R'", "record_name"),
        *_must(Text, "line"),
        *_given(Text, "''", "analyzer", "module"),
        *_must(Text, "environment"),
        *_may(Text, "order_source"),
        *_may(BigInteger, "specimen_id", "work_order_step_id"),
        *_must(Text, "sample_id"),
        *_may(Text, "instrument_sample_id", "carrier", "position"),
        *_must(Text, "sample_role"),
        *_may(
            Text,
            "role_rule",
            "specimen_type",
            "patient_id",
            "patient_authority",
            "patient_name",
            "birth_date",
            "sex",
        ),
    )


def _results_measured() -> Iterable[SchemaItem]:
    return (
        *_must(Text, "test_code"),
        *_may(Text, "test_name"),
        *_given(Text, "''", "test_detail"),
        *_may(Text, "test_id_raw"),
        *_given(Integer, "1", "run"),
        *_must(Text, "value_kind", "value_raw"),
        *_may(Text, "value_number", "value_upper", "comparator", "value_text", "value_rule"),
        *_given(Text, "''", "unit"),
        *_may(
            Text,
            "unit_ucum",
            "reference_range",
            "abnormal_flags",
            "abnormal_flags_raw",
            "instrument_flags",
            "comments",
        ),
        *_must(Text, "result_status"),
        *_may(Text, "status_raw", "measured_text"),
        *_may(Float, "measured_at"),
        *_may(Text, "measured_offset", "time_mark", "operator", "reagent_lot", "dilution_factor"),
        *_given(Boolean, "false", "is_manual"),
        *_may(Text, "manual_source"),
    )


def _results_review() -> Iterable[SchemaItem]:
    return (
        *_may(BigInteger, "parent_id"),
        *_may(Text, "isolate", "result_group"),
        *_given(Integer, "1", "version"),
        *_may(BigInteger, "supersedes"),
        *_given(Boolean, "true", "is_reportable"),
        *_must(LargeBinary, "fingerprint"),
        *_may(BigInteger, "duplicate_of"),
        *_must(Text, "verdict"),
        *_may(Text, "findings"),
        *_must(Text, "release_mode", "release_state"),
        *_may(Text, "verifier"),
        *_may(Float, "decided_at"),
        *_may(Text, "decision_reason"),
        *_must(BigInteger, "setup_generation"),
        *_must(Float, "received_at"),
    )


def _lanes() -> Iterable[SchemaItem]:
    return (
        *_part(Text, "connector"),
        *_part(Integer, "lane"),
        *_must(BigInteger, "last_seq", "low_water"),
    )


def _outbox() -> Iterable[SchemaItem]:
    return (
        *_part(_BIG, "number"),
        *_must(Text, "connector"),
        *_must(Integer, "lane"),
        *_must(BigInteger, "lane_seq"),
        *_must(Text, "control_id", "format"),
        *_must(LargeBinary, "payload"),
        *_may(BigInteger, "journal_id"),
        *_must(Text, "line", "sample_id", "state"),
        *_must(Float, "created_at", "received_at"),
        *_given(Integer, "0", "attempts"),
        *_may(Float, "last_attempt_at", "settled_at"),
        *_may(Text, "outcome_code", "outcome_text"),
        *_may(LargeBinary, "reply"),
        *_may(BigInteger, "replaces"),
        *_given(Integer, "0", "resends"),
    )


def _outbox_results() -> Iterable[SchemaItem]:
    return (
        *_part(_BIG, "number"),
        *_part(BigInteger, "result_id"),
    )


def _outbox_counts() -> Iterable[SchemaItem]:
    return (
        *_part(Text, "connector", "state"),
        *_must(BigInteger, "count"),
    )


def _commands() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(Float, "asked_at"),
        *_must(Text, "author", "verb", "arguments", "state"),
        *_may(Text, "answer"),
        *_may(Float, "done_at"),
    )


def _audit() -> Iterable[SchemaItem]:
    return (
        _key("id"),
        *_must(Float, "at"),
        *_must(Text, "author", "action", "subject", "detail", "previous_hash", "hash"),
    )


def _leases() -> Iterable[SchemaItem]:
    return (
        *_part(Text, "name"),
        *_must(Text, "owner"),
        *_must(BigInteger, "generation"),
        *_must(Float, "expires_at"),
    )


def upgrade() -> None:
    """Create everything."""
    _create_intake()
    _create_delivery()
    for name, table, columns, where in _INDEXES:
        condition = text(where) if where else None
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
    _guard_audit()


def _create_intake() -> None:
    op.create_table("meta", *_meta(), PrimaryKeyConstraint("key"))
    op.create_table("counters", *_counters(), PrimaryKeyConstraint("name"))
    op.create_table(
        "setups", *_setups(), PrimaryKeyConstraint("generation"), sqlite_autoincrement=True
    )
    op.create_table("journal", *_journal(), PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_table(
        "specimens", *_specimens(), PrimaryKeyConstraint("id"), sqlite_autoincrement=True
    )
    op.create_table(
        "orders",
        *_orders(),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["specimen_id"], ["specimens.id"]),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "work_order_steps",
        *_work_order_steps(),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["order_id"], ["orders.id"]),
        sqlite_autoincrement=True,
    )


def _create_delivery() -> None:
    op.create_table(
        "results",
        *_results_identity(),
        *_results_measured(),
        *_results_review(),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sqlite_autoincrement=True,
    )
    op.create_table("lanes", *_lanes(), PrimaryKeyConstraint("connector", "lane"))
    op.create_table(
        "outbox",
        *_outbox(),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("connector", "lane", "lane_seq", name="outbox_lane_order"),
        UniqueConstraint("control_id"),
    )
    op.create_table(
        "outbox_results",
        *_outbox_results(),
        PrimaryKeyConstraint("number", "result_id"),
        ForeignKeyConstraint(["number"], ["outbox.number"]),
        sqlite_with_rowid=False,
    )
    op.create_table("outbox_counts", *_outbox_counts(), PrimaryKeyConstraint("connector", "state"))
    op.create_table("commands", *_commands(), PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_table("audit", *_audit(), PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_table("leases", *_leases(), PrimaryKeyConstraint("name"))


_INDEXES: tuple[tuple[str, str, list[str], str], ...] = (
    ("journal_to_process", "journal", ["id"], "state = 'received'"),
    ("journal_by_line", "journal", ["line", "id"], ""),
    (
        "journal_for_people",
        "journal",
        ["id"],
        "state IN ('unreadable', 'incomplete', 'not_answered')",
    ),
    ("specimens_by_sample_id", "specimens", ["sample_id_normal"], ""),
    ("results_by_journal", "results", ["journal_id"], ""),
    ("results_by_sample_id", "results", ["sample_id", "fingerprint"], ""),
    ("results_held", "results", ["id"], "release_state = 'held'"),
    ("outbox_by_journal", "outbox", ["journal_id"], ""),
    ("outbox_refused", "outbox", ["number"], "state = 'refused'"),
    ("outbox_results_by_result", "outbox_results", ["result_id"], ""),
)

_APPEND_ONLY = "the audit trail is append-only"


def _guard_audit() -> None:
    """The database itself refuses to change or delete audit rows."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
    )
    op.execute(
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
    )
