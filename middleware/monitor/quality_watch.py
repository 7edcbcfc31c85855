"""What quality control warns of: gates that hold, overdue runs, controls nobody declared, results to look at again."""

from __future__ import annotations

from collections.abc import Sequence

from middleware.observe.health import Health, WarnableCode
from middleware.pipeline.quality_view import Standing, Troubles
from middleware.qc.codes import GateStatus

NAMED_MOST = 5
"""Gates that a warning names; the rest is counted."""


def judge_quality(found: Troubles, health: Health) -> None:
    """Raise what is wrong, and clear what is not any more."""
    holding = [one for one in found.holding if one.status is not GateStatus.OVERDUE]
    said = {
        WarnableCode.QC_HOLDS: f"Results wait at {_named(holding)}." if holding else "",
        WarnableCode.QC_OVERDUE: f"Due at {_named(found.overdue)}." if found.overdue else "",
        WarnableCode.QC_UNKNOWN: f"{found.unknown} came in the last day." if found.unknown else "",
        WarnableCode.QC_LOOK_BACK: f"{found.look_back} results are on the list."
        if found.look_back
        else "",
    }
    said[WarnableCode.QC_PATIENTS] = (
        ", ".join(found.alarms[:NAMED_MOST]) + "." if found.alarms else ""
    )
    for code, text in said.items():
        if text:
            health.raise_warning(code, "", text)
        else:
            health.clear(code)


def _named(gates: Sequence[Standing]) -> str:
    names = [
        " ".join(filter(None, (one.place.line, one.place.module, one.place.test)))
        + f" ({one.status.value})"
        for one in gates[:NAMED_MOST]
    ]
    more = len(gates) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
