"""What a LIS orders, what becomes of it, and the work that an analyzer is given. By identifier only, never by position.

An order names a specimen; each test of it is a work order step (IHE LAW: AWOS): one test, one specimen, one analyzer.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from middleware.model.codes import Priority
from middleware.model.specimen import Patient
from middleware.model.value import Frozen

LONGEST_ORDER_TEXT = 200
"""Of one field of an order: more is damage."""


class OrderAction(StrEnum):
    """What is to become of a test (HL7 table 0119 and LIS02-A2 O-12 map onto it)."""

    NEW = "new"
    CHANGE = "change"
    CANCEL = "cancel"


class StepState(StrEnum):
    """Where a work order step stands. Values are what is stored."""

    PENDING = "pending"  # no analyzer has it
    CLAIMED = "claimed"  # on its way to an analyzer
    SENT = "sent"  # the analyzer took the message that carries it
    IN_PROCESS = "in_process"  # the analyzer says that it works on it
    RESULTED = "resulted"
    REFUSED = "refused"  # the analyzer said that it will not do it: a person decides
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN_STATES = (StepState.PENDING, StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS)
"""Of a step that may still get a result."""


class StepKind(StrEnum):
    """Why there is a step. Values are what is stored."""

    ORDERED = "ordered"  # the LIS, or a person, asked for the test
    RERUN = "rerun"  # ordered again because of a result
    DILUTION = "dilution"  # ordered again, diluted
    REFLEX = "reflex"  # another test, because of a result


class ToTell(StrEnum):
    """What the analyzer that has a step does not know yet."""

    CANCEL = "cancel"
    CHANGE = "change"


class PatientIdKind(StrEnum):
    """What an identifier of a patient names."""

    PATIENT = "patient"  # HL7 PID-3
    ENCOUNTER = "encounter"  # HL7 PV1-19, PID-18


class OrderAnswer(StrEnum):
    """What became of one request."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"  # said before: nothing was done again
    CHANGED = "changed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    NOT_CHANGED = "not_changed"
    NOT_CANCELLED = "not_cancelled"


class OrderFault(StrEnum):
    """Why a request was refused."""

    UNSUPPORTED = "unsupported"  # the order control is none that is known
    NO_SAMPLE_ID = "no_sample_id"
    PLACEHOLDER = "placeholder"  # a sample id that barcode readers write when they read nothing
    NO_TEST = "no_test"
    UNKNOWN_TEST = "unknown_test"
    UNFIT_TEXT = "unfit_text"  # unprintable, or too long
    OTHER_PATIENT = "other_patient"
    UNKNOWN_ORDER = "unknown_order"
    TOO_LATE = "too_late"
    TOO_MANY = "too_many"  # open tests of one tube


class OrderRequest(Frozen):
    """One test that a LIS orders, changes or cancels on one specimen. What was not sent is empty.

    `action` None: the order control is not known (`control` as sent). A cancel without `test_code` means every test of
    `placer_number`, one without `sample_id` those of every specimen. `source` is the 1-based segment or record.
    """

    action: OrderAction | None
    control: str = ""
    sample_id: str = ""
    placer_number: str = ""
    accession_number: str = ""
    test_code: str = ""
    test_name: str = ""
    priority: Priority | None = None
    specimen_type: str = ""
    collected_at: datetime | None = None
    patient: Patient | None = None
    location: str = ""  # HL7 PV1-3
    encounter: str = ""  # HL7 PV1-19
    arrived_at: datetime | None = None  # at the laboratory; None: not said
    carrier: str = ""
    position: str = ""
    parent_sample_id: str = ""  # the tube that this one is an aliquot of
    source: int = 0


class OrderOutcome(Frozen):
    """What became of one request. `text` is a sentence for the LIS's people; it names no patient."""

    answer: OrderAnswer
    text: str = ""
    fault: OrderFault | None = None

    @property
    def is_good(self) -> bool:
        """The LIS got what it asked for."""
        return self.fault is None


class WorkOrderStep(Frozen):
    """One test for one analyzer. `id` is the store's, unique for ever; `test_code` the analyzer's, `lis_code` as
    ordered."""

    id: int
    test_code: str
    lis_code: str
    test_name: str = ""
    placer_number: str = ""
    priority: Priority = Priority.ROUTINE
    kind: StepKind = StepKind.ORDERED
    dilution: str = ""  # exact decimal text of the factor that is asked for


class SpecimenWork(Frozen):
    """What is to be done on one specimen, with the identity that goes with it (a driver writes less of it)."""

    sample_id: str
    steps: tuple[WorkOrderStep, ...]
    specimen_type: str = ""
    collected_at: datetime | None = None
    patient: Patient | None = None
    carrier: str = ""  # where the tube stands, as the query or the LIS said
    position: str = ""
    is_known: bool = False  # the analyzer was given other tests of this tube before


def normal_sample_id(sample_id: str) -> str:
    """The form in which ids that people or readers confuse are equal: no blanks, capitals, no leading zeros.

    For finding confusable tubes only. Two ids that are merely alike are two tubes.
    """
    return "".join(sample_id.split()).upper().lstrip("0")
