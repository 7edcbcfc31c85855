"""The statements of the outbox, written once; both engines run them as they stand."""

from __future__ import annotations

from sqlalchemy import bindparam, case, func, select, text, update

from middleware.store.schema import LANES, OUTBOX, OUTBOX_COUNTS, OutboxState

# Written literally: a generic plan could not use the index otherwise (DESIGN 6.5).
_WAITING = text("state = 'waiting'")

TAKE_SEQ = (
    update(LANES)
    .where(LANES.c.connector == bindparam("of_connector"), LANES.c.lane == bindparam("of_lane"))
    .values(last_seq=LANES.c.last_seq + bindparam("count"))
    .returning(LANES.c.last_seq)
)


COUNT = (
    update(OUTBOX_COUNTS)
    .where(
        OUTBOX_COUNTS.c.connector == bindparam("of_connector"),
        OUTBOX_COUNTS.c.state == bindparam("of_state"),
    )
    .values(count=OUTBOX_COUNTS.c.count + bindparam("change"))
)


_MARK = (
    select(
        case(
            (LANES.c.low_water > bindparam("after_seq"), LANES.c.low_water),
            else_=bindparam("after_seq"),
        )
    )
    .where(LANES.c.connector == bindparam("of_connector"), LANES.c.lane == bindparam("of_lane"))
    .scalar_subquery()
)
CLAIM = (
    select(
        OUTBOX.c.number,
        OUTBOX.c.control_id,
        OUTBOX.c.payload,
        OUTBOX.c.lane_seq,
        OUTBOX.c.sample_id,
        OUTBOX.c.received_at,
        OUTBOX.c.attempts,
        OUTBOX.c.line,
    )
    .where(
        OUTBOX.c.connector == bindparam("of_connector"),
        OUTBOX.c.lane == bindparam("of_lane"),
        OUTBOX.c.lane_seq > _MARK,
        _WAITING,
    )
    .order_by(OUTBOX.c.lane_seq)
    .limit(bindparam("window"))
)
"""The claim's statement (a test looks at its query plan)."""


_ATTEMPTED = {
    "attempts": OUTBOX.c.attempts + 1,
    "last_attempt_at": bindparam("b_at"),
    "outcome_code": bindparam("b_code"),
    "outcome_text": bindparam("b_text"),
    "reply": bindparam("b_reply"),
}
# A message that a person held while it was under way is settled all the same: the LIS has it.
SETTLE = (
    update(OUTBOX)
    .where(OUTBOX.c.number == bindparam("b_number"), OUTBOX.c.state == bindparam("b_from"))
    .values(state=bindparam("b_state"), settled_at=bindparam("b_at"), **_ATTEMPTED)
)
DEFER = (
    update(OUTBOX)
    .where(OUTBOX.c.number == bindparam("b_number"), OUTBOX.c.state != OutboxState.ACCEPTED.value)
    .values(**_ATTEMPTED)
)
_FIRST_WAITING = (
    select(OUTBOX.c.lane_seq - 1)
    .where(
        OUTBOX.c.connector == LANES.c.connector,
        OUTBOX.c.lane == LANES.c.lane,
        OUTBOX.c.lane_seq > LANES.c.low_water,
        _WAITING,
    )
    .order_by(OUTBOX.c.lane_seq)
    .limit(1)
    .correlate(LANES)
    .scalar_subquery()
)
RAISE_MARK = (
    update(LANES)
    .where(LANES.c.connector == bindparam("of_connector"), LANES.c.lane == bindparam("of_lane"))
    .values(low_water=func.coalesce(_FIRST_WAITING, LANES.c.last_seq))
)
