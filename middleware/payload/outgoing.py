"""What goes out in one message: the released results of one specimen, flat and ready to render.

Both ways here start from the same row of the results table (as a mapping): first processing, and a release by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
"""One row of the results table (column name -> value), see middleware/store/schema.py."""


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
