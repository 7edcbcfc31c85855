"""The canonical model: frozen pydantic models of what analyzers say; no I/O."""

from middleware.model.codes import (
    AbnormalFlag,
    MessageKind,
    OutcomeKind,
    Priority,
    ReleaseMode,
    ReleaseState,
    ResultStatus,
    SampleRole,
    ValueKind,
    VerdictKind,
)
from middleware.model.envelope import Envelope, Fault, Unread
from middleware.model.proven import proven, with_changes
from middleware.model.result import (
    AnalyzerStatus,
    Comment,
    HostQuery,
    Isolate,
    MeasuredTime,
    Result,
    SourcePointer,
)
from middleware.model.specimen import Identifier, Patient, Specimen
from middleware.model.value import DILUTION_APPLIED, DILUTION_MULTIPLIED, Frozen, ResultValue
from middleware.model.verdict import Finding, Outcome, Verdict

__all__ = [
    "DILUTION_APPLIED",
    "DILUTION_MULTIPLIED",
    "AbnormalFlag",
    "AnalyzerStatus",
    "Comment",
    "Envelope",
    "Fault",
    "Finding",
    "Frozen",
    "HostQuery",
    "Identifier",
    "Isolate",
    "MeasuredTime",
    "MessageKind",
    "Outcome",
    "OutcomeKind",
    "Patient",
    "Priority",
    "ReleaseMode",
    "ReleaseState",
    "Result",
    "ResultStatus",
    "ResultValue",
    "SampleRole",
    "SourcePointer",
    "Specimen",
    "Unread",
    "ValueKind",
    "Verdict",
    "VerdictKind",
    "proven",
    "with_changes",
]
