"""The value of a result: exact, with the raw text beside it (DESIGN promise 2)."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from middleware.model.codes import ValueKind

DILUTION_APPLIED = "dilution_applied"
DILUTION_MULTIPLIED = "dilution_multiplied"
"""In `ResultValue.rule`: the value counted the dilution when it was sent, or was multiplied by the factor here."""


class Frozen(BaseModel):
    """Base of every canonical model: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResultValue(Frozen):
    """One value.

    `raw` is the field exactly as sent (escapes decoded, blanks kept). `number` is set for NUMBER (and is the titer's
    denominator for TITER, the lower end for RANGE); `upper` is the upper end of a RANGE. `comparator` is one of
    `<`, `>`, `<=`, `>=` or empty. `text` is what a reader sees for CODED and TEXT. `rule` names the rule of the profile
    that explained a value which is not a plain number or word, and those that count a dilution, joined by commas (empty
    otherwise); `reason` says why it is UNEXPLAINED.
    """

    kind: ValueKind
    raw: str
    number: Decimal | None = None
    upper: Decimal | None = None
    comparator: str = ""
    text: str = ""
    rule: str = ""
    reason: str = ""
