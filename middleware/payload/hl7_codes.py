"""A result's test as the table of codes names it for the LIS: OBX-3, OBR-4 and OBR-26, escaped. Pure."""

from __future__ import annotations

from functools import lru_cache

from middleware.payload.outgoing import Row
from middleware.wire.hl7.delimiters import escape

LOCAL_CODES = "99LAB"
"""HL7 table 0396: a coding system of the sender's own. The analyzer's test codes are its."""

LOCAL_DETAILS = "99DET"
"""The rest of the analyzer's test id (aspect, dilution, replicate), which keeps kinds of one test apart."""

LOINC = "LN"
"""HL7 table 0396."""


def has_code(row: Row) -> bool:
    """Whether a table gives the result a code of the LIS."""
    return bool(row.get("lis_code") or row.get("loinc"))


def mapped_test_id(row: Row) -> str:
    """OBX-3 (HL7 2.5.1 chapter 2, 2.A.2 CE): the LIS's code, and LOINC beside it; where there is only LOINC, the
    analyzer's own code beside that."""
    lis = (row["lis_code"] or "", row["lis_name"] or "", row["lis_system"] or "")
    loinc = (row["loinc"] or "", row["loinc_name"] or "")
    sent = (row["test_code"], row["test_name"] or "", row["test_detail"] or "")
    return _test_id(lis, loinc, sent)


@lru_cache(maxsize=4096)
def _test_id(lis: tuple[str, str, str], loinc: tuple[str, str], sent: tuple[str, str, str]) -> str:
    by_loinc = f"{escape(loinc[0])}^{escape(loinc[1])}^{LOINC}"
    if not lis[0]:
        return f"{by_loinc}^{escape(sent[0])}^{escape(sent[1])}^{LOCAL_CODES}"
    code, name, system = (escape(text) for text in lis)
    if loinc[0]:
        return f"{code}^{name}^{system}^{by_loinc}"
    detail = f"^{escape(sent[2])}^^{LOCAL_DETAILS}" if sent[2] else ""
    return f"{code}^{name}^{system}{detail}"


def parent_code(row: Row) -> str:
    """The same as a part of OBR-26 (HL7 2.5.1 chapter 2, 2.A.56 PRL): code and coding system."""
    if row.get("lis_code"):
        return f"{escape(row['lis_code'])}&&{escape(row['lis_system'] or '')}"
    return f"{escape(row['loinc'])}&&{LOINC}"
