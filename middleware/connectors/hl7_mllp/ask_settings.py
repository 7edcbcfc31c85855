"""How a LIS is asked for the orders of a tube: `ask` of a connector."""

from __future__ import annotations

from pydantic import Field, field_validator

from middleware.connectors.order_settings import OrderRules
from middleware.payload.hl7_orders import USUAL_SAMPLE_ID
from middleware.payload.hl7_query import FIRST_PARAMETER, USUAL_QUERY
from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7 import Path

QUERY_MAX = 250
"""HL7 2.5.1 5.5.4.1: QPD-1 is a CE of so many characters."""

_PLACES = ("ORC", "OBR", "SPM", "SAC")


def checked_places(value: tuple[str, ...]) -> tuple[str, ...]:
    """Paths of fields in which an order may have its sample id. Raises ValueError."""
    for path in value:
        try:
            segment = Path.parse(path).segment
        except LocalProtocolError as error:
            raise ValueError(str(error)) from error
        if segment not in _PLACES:
            raise ValueError(f"{path!r}: an order's sample id stands in ORC, OBR, SPM or SAC")
    return value


class AskSettings(OrderRules):
    """`ask` of a connector: its LIS answers questions (QBP^Q11) of lines whose `orders.ask` names the connector."""

    host: str = Field(
        default="", description="Name or address that is asked; empty: the connector's `host`."
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description=(
            "TCP port of the LIS for questions, on a connection of its own; left out: the connection of results, where "
            "each waits for the other."
        ),
    )
    query: str = Field(
        default=USUAL_QUERY,
        min_length=1,
        max_length=QUERY_MAX,
        description="QPD-1, the name of the query at this LIS: `code^text^system`.",
    )
    sample_id_field: int = Field(
        default=FIRST_PARAMETER,
        ge=FIRST_PARAMETER,
        le=20,
        description="The field of QPD that takes the sample id.",
    )
    orders_follow: bool = Field(
        default=False,
        description=(
            "Whether orders may follow as messages of their own, to the port of `orders`, when an answer has none."
        ),
    )
    at_once: int = Field(
        default=1, ge=1, le=16, description="Questions that may wait for their answers together."
    )
    sample_id: tuple[str, ...] = Field(
        default=USUAL_SAMPLE_ID,
        min_length=1,
        description="Where an order of an answer has the sample id: the first of these that is not empty.",
    )

    @field_validator("query")
    @classmethod
    def _query_is_printable(cls, value: str) -> str:
        if not value.isprintable() or "|" in value:
            raise ValueError("a query's name has components (^) and no | or control characters")
        return value

    @field_validator("sample_id")
    @classmethod
    def _paths_can_be_read(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_places(value)
