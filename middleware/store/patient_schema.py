"""The tables of patients: who they are by every identifier, what changed of them while results were on their way, and
results that were measured elsewhere or earlier.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Table, Text, text

from middleware.store.metadata import ID, METADATA

PATIENTS = Table(
    "patients",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("order_source", Text, nullable=False),
    Column("name", Text),
    Column("birth_date", Text),
    Column("sex", Text),
    Column("location", Text),  # HL7 PV1-3
    Column("merged_into", BigInteger),  # another patient: this one is it (HL7 A40)
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    sqlite_autoincrement=True,
)
Index("patients_by_change", PATIENTS.c.changed_at)

PATIENT_IDS = Table(
    "patient_ids",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("patient_id", ID, ForeignKey("patients.id"), nullable=False),
    Column("order_source", Text, nullable=False),
    Column("kind", Text, nullable=False),  # middleware.model.PatientIdKind
    Column("value", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("used_until", Float),  # an encounter that ended
    sqlite_autoincrement=True,
)
Index("patient_ids_by_value", PATIENT_IDS.c.value, PATIENT_IDS.c.kind)
Index("patient_ids_by_patient", PATIENT_IDS.c.patient_id)

PRIOR_RESULTS = Table(
    "prior_results",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("order_source", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    Column("patient_authority", Text, nullable=False),
    Column("lis_code", Text, nullable=False),
    Column("lis_system", Text),
    Column("specimen_type", Text),
    Column("value_kind", Text, nullable=False),
    Column("value_raw", Text, nullable=False),
    Column("value_number", Text),  # exact decimal text
    Column("comparator", Text),
    Column("unit", Text),
    Column("unit_ucum", Text),
    Column("measured_at", Float, nullable=False),
    Column("placer_number", Text),
    Column("source", Text, nullable=False),  # a connector, or a file with its line
    Column("loaded_at", Float, nullable=False),
    sqlite_autoincrement=True,
)  # of other analyzers, other laboratories, and before this node: for review only, never sent
Index(
    "prior_results_by_patient",
    PRIOR_RESULTS.c.patient_id,
    PRIOR_RESULTS.c.lis_code,
    PRIOR_RESULTS.c.measured_at,
)

PATIENT_CHANGES = Table(
    "patient_changes",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),  # middleware.model.ChangeKind
    Column("author", Text, nullable=False),  # a connector or a person
    Column("reason", Text, nullable=False),
    Column("journal_id", BigInteger),  # the message that said so
    Column("specimen_id", BigInteger, nullable=False),
    Column("sample_id", Text, nullable=False),
    Column("held", Text, nullable=False),  # JSON list of result ids that were stopped
    Column("delivered", Text, nullable=False),  # JSON list of result ids that the LIS already has
    Column("seen_at", Float),
    Column("seen_by", Text),
    sqlite_autoincrement=True,
)  # a row for each tube whose results met a change
UNSEEN = text("seen_at IS NULL")
Index(
    "patient_changes_unseen",
    PATIENT_CHANGES.c.id,
    sqlite_where=UNSEEN,
    postgresql_where=UNSEEN,
)
