"""Status of orders as ORM^O01 of HL7 2.5.1: ORC-1 SC, ORC-5 by table 0038. Pure: same changes, same bytes."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.payload.hl7_header import Hl7Names, header, whole
from middleware.payload.hl7_time import stamp_in_zone
from middleware.payload.order_status import OrderStatus, SpecimenStatus, StatusChange
from middleware.payload.outgoing import RenderContext
from middleware.wire.hl7 import components, segment

STATUS_CHANGED = "SC"
"""Table 0119: the status of an order changed."""

_STATUSES = {
    OrderStatus.SCHEDULED: "SC",
    OrderStatus.IN_PROCESS: "IP",
    OrderStatus.REFUSED: "ER",
    OrderStatus.CANCELLED: "CA",
    OrderStatus.EXPIRED: "DC",
}
"""Table 0038. CM is not among them: the result itself says that a test is complete."""

_WITH_REASON = frozenset({OrderStatus.REFUSED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})
_REASON_MAX = 199
"""HL7 2.5.1 C.2: a text component (ST)."""


@dataclass(frozen=True, slots=True)
class OrmStatusRenderer:
    """ORM^O01: MSH, then ORC and OBR for each test. It names the order and the specimen, and no patient."""

    names: Hl7Names
    order_source: str
    format: str = "hl7_orm_sc"

    def render(self, specimen: SpecimenStatus, context: RenderContext) -> bytes:
        """The message in UTF-8, each segment ended by CR."""
        lines = [header("ORM^O01^ORM_O01", self.names, context)]
        for number, change in enumerate(specimen.changes, 1):
            lines.append(_orc(specimen.sample_id, change, context.time_zone))
            lines.append(_obr(number, specimen.sample_id, change))
        return whole(lines)


def _orc(sample_id: str, change: StatusChange, time_zone: str) -> str:
    fields: dict[int, str | None] = {
        1: STATUS_CHANGED,
        2: change.placer_number,
        3: sample_id,
        5: _STATUSES[change.status],
        9: stamp_in_zone(change.at, time_zone),
    }
    if change.status in _WITH_REASON:
        fields[16] = components("", _printable(change.reason)[:_REASON_MAX])
    return segment("ORC", fields)


def _obr(number: int, sample_id: str, change: StatusChange) -> str:
    return segment(
        "OBR",
        {
            1: str(number),
            2: change.placer_number,
            3: sample_id,
            4: components(change.lis_code, change.test_name),
        },
    )


def _printable(text: str) -> str:
    return "".join([one if one.isprintable() else " " for one in text])
