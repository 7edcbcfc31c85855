"""The tables of orders: specimen, order, work order step, and the history of a step."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Table, Text, text

from middleware.store.metadata import ID, METADATA

SPECIMENS = Table(
    "specimens",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("order_source", Text, nullable=False),
    Column("sample_id", Text, nullable=False),
    Column("sample_id_normal", Text, nullable=False),
    Column("used_from", Float, nullable=False),
    Column("used_until", Float),
    Column("specimen_type", Text),
    Column("patient_id", Text),
    Column("patient_authority", Text),
    Column("patient_name", Text),
    Column("birth_date", Text),
    Column("sex", Text),
    Column("collected_at", Float),
    Column("changed_at", Float),  # when an order or a result last spoke of it
    sqlite_autoincrement=True,
)
Index("specimens_by_sample_id", SPECIMENS.c.sample_id_normal)

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("specimen_id", ID, ForeignKey("specimens.id"), nullable=False),
    Column("order_source", Text, nullable=False),
    Column("placer_number", Text),
    Column("accession_number", Text),
    Column("priority", Text),
    Column("state", Text, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("journal_id", BigInteger),  # the message that ordered first
    sqlite_autoincrement=True,
)
Index("orders_by_specimen", ORDERS.c.specimen_id)
Index("orders_by_placer", ORDERS.c.placer_number, ORDERS.c.order_source)

WORK_ORDER_STEPS = Table(
    "work_order_steps",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("order_id", ID, ForeignKey("orders.id"), nullable=False),
    Column("test_code", Text, nullable=False),
    Column("lis_code", Text),
    Column("line", Text),
    Column("state", Text, nullable=False),  # middleware.model.StepState
    Column("reportable_result_id", BigInteger),
    Column("sent_at", Float),
    Column("specimen_id", BigInteger),
    Column("test_name", Text),
    Column("priority", Text),
    Column("control_id", Text),  # of the message that ordered it
    Column("reason", Text),  # of its state
    Column("created_at", Float),
    Column("changed_at", Float),
    sqlite_autoincrement=True,
)
OPEN_STEPS = text("state IN ('pending', 'claimed', 'sent', 'in_process')")
# The same where other tables with a `state` are joined.
OPEN_STEPS_JOINED = text("work_order_steps.state IN ('pending', 'claimed', 'sent', 'in_process')")
REFUSED_STEPS = text("state = 'refused'")
Index(
    "steps_refused",
    WORK_ORDER_STEPS.c.id,
    sqlite_where=REFUSED_STEPS,
    postgresql_where=REFUSED_STEPS,
)
Index("steps_by_order", WORK_ORDER_STEPS.c.order_id)
Index("steps_by_specimen", WORK_ORDER_STEPS.c.specimen_id)
Index(
    "steps_open",
    WORK_ORDER_STEPS.c.state,
    WORK_ORDER_STEPS.c.id,
    sqlite_where=OPEN_STEPS,
    postgresql_where=OPEN_STEPS,
)

STEP_HISTORY = Table(
    "step_history",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("step_id", ID, ForeignKey("work_order_steps.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("line", Text),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,
)  # a row for each change of a step's state; never changed
Index("step_history_by_step", STEP_HISTORY.c.step_id, STEP_HISTORY.c.id)
