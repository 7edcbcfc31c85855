"""0003: a result of a control or calibrator names its lot and level."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two columns that the rows of before do not have, so it takes no time."""
    op.add_column("results", Column("control_lot", Text))
    op.add_column("results", Column("control_level", Text))
