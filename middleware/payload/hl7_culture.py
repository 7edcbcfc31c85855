"""Cultures in HL7: identifications in the first order, each isolate's susceptibilities in an order of their own.

Such an order names its parent result (OBR-26: test, number of the isolate, organism; HL7 2.5.1 chapter 4, 4.5.3.26) and
OBX-4 carries the number, so a receiver can give no antibiotic to another organism.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from middleware.payload.hl7_codes import LOCAL_CODES, has_code, parent_code
from middleware.payload.outgoing import Row
from middleware.wire.hl7.delimiters import escape


@dataclass(slots=True)
class Order:
    """The results under one OBR. `parent` is OBR-26, escaped; empty for the first."""

    parent: str = ""
    at: list[int] = field(default_factory=list)


def orders_of(rows: Sequence[Row]) -> list[Order]:
    """Where in `rows` the results of each order stand: in their order, those without a parent first."""
    first = Order()
    others: dict[tuple[str, str], Order] = {}
    mapped = {row["test_code"]: parent_code(row) for row in rows if has_code(row)}
    for at, row in enumerate(rows):
        parent = _parent(row, mapped)
        if not parent:
            first.at.append(at)
            continue
        key = (parent, row.get("result_group") or "")
        others.setdefault(key, Order(parent)).at.append(at)
    return [one for one in (first, *others.values()) if one.at]


def has_isolates(rows: Sequence[Row]) -> bool:
    """Whether any of the results is of an isolate."""
    return any(row.get("isolate") for row in rows)


def sub_id_of(row: Row) -> str:
    """OBX-4: the number of the isolate, if there is one, then the run from the second on."""
    run = str(row["run"]) if row["run"] > 1 else ""
    number = escape(_isolate(row)[0]) if row.get("isolate") else ""
    return f"{number}.{run}" if number and run else number or run


def _isolate(row: Row) -> list[str]:
    found: list[str] = json.loads(row["isolate"])
    return found


def _parent(row: Row, mapped: Mapping[str, str]) -> str:
    """OBR-26 of a susceptibility; "" of an identification (its code is its own) and of what is of no isolate."""
    if not row.get("isolate"):
        return ""
    number, organism, code = _isolate(row)
    if row["test_code"] == code and not row.get("parent_id"):
        return ""
    test = mapped.get(code) or f"{escape(code)}&&{LOCAL_CODES}"
    return f"{test}^{escape(number)}^{escape(organism)}"
