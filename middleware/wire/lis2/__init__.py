"""LIS02-A2 (ASTM E1394) records: reading, judging and writing their text."""

from __future__ import annotations

from middleware.wire.lis2.build import FieldValue, MessageBuilder, Raw, build_record, write_field
from middleware.wire.lis2.delimiters import DEFAULT_DELIMITERS, Delimiters, escape, unescape
from middleware.wire.lis2.faults import Fault, FaultCode
from middleware.wire.lis2.fields import NULL, Path, Record
from middleware.wire.lis2.message import RECORDS_NUMBERED, Message, parse_message
from middleware.wire.lis2.records import (
    FIELD_NAMES,
    RECORD_TYPES,
    RecordType,
    field_clause,
    field_name,
)

__all__ = [
    "DEFAULT_DELIMITERS",
    "FIELD_NAMES",
    "NULL",
    "RECORDS_NUMBERED",
    "RECORD_TYPES",
    "Delimiters",
    "Fault",
    "FaultCode",
    "FieldValue",
    "Message",
    "MessageBuilder",
    "Path",
    "Raw",
    "Record",
    "RecordType",
    "build_record",
    "escape",
    "field_clause",
    "field_name",
    "parse_message",
    "unescape",
    "write_field",
]
