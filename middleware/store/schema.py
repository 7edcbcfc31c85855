"""The tables, once, for every engine (SQLAlchemy Core; SQLite and PostgreSQL run the same
statements).

Conventions. Times are seconds since 1970 UTC as floats (`*_at`): wall time is data, order comes
from ids and sequences. Lists and small documents are JSON text. Words in `state` columns are the
enums of `middleware.model.codes` or those below. The first migration carries the columns and states
of DESIGN 1.1, also where the feature comes later.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from middleware.store.metadata import ID as ID
from middleware.store.metadata import METADATA as METADATA
from middleware.store.order_schema import ORDERS as ORDERS
from middleware.store.order_schema import SIGHTINGS as SIGHTINGS
from middleware.store.order_schema import SPECIMEN_NAMES as SPECIMEN_NAMES
from middleware.store.order_schema import SPECIMENS as SPECIMENS
from middleware.store.order_schema import STEP_HISTORY as STEP_HISTORY
from middleware.store.order_schema import WORK_ORDER_STEPS as WORK_ORDER_STEPS
from middleware.store.patient_schema import PATIENT_CHANGES as PATIENT_CHANGES
from middleware.store.patient_schema import PATIENT_IDS as PATIENT_IDS
from middleware.store.patient_schema import PATIENTS as PATIENTS
from middleware.store.patient_schema import PRIOR_RESULTS as PRIOR_RESULTS
from middleware.store.qc_schema import QC_ACTIONS as QC_ACTIONS
from middleware.store.qc_schema import QC_GATES as QC_GATES
from middleware.store.qc_schema import QC_LEARNED as QC_LEARNED
from middleware.store.qc_schema import QC_LOOKBACK as QC_LOOKBACK
from middleware.store.qc_schema import QC_PATIENTS as QC_PATIENTS
from middleware.store.qc_schema import QC_POINTS as QC_POINTS
from middleware.store.qc_schema import QC_WAITING as QC_WAITING
from middleware.store.review_schema import CALLS as CALLS
from middleware.store.review_schema import SUSPENSIONS as SUSPENSIONS
from middleware.store.review_schema import WITHDRAWALS as WITHDRAWALS
from middleware.store.rule_schema import RULE_REPORTS as RULE_REPORTS


class JournalState(StrEnum):
    """What became of an accepted message."""

    RECEIVED = "received"  # committed and acknowledged; to be processed
    PROCESSED = "processed"
    UNREADABLE = "unreadable"  # the driver could not decode it: mend the mapping and replay
    INCOMPLETE = "incomplete"  # ended before its terminator: never processed by itself
    NOT_ANSWERED = "not_answered"  # a host query that was not answered
    REFUSED = "refused"  # another analyzer's: refused, and kept for evidence only
    ANSWERED = "answered"  # a host query whose answer the analyzer took


class OutboxState(StrEnum):
    """Where one outgoing message stands. WAITING includes what is being sent: a claim writes
    nothing.
    """

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"  # set aside with the LIS's text
    HELD = "held"  # a person stopped it


META = Table(
    "meta",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)  # keys: store_id, schema_created_at, environment

COUNTERS = Table(
    "counters",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)  # name "outbox_number": the last number given; numbers are never reused (DESIGN 8.5)

SETUPS = Table(
    "setups",
    METADATA,
    Column("generation", ID, primary_key=True, autoincrement=True),
    Column("applied_at", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=text("''")),
    Column("sha256", Text, nullable=False),
    Column("body", Text, nullable=False),  # the settings as applied, secrets as references
    sqlite_autoincrement=True,
)

JOURNAL = Table(
    "journal",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("line", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("direction", Text, nullable=False, server_default=text("'in'")),  # in; out (later)
    Column("kind", Text, nullable=False),  # MessageKind
    Column("state", Text, nullable=False),  # JournalState
    Column("received_at", Float, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("wire", LargeBinary, nullable=False),
    Column("text_sha256", LargeBinary, nullable=False),
    Column("quirks", Text, nullable=False, server_default=text("''")),  # comma separated names
    Column("ack_confirmed", Boolean, nullable=False, server_default=text("false")),
    Column(
        "reason", Text, nullable=False, server_default=text("''")
    ),  # why incomplete or unreadable
    Column("reason_record", Integer),
    Column("reason_field", Text),
    Column("analyzer", Text),
    Column("message_control_id", Text),
    Column("faults", Text),  # JSON list of model.Fault
    Column("result_count", Integer),
    Column("processed_at", Float),
    Column("setup_generation", BigInteger),
    Column("replays", Integer, nullable=False, server_default=text("0")),
    Column("lease_generation", BigInteger),
    Column("node", Text),
    Column("file_name", Text),  # where the message is a whole file
    sqlite_autoincrement=True,
)
Index(
    "journal_files",  # by content: the same file again is known by it
    JOURNAL.c.line,
    JOURNAL.c.text_sha256,
    sqlite_where=text("file_name IS NOT NULL"),
    postgresql_where=text("file_name IS NOT NULL"),
)
Index(
    "journal_to_process",
    JOURNAL.c.id,
    sqlite_where=text("state = 'received'"),
    postgresql_where=text("state = 'received'"),
)
Index("journal_by_line", JOURNAL.c.line, JOURNAL.c.id)
Index(
    "journal_for_people",
    JOURNAL.c.id,
    sqlite_where=text("state IN ('unreadable', 'incomplete', 'not_answered')"),
    postgresql_where=text("state IN ('unreadable', 'incomplete', 'not_answered')"),
)

RESULTS = Table(
    "results",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("journal_id", ID, ForeignKey("journal.id"), nullable=False),
    Column("record", Integer, nullable=False),  # 1-based record in the message
    Column("record_name", Text, nullable=False, server_default=text("'R'")),
    Column("line", Text, nullable=False),
    Column("analyzer", Text, nullable=False, server_default=text("''")),
    Column("module", Text, nullable=False, server_default=text("''")),
    Column("environment", Text, nullable=False),
    # identity: (order source, sample id, use period); patient ids with their authority
    Column("order_source", Text),
    Column("specimen_id", BigInteger),
    Column("work_order_step_id", BigInteger),
    Column("sample_id", Text, nullable=False),
    Column("instrument_sample_id", Text),
    Column("carrier", Text),
    Column("position", Text),
    Column("sample_role", Text, nullable=False),  # SampleRole
    Column("role_rule", Text),
    Column("specimen_type", Text),
    Column("patient_id", Text),
    Column("patient_authority", Text),
    Column("patient_name", Text),
    Column("birth_date", Text),
    Column("sex", Text),
    # what was measured
    Column("test_code", Text, nullable=False),
    Column("test_name", Text),
    Column("test_detail", Text, nullable=False, server_default=text("''")),
    Column("test_id_raw", Text),
    Column("run", Integer, nullable=False, server_default=text("1")),
    Column("value_kind", Text, nullable=False),
    Column("value_raw", Text, nullable=False),
    Column("value_number", Text),  # exact decimal text
    Column("value_upper", Text),
    Column("comparator", Text),
    Column("value_text", Text),
    Column("value_rule", Text),
    Column("unit", Text, nullable=False, server_default=text("''")),
    Column("unit_ucum", Text),
    Column("reference_range", Text),
    Column("abnormal_flags", Text),  # comma separated AbnormalFlag
    Column("abnormal_flags_raw", Text),
    Column("instrument_flags", Text),  # JSON list
    Column("comments", Text),  # JSON list of model.Comment
    Column("result_status", Text, nullable=False),
    Column("status_raw", Text),
    Column("measured_text", Text),
    Column("measured_at", Float),
    Column("measured_offset", Text),  # "+0100" of the line's zone at that time
    Column("time_mark", Text),
    Column("operator", Text),
    Column("reagent_lot", Text),
    Column("dilution_factor", Text),
    Column("is_manual", Boolean, nullable=False, server_default=text("false")),
    Column("manual_source", Text),
    # relations and versions
    Column("parent_id", BigInteger),
    Column("isolate", Text),
    Column("result_group", Text),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("supersedes", BigInteger),
    Column("is_reportable", Boolean, nullable=False, server_default=text("true")),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("duplicate_of", BigInteger),
    # review
    Column("verdict", Text, nullable=False),  # VerdictKind
    Column("findings", Text),  # JSON list of model.Finding
    Column("release_mode", Text, nullable=False),  # ReleaseMode at that time
    Column("release_state", Text, nullable=False),  # ReleaseState
    Column("verifier", Text),  # named person, or rule set of the auto-verification
    Column("decided_at", Float),
    Column("decision_reason", Text),
    Column("setup_generation", BigInteger, nullable=False),
    Column("received_at", Float, nullable=False),
    # which material: of controls, calibrators and blanks only
    Column("control_lot", Text),
    Column("control_level", Text),
    # for the LIS, by the table of test codes; NULL: as the analyzer sent it
    Column("code_fate", Text),  # middleware.routing.code_row.CodeFate
    Column("code_source", Text),  # table, version and line
    Column("lis_code", Text),
    Column("lis_name", Text),
    Column("lis_system", Text),
    Column("loinc", Text),
    Column("loinc_name", Text),
    Column("reported_value", Text),  # exact decimal text, as value_number and value_upper
    Column("reported_upper", Text),
    Column("reported_unit", Text),
    Column("reported_range", Text),
    Column("identified_by", Text),  # "patient" or "encounter": what the sample id names, if no tube
    Column("edit_of", BigInteger),  # the result that a person made this version of
    Column("rejected_as", Text),  # middleware.model.RejectedAs
    Column("candidate_says", Text),  # what rules that are tried would have done otherwise
    sqlite_autoincrement=True,
)
Index("results_by_journal", RESULTS.c.journal_id)
ON_LIST = text("rejected_as = 'pending'")
Index("results_pending", RESULTS.c.id, sqlite_where=ON_LIST, postgresql_where=ON_LIST)
Index(
    "results_by_edit",
    RESULTS.c.edit_of,
    sqlite_where=text("edit_of IS NOT NULL"),
    postgresql_where=text("edit_of IS NOT NULL"),
)
OTHERWISE = text("candidate_says IS NOT NULL")
Index("results_by_candidate", RESULTS.c.id, sqlite_where=OTHERWISE, postgresql_where=OTHERWISE)
Index("results_by_sample_id", RESULTS.c.sample_id, RESULTS.c.fingerprint)
Index(
    "results_held",
    RESULTS.c.id,
    sqlite_where=text("release_state = 'held'"),
    postgresql_where=text("release_state = 'held'"),
)
WITHOUT_CODE = text("release_state = 'held' AND code_fate IN ('unmapped', 'hold')")
Index(
    "results_without_code", RESULTS.c.id, sqlite_where=WITHOUT_CODE, postgresql_where=WITHOUT_CODE
)

LANES = Table(
    "lanes",
    METADATA,
    Column("connector", Text, primary_key=True),
    Column("lane", Integer, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),  # given under the writer's transaction
    Column("low_water", BigInteger, nullable=False),  # every lane_seq at or below it is settled
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("number", ID, primary_key=True, autoincrement=False),
    Column("connector", Text, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("lane_seq", BigInteger, nullable=False),
    Column("control_id", Text, nullable=False, unique=True),
    Column("format", Text, nullable=False),  # hl7_oru_r01, hl7_oul_r22 …
    Column("payload", LargeBinary, nullable=False),
    Column("journal_id", BigInteger),
    Column("line", Text, nullable=False),
    Column("sample_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # OutboxState
    Column("created_at", Float, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_attempt_at", Float),
    Column("settled_at", Float),
    Column("outcome_code", Text),
    Column("outcome_text", Text),
    Column("reply", LargeBinary),
    Column("replaces", BigInteger),  # a mended message names the number it replaces
    Column("resends", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("connector", "lane", "lane_seq", name="outbox_lane_order"),
)
Index("outbox_by_journal", OUTBOX.c.journal_id)
Index(
    "outbox_refused",
    OUTBOX.c.number,
    sqlite_where=text("state = 'refused'"),
    postgresql_where=text("state = 'refused'"),
)

OUTBOX_RESULTS = Table(
    "outbox_results",
    METADATA,
    Column("number", ID, ForeignKey("outbox.number"), primary_key=True),
    Column("result_id", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)
Index("outbox_results_by_result", OUTBOX_RESULTS.c.result_id)

OUTBOX_COUNTS = Table(
    "outbox_counts",
    METADATA,
    Column("connector", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)  # kept in the same transaction as the rows; never COUNT(*) (DESIGN 6.15)

COMMANDS = Table(
    "commands",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("asked_at", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("arguments", Text, nullable=False),  # JSON
    Column("state", Text, nullable=False),  # asked, done, failed
    Column("answer", Text),
    Column("done_at", Float),
    sqlite_autoincrement=True,
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("at", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),  # canonical JSON
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_autoincrement=True,
)  # triggers forbid UPDATE and DELETE

LEASES = Table(
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),  # line:<id>, lane:<connector>/<lane>
    Column("owner", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("expires_at", Float, nullable=False),
)
