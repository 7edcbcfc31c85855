"""Trouble that comes in the middle of an answer is told as what it is."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from middleware.store.rows import fetch

# The second row overflows: the first was read without trouble.
_SECOND_ROW_FAILS = text(
    "SELECT abs(x) FROM (SELECT 1 AS x UNION ALL SELECT -9223372036854775807 - 1)"
)


def test_an_error_at_the_second_row_is_the_store_s_as_at_the_first(engine: Engine) -> None:
    """Otherwise a disk that fails while it is read would make good messages unreadable."""
    with engine.connect() as conn, conn.begin(), pytest.raises(DBAPIError, match="overflow"):
        fetch(conn, _SECOND_ROW_FAILS, {})
