"""What a site decides about orders of a system, whichever way they come: shared by the settings of all connectors."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class UnknownTests(StrEnum):
    """What becomes of orders for tests that no table of codes names."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class OrderRules(BaseModel):
    """The keys that `orders` of every connector has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_source: str = Field(
        default="",
        max_length=40,
        description="Whose sample ids these are, as `order_source` of lines; empty: there is only one such system.",
    )
    unknown_tests: UnknownTests = Field(
        default=UnknownTests.ACCEPT,
        description="Orders for tests that no table of codes names: `accept` or `refuse`.",
    )
    reuse_after_h: float = Field(
        default=168.0,
        gt=0,
        le=24 * 3660,
        description=(
            "Hours after the last word of a finished specimen from which its sample id may be another patient's."
        ),
    )

    @property
    def accepts_unknown_tests(self) -> bool:
        """Also tests that no table of codes names."""
        return self.unknown_tests is UnknownTests.ACCEPT

    @property
    def reuse_after_s(self) -> float:
        """`reuse_after_h` in seconds."""
        return self.reuse_after_h * 3600
