"""What a site asks of people who decide about results: the `[review]` table of the settings."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class SecondPerson(StrEnum):
    """Typed values that another person than the one who typed them must release."""

    EDIT = "edit"  # a measured value that a person corrected
    MANUAL = "manual"  # a result that a person typed because no analyzer sent it
    CRITICAL = "critical"  # a corrected value of a result that the analyzer flagged as critical


class ReviewSettings(BaseModel):
    """`[review]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    second_person: tuple[SecondPerson, ...] = Field(
        default=(SecondPerson.EDIT, SecondPerson.MANUAL),
        description=(
            "Values that a person typed and another person must release: `edit` (corrected values), `manual` (typed "
            "results), `critical` (of corrected values only those of results that the analyzer flagged as critical)."
        ),
    )
    manual_tolerance_percent: Decimal = Field(
        default=Decimal(0),
        ge=0,
        le=20,
        description=(
            "An analyzer's number that differs from a typed and released one by at most so many percent repeats it, "
            "and is not sent again; any other is a further run."
        ),
    )
    downtime_prefix: str = Field(
        default="",
        max_length=20,
        pattern=r"^[!-~]*$",
        description=(
            "What the labels of a downtime begin with, as `DT-`. Results under such an id are held until a person "
            "joins it to the real one (`labwire specimens join`). Empty: there are none."
        ),
    )
    release_at_once: int = Field(
        default=20,
        ge=1,
        le=1000,
        description=(
            "More results than this are released at once only when the person types how many, and none of them is "
            "critical, typed by a person, a further run, or of a changed patient."
        ),
    )
    call_on_critical_flag: bool = Field(
        default=False,
        description=(
            "A result that the analyzer flags as critically low or high opens a call: somebody must be told, and "
            "`labwire calls` says who was."
        ),
    )

    def asks_second(self, kind: SecondPerson) -> bool:
        """Whether such values need another person."""
        return kind in self.second_person
