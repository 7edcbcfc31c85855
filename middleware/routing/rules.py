"""The schema of one route: which results go to which connectors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

CONNECTORS_PER_ROUTE_MAX = 16
"""A result is rendered once for each destination inside the processing transaction, so their number is bounded."""


class Route(BaseModel):
    """One `[[route]]` of the settings. Every route that matches adds its connectors; order does not matter.

    An empty `lines` or `tests` matches everything. Without any route in the settings, every result
    goes to every connector.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: tuple[str, ...] = Field(
        min_length=1,
        max_length=CONNECTORS_PER_ROUTE_MAX,
        description="Ids of the connectors that get the results matching this route.",
    )
    lines: tuple[str, ...] = Field(
        default=(), description="Ids of the lines whose results match; empty: every line."
    )
    tests: tuple[str, ...] = Field(
        default=(),
        description="The analyzers' test codes that match, written exactly as sent; empty: every test.",
    )
