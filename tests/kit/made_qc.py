"""Quality control of a made-up laboratory: two levels of one control for GLU and NA on the line `chem-1`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from middleware.model import MeasuredTime, Result, SampleRole, SourcePointer, Specimen
from middleware.review.quality import SiteQc
from middleware.review.quality_file import QcFile
from middleware.setup import Setup
from tests.kit.made_setups import RECEIVED_AT, made_setup, made_value

MEANS = {"1": "5.0", "2": "15.0"}
GOOD = {"1": "5.05", "2": "14.9"}
BAD = {"1": "5.9", "2": "17.0"}
LOT = "L77"


def made_qc(tests: tuple[str, ...] = ("GLU", "NA"), **head: Any) -> SiteQc:
    """Means 5 and 15 mmol/L, SDs 0.2 and 0.5; `head` are keys at the head of the file."""
    controls = [
        {
            "lot": LOT,
            "level": level,
            "line": "chem-1",
            "test": test,
            "unit": "mmol/L",
            "mean": MEANS[level],
            "sd": {"1": "0.2", "2": "0.5"}[level],
        }
        for test in tests
        for level in MEANS
    ]
    lots = [{"material": "multi", "lot": LOT, "level": level} for level in MEANS]
    head.setdefault("control", controls)
    file = QcFile.model_validate({"material": [{"id": "multi"}], "lot": lots, **head})
    return SiteQc(file, {"chem-1": ZoneInfo("Europe/Berlin")})


def qc_setup(qc: SiteQc | None = None, **head: Any) -> Setup:
    """The made setup with quality control in it."""
    return replace(made_setup(), qc=made_qc(**head) if qc is None else qc)


def measured(minute: float) -> MeasuredTime:
    """So many minutes after the first message came."""
    at = datetime.fromtimestamp(RECEIVED_AT + 60 * minute, UTC)
    return MeasuredTime(text=at.strftime("%Y%m%d%H%M%S"), at=at)


def control(level: str, minute: float, value: str = "", test: str = "GLU", **more: Any) -> Result:
    """One value of a control; in control unless a value is given."""
    material = {"lot": LOT, "level": level} | more.pop("material", {})
    return Result(
        specimen=Specimen(
            sample_id=f"QC{level}",
            role=SampleRole.QC,
            control_lot=material["lot"],
            control_level=material["level"],
        ),
        test_code=test,
        value=made_value(value or GOOD[level]),
        measured=measured(minute),
        source=SourcePointer(record=int(level) + 10, name="R"),
        **({"unit": "mmol/L"} | more),
    )
