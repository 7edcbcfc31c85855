"""What goes out in one message: the released results of one specimen, flat and ready to render.

Both ways here start from the same row of the results table (as a mapping): first processing, and a release by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

Row = Mapping[str, Any]
"""One row of the results table (column name -> value), see middleware/store/schema.py.

A result that answers an order also has `placer_number`, `collected_at` (seconds since 1970 UTC), `is_reflex` and
`parent_placer` (of the order that a reflex test follows from), and the patient and the specimen type of the order.
One that follows a released result of the same test also has `first_id`, the id of the first of them.
"""


@dataclass(frozen=True, slots=True)
class OutgoingSpecimen:
    """One specimen's results for one destination. `rows` are in the order of the analyzer's message; never empty."""

    sample_id: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class RenderContext:
    """What is not in the rows. `control_id` is MSH-10; `created_at` seconds since 1970 UTC;
    `processing_id` is P, T or D
    by the node's environment; `time_zone` the IANA zone that MSH-7 is written in; `node` the node's name."""

    control_id: str
    created_at: float
    processing_id: str
    time_zone: str
    node: str


def by_order(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """The rows of each order, which stand side by side (`pipeline.outgoing` puts them so); one without any order."""
    parts: list[list[Row]] = []
    last: object = None
    for row in rows:
        order = (row.get("placer_number"), row.get("parent_placer"), row.get("is_reflex"))
        if not parts or order != last:
            parts.append([])
            last = order
        parts[-1].append(row)
    return list(parts)


def tube_of(specimen: OutgoingSpecimen) -> str:
    """The sample id; empty where the analyzer named a patient or an encounter, and no tube."""
    return "" if specimen.rows[0].get("identified_by") else specimen.sample_id


def filler_of(specimen: OutgoingSpecimen, context: RenderContext) -> str:
    """The filler's number: the sample id, or for a result of no tube one of our own, the same for the same message and
    patient."""
    first = specimen.rows[0]
    if not first.get("identified_by"):
        return specimen.sample_id
    mark = crc32(specimen.sample_id.encode("utf-8", "surrogatepass"))
    return f"{context.node}-{first['journal_id']}-{mark:08x}"
