"""How work goes to one line's analyzer, and what binds its results: the `orders` table of a `[[line]]`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Download(StrEnum):
    """When work is sent to an analyzer that did not ask."""

    OFF = "off"
    BY_HAND = "by_hand"
    ON_ORDER = "on_order"


class Unordered(StrEnum):
    """What becomes of a result that nobody ordered."""

    FORWARD = "forward"
    HOLD = "hold"
    ASK = "ask"


class IdentifiedBy(StrEnum):
    """What the sample id of this line's messages names."""

    SAMPLE = "sample"
    PATIENT = "patient"
    ENCOUNTER = "encounter"


class LineOrders(BaseModel):
    """The `orders` table of a line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    download: Download = Field(
        default=Download.OFF,
        description=(
            "Work that the analyzer did not ask for: `off`, `by_hand` (`labwire orders send`), or `on_order`, as soon "
            "as it is ordered."
        ),
    )
    download_retry_s: float = Field(
        default=30.0,
        ge=1,
        le=3600,
        description="Seconds until work that was not taken is sent again; doubled each time, up to an hour.",
    )
    before_arrival: bool = Field(
        default=True,
        description=(
            "Whether work is given for tubes of which nobody said that the laboratory received them; `false` for sites "
            "whose LIS says so."
        ),
    )
    sent_again_after_h: float = Field(
        default=24.0,
        gt=0,
        le=8784,
        description=(
            "Hours after which work that an analyzer took, and sent no result for, is free for another one."
        ),
    )
    unordered: Unordered = Field(
        default=Unordered.FORWARD,
        description=(
            "Results that no order of the store asks for: `forward`, as the release mode says, `hold` for a person, or "
            "`ask`: hold, and ask the connector `ask` for the orders of the tube."
        ),
    )
    identified_by: IdentifiedBy = Field(
        default=IdentifiedBy.SAMPLE,
        description=(
            "What its sample ids name: a tube (`sample`), a `patient` or an `encounter` (blood gas, point of "
            "care), which must then be known from the LIS (ADT)."
        ),
    )
    ask: str = Field(
        default="",
        max_length=40,
        description="Id of the connector whose system is asked when a query finds no work; empty: nobody is asked.",
    )
    ask_within_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds that the LIS has to answer; then the analyzer is told that there is no work.",
    )

    @property
    def holds_unordered(self) -> bool:
        """A result that no order asks for waits for a person."""
        return self.unordered is not Unordered.FORWARD

    @property
    def asks_unordered(self) -> bool:
        """Such a result makes the node ask the LIS for the tube's orders."""
        return self.unordered is Unordered.ASK

    @property
    def names_tubes(self) -> bool:
        """The sample ids of the line name tubes, and not patients."""
        return self.identified_by is IdentifiedBy.SAMPLE

    @property
    def sends_unasked(self) -> bool:
        """Work and changes go to the analyzer without a query, now or when a person says so."""
        return self.download is not Download.OFF
