"""The tables of what people decide about results beside the results themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Table, Text, text

from middleware.store.metadata import ID, METADATA

SUSPENSIONS = Table(
    "suspensions",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("line", Text, nullable=False),  # "": every line
    Column("test_code", Text, nullable=False),  # the analyzer's or the LIS's; "": every test
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ended_by", Text),
    Column("ended_reason", Text),
    sqlite_autoincrement=True,
)  # nothing is released by itself while a row without an end fits
IN_FORCE = text("ended_at IS NULL")
Index(
    "suspensions_in_force",
    SUSPENSIONS.c.id,
    sqlite_where=IN_FORCE,
    postgresql_where=IN_FORCE,
)

WITHDRAWALS = Table(
    "withdrawals",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("sample_id", Text, nullable=False),
    Column("specimen_id", BigInteger),  # in its period of use, where anything was ordered
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ended_by", Text),
    Column("ended_reason", Text),
    sqlite_autoincrement=True,
)  # a row for each sample id that the specimen had
Index(
    "withdrawals_in_force",
    WITHDRAWALS.c.sample_id,
    sqlite_where=IN_FORCE,
    postgresql_where=IN_FORCE,
)

CALLS = Table(
    "calls",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("result_id", BigInteger, nullable=False, unique=True),
    Column("sample_id", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("test_code", Text, nullable=False),
    Column("why", Text, nullable=False),  # which check or flag asked for it
    Column("opened_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("ended_by", Text),
    Column("told", Text),  # who was told; NULL when nobody had to be
    Column("caller", Text),
    Column("is_read_back", Boolean),
    Column("ended_reason", Text),
    sqlite_autoincrement=True,
)  # somebody must be told of a critical result
Index("calls_open", CALLS.c.id, sqlite_where=IN_FORCE, postgresql_where=IN_FORCE)
