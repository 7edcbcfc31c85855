"""One result on its way from a decoded message into the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from middleware.model import Finding, SampleRole


@dataclass(slots=True)
class PreparedResult:
    """One result on its way. `row` holds all columns, as they are when nothing that is stored says otherwise; the
    transaction gives it its `id`, and changes nothing else of it (it may be run again).

    `findings` are the checks'. `destinations` are connectors, and empty when it is not released. `may_follow`: it can
    be a further run of a released one, for it is a patient's under a sample id that names one specimen.
    (Controls and placeholders repeat for ever: asking for all their runs would grow without bound.)
    `parent_record` is where the same message has the result that this one follows from (0: from none).
    """

    row: dict[str, Any]
    fingerprint: bytes
    role: SampleRole
    findings: tuple[Finding, ...]
    has_time: bool
    may_follow: bool
    destinations: tuple[str, ...] = ()
    parent_record: int = 0

    @property
    def test(self) -> tuple[str, str, str]:
        """Specimen, test and detail: of these exactly one result is reported."""
        return (self.row["sample_id"], self.row["test_code"], self.row["test_detail"])
