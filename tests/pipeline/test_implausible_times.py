"""A result whose time cannot be is held and marked, and the ones beside it go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from middleware.model import MeasuredTime
from middleware.store.schema import RESULTS
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.pipeline.conftest import Run


def measured(**ago: float) -> MeasuredTime:
    return MeasuredTime(text="x", at=datetime.fromtimestamp(RECEIVED_AT, UTC) - timedelta(**ago))


@pytest.mark.parametrize(
    ("line", "ago"),
    [({}, {"minutes": -5}), ({}, {"days": 8000}), ({"oldest_result_days": 30}, {"days": 31})],
    ids=["in the future", "before its battery died", "a month old"],
)
def test_an_implausible_time_is_held_and_marked(
    conn: Connection, run: Run, line: dict[str, float], ago: dict[str, float]
) -> None:
    """The mark stands beside the time as sent, for whoever looks at the row later."""
    results = (made_result(test="GLU", measured=measured(**ago)), made_result(test="NA"))
    run(decoded(journaled(conn), *results), setup=made_setup(**line))
    shown = select(RESULTS.c.test_code, RESULTS.c.verdict, RESULTS.c.time_mark)
    rows = conn.execute(shown.order_by(RESULTS.c.id)).all()
    assert [tuple(row) for row in rows] == [
        ("GLU", "hold", "implausible"),
        ("NA", "release", None),
    ]
