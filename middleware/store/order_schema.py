"""The tables of orders: specimen, order, work order step, and the history of a step."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text, text

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
    Column("patient_ref", BigInteger),  # patients.id, where ADT or an order named one that is known
    Column("location", Text),  # HL7 PV1-3
    Column("encounter", Text),  # HL7 PV1-19
    Column("arrived_at", Float),  # when the laboratory received it; NULL: nobody said so
    Column("parent_id", BigInteger),  # the specimen that this one is an aliquot of
    # where an analyzer last saw it
    Column("seen_line", Text),
    Column("seen_carrier", Text),
    Column("seen_position", Text),
    Column("seen_at", Float),
    Column("placed_at", Float),  # when an analyzer last said seen_carrier and seen_position
    # where the LIS said that it stands
    Column("put_carrier", Text),
    Column("put_position", Text),
    Column("put_at", Float),
    sqlite_autoincrement=True,
)
Index("specimens_by_sample_id", SPECIMENS.c.sample_id_normal)
Index("specimens_by_changed_at", SPECIMENS.c.changed_at)

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
SEEN = text("seen_carrier IS NOT NULL")
Index(
    "specimens_by_place",
    SPECIMENS.c.seen_carrier,
    SPECIMENS.c.seen_position,
    sqlite_where=SEEN,
    postgresql_where=SEEN,
)
PUT = text("put_carrier IS NOT NULL")
Index(
    "specimens_by_put_place",
    SPECIMENS.c.put_carrier,
    SPECIMENS.c.put_position,
    sqlite_where=PUT,
    postgresql_where=PUT,
)
ALIQUOTS = text("parent_id IS NOT NULL")
Index(
    "specimens_by_parent",
    SPECIMENS.c.parent_id,
    sqlite_where=ALIQUOTS,
    postgresql_where=ALIQUOTS,
)
PATIENT_REF = text("patient_ref IS NOT NULL")
Index(
    "specimens_by_patient_ref",
    SPECIMENS.c.patient_ref,
    sqlite_where=PATIENT_REF,
    postgresql_where=PATIENT_REF,
)

SPECIMEN_NAMES = Table(
    "specimen_names",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("specimen_id", ID, ForeignKey("specimens.id"), nullable=False),
    Column("order_source", Text, nullable=False),
    Column("sample_id", Text, nullable=False),
    Column("sample_id_normal", Text, nullable=False),
    Column("used_until", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_autoincrement=True,
)  # the former sample ids of tubes that were labelled anew
Index("specimen_names_by_sample_id", SPECIMEN_NAMES.c.sample_id_normal)
Index("specimen_names_by_specimen", SPECIMEN_NAMES.c.specimen_id)

SIGHTINGS = Table(
    "sightings",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("sample_id", Text, nullable=False),
    Column("line", Text, nullable=False),
    Column("carrier", Text),
    Column("position", Text),
    Column("at", Float, nullable=False),
    sqlite_autoincrement=True,
)  # labels that analyzers asked for before anything was ordered on them
Index("sightings_by_sample_id", SIGHTINGS.c.sample_id)
Index("sightings_by_time", SIGHTINGS.c.at)

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
    Column("kind", Text),  # middleware.model.StepKind; NULL: ordered
    Column("parent_step_id", BigInteger),  # of a rerun, dilution or reflex
    Column("cause_result_id", BigInteger),  # the result that it follows from
    Column("dilution", Text),  # exact decimal text of the factor that is asked for
    Column("to_tell", Text),  # middleware.model.ToTell: what its analyzer does not know yet
    Column("tries", Integer),  # downloads that the analyzer did not take
    Column("try_at", Float),  # the next download
    Column("only_line", Text),  # a person chose this line for it; NULL: any
    sqlite_autoincrement=True,
)
OPEN_STEPS = text("state IN ('pending', 'claimed', 'sent', 'in_process')")
# The same where other tables with a `state` are joined.
OPEN_STEPS_JOINED = text("work_order_steps.state IN ('pending', 'claimed', 'sent', 'in_process')")
# The same of tubes that are named: as a term that no index fits, so that SQLite goes by the tube, however many.
# What a result of the tube may answer: also what no analyzer will be given by itself any more.
AWAITED_OF_TUBE = text(
    "work_order_steps.state || '' IN"
    " ('pending', 'claimed', 'sent', 'in_process', 'refused', 'expired')"
)
OPEN_OF_TUBE = text("work_order_steps.state || '' IN ('pending', 'claimed', 'sent', 'in_process')")
TO_TELL = text("to_tell IS NOT NULL")
TO_TRY = text("try_at IS NOT NULL")
Index(
    "steps_to_try",
    WORK_ORDER_STEPS.c.try_at,
    sqlite_where=TO_TRY,
    postgresql_where=TO_TRY,
)
REFUSED_STEPS = text("state = 'refused'")
Index(
    "steps_refused",
    WORK_ORDER_STEPS.c.id,
    sqlite_where=REFUSED_STEPS,
    postgresql_where=REFUSED_STEPS,
)
Index(
    "steps_to_tell",
    WORK_ORDER_STEPS.c.line,
    WORK_ORDER_STEPS.c.id,
    sqlite_where=TO_TELL,
    postgresql_where=TO_TELL,
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

Index(
    "steps_by_age",
    WORK_ORDER_STEPS.c.state,
    WORK_ORDER_STEPS.c.created_at,
    sqlite_where=OPEN_STEPS,
    postgresql_where=OPEN_STEPS,
)
PENDING_STEPS = text("state = 'pending'")
Index(
    "steps_pending",
    WORK_ORDER_STEPS.c.lis_code,
    WORK_ORDER_STEPS.c.id,
    sqlite_where=PENDING_STEPS,
    postgresql_where=PENDING_STEPS,
)
URGENT_STEPS = text("state = 'pending' AND priority IN ('stat', 'asap')")
Index(
    "steps_urgent",
    WORK_ORDER_STEPS.c.priority,
    WORK_ORDER_STEPS.c.id,
    sqlite_where=URGENT_STEPS,
    postgresql_where=URGENT_STEPS,
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
