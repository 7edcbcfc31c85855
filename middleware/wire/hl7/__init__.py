"""HL7 v2 text: reading, writing, and acknowledgements."""

from __future__ import annotations

from middleware.wire.hl7.ack import (
    RULES,
    AckError,
    AckNote,
    AckOutcome,
    AckVerdict,
    ErrorLocation,
    build_ack,
    classify,
    replies_for,
)
from middleware.wire.hl7.build import (
    FieldValue,
    Raw,
    components,
    compose,
    repetitions,
    segment,
    subcomponents,
    write_field,
)
from middleware.wire.hl7.charset import UTF_8, codec_for
from middleware.wire.hl7.delimiters import (
    DEFAULT_DELIMITERS,
    Delimiters,
    escape,
    escape_formatted,
    unescape,
)
from middleware.wire.hl7.parse import Glance, Message, glance, parse
from middleware.wire.hl7.path import NULL, Path, Segment
from middleware.wire.hl7.tables import (
    ERROR_TEXTS,
    AbnormalFlag,
    AckCode,
    AckCondition,
    ErrorCode,
    ObservationStatus,
    ProcessingId,
    ReportStatus,
    SourceOfComment,
)

__all__ = [
    "DEFAULT_DELIMITERS",
    "ERROR_TEXTS",
    "NULL",
    "RULES",
    "UTF_8",
    "AbnormalFlag",
    "AckCode",
    "AckCondition",
    "AckError",
    "AckNote",
    "AckOutcome",
    "AckVerdict",
    "Delimiters",
    "ErrorCode",
    "ErrorLocation",
    "FieldValue",
    "Glance",
    "Message",
    "ObservationStatus",
    "Path",
    "ProcessingId",
    "Raw",
    "ReportStatus",
    "Segment",
    "SourceOfComment",
    "build_ack",
    "classify",
    "codec_for",
    "components",
    "compose",
    "escape",
    "escape_formatted",
    "glance",
    "parse",
    "repetitions",
    "replies_for",
    "segment",
    "subcomponents",
    "unescape",
    "write_field",
]
