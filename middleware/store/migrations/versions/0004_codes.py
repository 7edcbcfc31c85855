"""0004: a result has the code, unit and value under which the LIS gets it, where a table of codes says others."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text, text

revision = "0004"
down_revision = "0003"

_COLUMNS = (
    "code_fate",
    "code_source",
    "lis_code",
    "lis_name",
    "lis_system",
    "loinc",
    "loinc_name",
    "reported_value",
    "reported_upper",
    "reported_unit",
    "reported_range",
)
_WAITING = "release_state = 'held' AND code_fate IN ('unmapped', 'hold')"


def upgrade() -> None:
    """Columns that the rows of before do not have, and an index over none of them yet: it takes no time."""
    for name in _COLUMNS:
        op.add_column("results", Column(name, Text))
    op.create_index(
        "results_without_code",
        "results",
        ["id"],
        sqlite_where=text(_WAITING),
        postgresql_where=text(_WAITING),
    )
