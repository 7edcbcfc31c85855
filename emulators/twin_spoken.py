"""What a twin says in one message, and what it means by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from emulators.specimens import EmulatedSpecimen
from emulators.twin_values import SaidValue
from middleware.driver.speak import Said, Texts
from middleware.model import AbnormalFlag, ResultStatus, SampleRole


class Manner(StrEnum):
    """How freely it speaks."""

    PLAIN = "plain"  # final numbers
    RULES = "rules"  # every value rule, flag and status that may leave the node
    ODD = "odd"  # also what must be held: masked values, tests that could not be done


@dataclass(frozen=True, slots=True)
class Whose:
    """What one specimen is. `texts` are the other keys of the profile that it says."""

    sample_id: str = ""
    role: SampleRole = SampleRole.PATIENT
    patient_ids: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one result means.

    `value` is what its text means, `texts` the other keys of the profile that it says, `own_flag` a flag that only the
    maker could explain.
    """

    whose: Whose
    test_code: str
    value: SaidValue
    flags: tuple[AbnormalFlag, ...]
    status: ResultStatus
    measured_at: datetime | None
    texts: Mapping[str, str]
    own_flag: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message, and what it means. `analyzer` is what it calls itself."""

    said: Said
    meanings: tuple[Meaning, ...] = ()
    analyzer: str = ""
    asks_for: str = ""
    specimens: tuple[EmulatedSpecimen, ...] = ()
    tests: tuple[Sequence[tuple[str, Texts]], ...] = ()


@dataclass(slots=True)
class TwinPlan:
    """Who it is for. `zone` is that of its clock; `prefix` begins its sample ids."""

    seed: int = 7
    prefix: str = "T-"
    zone: str = "UTC"
    results: int = 3
    tubes: int = 1
    encoding: str = "latin-1"
