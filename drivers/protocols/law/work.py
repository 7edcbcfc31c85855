"""Work for an analyzer as LAW needs it: steps on containers, and what the analyzer said of each. No store, no wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from middleware.model import Patient, Priority, SampleRole
from middleware.wire.hl7 import UTF_8


class StepAction(StrEnum):
    """What is to become of a step."""

    NEW = "new"
    CANCEL = "cancel"


class StepAnswer(StrEnum):
    """What the analyzer said of one step (ORC-1 of its answer)."""

    ACCEPTED = "accepted"  # OK
    REFUSED = "refused"  # UA
    CANCELLED = "cancelled"  # CR
    NOT_CANCELLED = "not_cancelled"  # UC: too late
    UNKNOWN = "unknown"  # nothing was said of it, or nothing that is known


@dataclass(frozen=True, slots=True)
class WorkOrderStep:
    """One test on one specimen for one analyzer (AWOS). `awos_id` is ours, unique for ever, at most 20 characters.

    `test_code` is the analyzer's or LOINC, `code_system` says which (`99DEMO`, `LN`). `dilution` is a wished factor.
    """

    awos_id: str
    test_code: str
    test_name: str = ""
    code_system: str = "99LAB"
    action: StepAction = StepAction.NEW
    priority: Priority = Priority.ROUTINE
    dilution: int | None = None


@dataclass(frozen=True, slots=True)
class ContainerWork:
    """The steps on one container. `container` is what the analyzer reads from the tube; `sample_id` if not the same.

    `collected_at_text` is written as it is (YYYYMMDDHHMMSS with or without offset).
    """

    container: str
    steps: tuple[WorkOrderStep, ...]
    sample_id: str = ""
    specimen_type: str = ""
    specimen_type_name: str = ""
    specimen_type_system: str = "HL70487"
    role: SampleRole = SampleRole.PATIENT
    collected_at_text: str = ""
    carrier: str = ""
    position: str = ""
    patient: Patient | None = None


@dataclass(frozen=True, slots=True)
class OrderHeader:
    """Who writes to whom, when, under which number. `profile` is MSH-21; `ordered_at` the present moment (aware).

    `charset` (MSH-18) is the peer's own; where it lacks a letter of the message, UTF-8 is declared.
    """

    control_id: str
    ordered_at: datetime
    time_zone: str = "UTC"
    sender: str = "LABWIRE"
    sender_facility: str = ""
    receiver: str = ""
    receiver_facility: str = ""
    profile: str = "LAB-28^IHE"
    accept_acknowledgement: str = "NE"
    application_acknowledgement: str = "AL"
    processing_id: str = "P"
    version: str = "2.5.1"
    charset: str = UTF_8


@dataclass(frozen=True, slots=True)
class BroadcastAnswer:
    """The analyzer's answer to one message of orders. `is_taken`: it took the message (MSA-1 is AA); else `text` says
    why not. `steps` has an answer for every step that was sent."""

    is_taken: bool
    code: str
    text: str = ""
    steps: Mapping[str, StepAnswer] = field(default_factory=dict)
