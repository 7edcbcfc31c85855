"""0002: a message that is a whole file has the file's name, and is found by its content."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text, text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One column and one index over the rows that have it; the rows of before have none, so it takes no time."""
    op.add_column("journal", Column("file_name", Text))
    op.create_index(
        "journal_files",
        "journal",
        ["line", "text_sha256"],
        sqlite_where=text("file_name IS NOT NULL"),
        postgresql_where=text("file_name IS NOT NULL"),
    )
