"""The table of reports on rule sets."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Table, Text

from middleware.store.metadata import ID, METADATA

RULE_REPORTS = Table(
    "rule_reports",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # store.rule_reports.ReportKind
    Column("digest", Text, nullable=False),  # SHA-256 of the rules' texts
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
    sqlite_autoincrement=True,
)
Index("rule_reports_by_digest", RULE_REPORTS.c.digest)
