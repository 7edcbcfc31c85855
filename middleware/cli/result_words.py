"""What a result says and answers, and why it waits, in words for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from middleware.model import ReleaseState, ResultStatus, SampleRole

_SENTENCE_END = re.compile(r"(?<!\bDr)(?<!\bProf)(?<!\b[A-Z])\. (?=[A-Z])")


def sentence(row: Mapping[str, Any], step: Mapping[str, Any] | None) -> str:
    """`row`: a row of the results table; `step`: the ordered test that it answers (of `order_views`), if it does.

    Empty for what is no patient's.
    """
    if row["sample_role"] != SampleRole.PATIENT:
        return ""
    return f"{_measured(row)} {_order(row, step)}{_state(row)}."


def _measured(row: Mapping[str, Any]) -> str:
    """The value with what it is judged by."""
    if row["result_status"] == ResultStatus.CANNOT_OBTAIN:
        return f"{row['test_code']} of {row['sample_id'] or 'no sample id'} cannot be obtained."
    said = f"{row['value_raw'].strip() or 'no value'} {row['unit']}".strip()
    beside = [f"range {row['reference_range']}"] if row["reference_range"] else []
    flags = (row["abnormal_flags"] or "").replace("_", " ").replace(",", ", ")
    beside += [f"flagged {flags}"] if flags else []
    typed = f", typed by {row['manual_source']}" if row["manual_source"] else ""
    more = f" ({'; '.join(beside)})" if beside else ""
    return f"{row['test_code']} of {row['sample_id'] or 'no sample id'} is {said}{more}{typed}."


def _order(row: Mapping[str, Any], step: Mapping[str, Any] | None) -> str:
    if step is None:
        return "It answers no order that is known here"
    number = f"the order {step['placer_number']}" if step["placer_number"] else "an order"
    said = f"It answers {step['lis_code']} of {number} (ordered test {step['id']}, {step['state']}"
    other = step["reportable_result_id"]
    if other is not None and other != row["id"]:
        said += f", reported with result {other}"
    return said + ")"


def _state(row: Mapping[str, Any]) -> str:
    if row["release_state"] != ReleaseState.HELD:
        return f" and is {str(row['release_state']).replace('_', ' ')}"
    holding = [one for one in json.loads(row["findings"] or "[]") if one["verdict"] != "release"]
    if not holding:
        return f" and is held: {row['decision_reason'] or 'somebody decided so'}".rstrip(".")
    return " and is held: " + "; ".join(_first_sentence(one["text"]) for one in holding)


def _first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence (that of `Dr.` does not); what to do stands with the findings."""
    end = _SENTENCE_END.search(text)
    return (text[: end.start()] if end else text).rstrip(".")
