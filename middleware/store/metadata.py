"""What every table is declared with: one MetaData, and the type of a numbered key."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

METADATA = MetaData()
# SQLite gives rowids only to INTEGER keys; AUTOINCREMENT (set in each table) never reuses one.
ID = BigInteger().with_variant(Integer(), "sqlite")
