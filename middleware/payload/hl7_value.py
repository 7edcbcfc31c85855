"""One stored result's value as OBX-2 and OBX-5, exactly as released; its status and flags in HL7's tables.

Pure, and on the hot path: plain text joining, no object for a field.
"""

from __future__ import annotations

import re
from decimal import Decimal

from middleware.model import AbnormalFlag, ReleaseState, ResultStatus, ValueKind
from middleware.payload.outgoing import Row
from middleware.wire.hl7.delimiters import escape, escape_formatted

ST_MAX = 199
"""HL7 2.5.1 chapter 2, 2.A.74: ST holds at most 199 characters; longer text goes as TX."""

LOCAL_VALUES = "99LAB"
"""HL7 table 0396: a coded value whose analyzer names no coding system is of its own."""

_NUMERIC = re.compile(r"[+-]?\d*\.?\d+|[+-]?\d+\.")  # HL7 2.5.1 chapter 2, 2.A.46 NM

# HL7 table 0078.
FLAGS = {
    AbnormalFlag.NORMAL.value: "N",
    AbnormalFlag.LOW.value: "L",
    AbnormalFlag.HIGH.value: "H",
    AbnormalFlag.CRITICAL_LOW.value: "LL",
    AbnormalFlag.CRITICAL_HIGH.value: "HH",
    AbnormalFlag.BELOW_SCALE.value: "<",
    AbnormalFlag.ABOVE_SCALE.value: ">",
    AbnormalFlag.ABNORMAL.value: "A",
    AbnormalFlag.SIGNIFICANT_UP.value: "U",
    AbnormalFlag.SIGNIFICANT_DOWN.value: "D",
    AbnormalFlag.BETTER.value: "B",
    AbnormalFlag.WORSE.value: "W",
    AbnormalFlag.SUSCEPTIBLE.value: "S",
    AbnormalFlag.SUSCEPTIBLE_DOSE_DEPENDENT.value: "SDD",
    AbnormalFlag.MODERATELY_SUSCEPTIBLE.value: "MS",
    AbnormalFlag.VERY_SUSCEPTIBLE.value: "VS",
    AbnormalFlag.INTERMEDIATE.value: "I",
    AbnormalFlag.RESISTANT.value: "R",
    AbnormalFlag.NON_SUSCEPTIBLE.value: "NS",
}

# HL7 table 0085. What the analyzer doubted goes out only when a person released it, and then as final.
_STATUSES = {
    ResultStatus.FINAL.value: "F",
    ResultStatus.PRELIMINARY.value: "P",
    ResultStatus.CORRECTED.value: "C",
    ResultStatus.CANNOT_OBTAIN.value: "X",
    ResultStatus.PENDING.value: "I",
    ResultStatus.PARTIAL.value: "S",
    ResultStatus.WITHDRAWN.value: "W",
    ResultStatus.QUESTIONABLE.value: "F",
    ResultStatus.UNKNOWN.value: "F",
}
_FINAL, _CORRECTION, _PRELIMINARY, _WITHDRAWN = "F", "C", "P", "W"
_WAS_WITHDRAWN = ReleaseState.WITHDRAWN.value
WITHOUT_VALUE = frozenset({"X", "I"})


def status_of(row: Row) -> str:
    """OBX-11. Without a verifier a final result is preliminary: the LIS verifies it (`to_lis_unverified`).

    What was sent and withdrawn since is wrong, whatever it was. A verified result that follows a released one is a
    correction of it.
    """
    if row.get("release_state") == _WAS_WITHDRAWN:
        return _WITHDRAWN
    status = _STATUSES[row["result_status"]]
    if status not in {_FINAL, _CORRECTION}:
        return status
    if not row.get("verifier"):
        return _PRELIMINARY
    return _CORRECTION if row.get("supersedes") else status


def flags_of(row: Row) -> str:
    """OBX-8."""
    words = row.get("abnormal_flags")
    if not words:
        return ""
    return FLAGS.get(words) or "~".join([FLAGS[word] for word in words.split(",")])


# Looked up once: in an enum that costs a call.
_NUMBER, _TITER, _RANGE = ValueKind.NUMBER.value, ValueKind.TITER.value, ValueKind.RANGE.value
_CODED, _ABSENT, _TEXT = ValueKind.CODED.value, ValueKind.ABSENT.value, ValueKind.TEXT.value


def value_of(row: Row) -> tuple[str, str]:
    """OBX-2 and OBX-5, escaped."""
    kind = row["value_kind"]
    if kind == _NUMBER:
        return _number(row)
    if kind == _TITER:
        return "SN", f"^1^:^{_plain(row['value_number'])}"
    if kind == _RANGE:
        low, high = _reported(row, "value"), _reported(row, "upper")
        return "SN", f"^{_plain(low)}^-^{_plain(high)}"
    if kind == _CODED:
        return _coded(row)
    if kind == _ABSENT:
        return "", ""
    text = row.get("value_text") if kind == _TEXT else None
    return _text(text or row["value_raw"].strip())


def _number(row: Row) -> tuple[str, str]:
    comparator = row.get("comparator")
    if comparator:
        return "SN", f"{comparator}^{_plain(_reported(row, 'value'))}"
    if row.get("reported_value") is not None:
        return "NM", _plain(row["reported_value"])
    raw = row["value_raw"].strip()
    # The digits as sent are what was released (a trailing zero counts), unless a named rule read them.
    if not row.get("value_rule") and _NUMERIC.fullmatch(raw):
        return "NM", raw
    return "NM", _plain(row["value_number"])


def _reported(row: Row, part: str) -> str:
    """The number that the table of codes made of it, else as measured; `part` is `value` or `upper`."""
    converted: str | None = row.get(f"reported_{part}")
    if converted is not None:
        return converted
    measured: str = row["value_number" if part == "value" else "value_upper"]
    return measured


def _coded(row: Row) -> tuple[str, str]:
    # As sent the field may hold code, text and coding system: each goes where it belongs.
    code, _, others = row["value_raw"].strip().partition("^")
    system = (others.split("^", 2)[1:2] or [""])[0].strip()
    text = row.get("value_text") or code
    return "CE", f"{escape(code or text)}^{escape(text)}^{escape(system or LOCAL_VALUES)}"


def _text(text: str) -> tuple[str, str]:
    if len(text) > ST_MAX or "\r" in text or "\n" in text:
        return "TX", escape_formatted(text)
    return "ST", escape(text)


def _plain(number: str) -> str:
    """An exact decimal without exponent, which NM and SN do not know."""
    return format(Decimal(number), "f") if "E" in number or "e" in number else number
