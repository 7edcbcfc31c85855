"""The settings of every criterion, as a laboratory writes them. Numbers are exact decimals; every key is described."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    field_validator,
    model_validator,
)

_SPAN = re.compile(r"(?P<count>\d{1,6}) ?(?P<unit>s|min|h|d|wk|a)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604_800, "a": 31_557_600}
DIGITS_MOST = 20


class Fate(StrEnum):
    """What becomes of a result; the later is the stricter (fact sheet on autoverification, 1)."""

    RELEASE = "release"
    HOLD = "hold"
    RERUN = "rerun"
    BLOCK = "block"


STRICTNESS = {fate: number for number, fate in enumerate(Fate)}


class Otherwise(StrEnum):
    """What a missing or doubtful thing leads to."""

    HOLD = "hold"
    IGNORE = "ignore"


class Criterion(StrEnum):
    """Every check, in the order in which findings are told (fact sheet, 1.1)."""

    RULE = "rule"
    FORM = "form"
    UNIT = "unit"
    SPECIMEN = "specimen"
    FLAGS = "flags"
    QC = "qc"
    CALIBRATION = "calibration"
    REAGENT = "reagent"
    INDICES = "indices"
    MEASURING = "measuring"
    ABSURD = "absurd"
    CRITICAL = "critical"
    REVIEW = "review"
    DELTA = "delta"
    CONSISTENCY = "consistency"
    COMPLETENESS = "completeness"
    FIRST_POSITIVE = "first_positive"
    MOVING_AVERAGE = "moving_average"
    SENT_AGAIN = "sent_again"


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("write a number without quotation marks")  # noqa: TRY004 pydantic wants it
    number = Decimal(value)
    if not number.is_finite() or len(number.as_tuple().digits) > DIGITS_MOST:
        raise ValueError(f"write a number of at most {DIGITS_MOST} digits")
    if abs(number.adjusted()) > DIGITS_MOST:
        raise ValueError("this number is too large or too small")
    return number


class Seconds(int):
    """A length of time that was read; a plain number in a file has no unit, and is refused."""


def _seconds(value: Any) -> Seconds:
    if isinstance(value, Seconds):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a length of time as "90 min", "12 h" or "3 d"')
    return Seconds(int(found["count"]) * _SECONDS[found["unit"]])


Number = Annotated[Decimal, BeforeValidator(_number)]
Span = Annotated[Seconds, PlainValidator(_seconds)]
Positive = Annotated[Number, Field(gt=0)]
Words = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=80)], ...], Field(max_length=500)
]


class Settings(BaseModel):
    """Base of all that a rule file says: immutable, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Censored(StrEnum):
    """How a result with a comparator, as `<5`, is compared where that leaves a doubt."""

    HOLD = "hold"
    BOUND = "bound"


class Limits(Settings):
    """`low <= x <= high` is inside. Used by absurd, critical and review."""

    low: Number | None = Field(default=None, description="Lowest value that is still inside.")
    high: Number | None = Field(default=None, description="Highest value that is still inside.")
    censored: Censored = Field(
        default=Censored.HOLD,
        description="A comparator that leaves a doubt: held, or compared as if it were its bound.",
    )


class Outside(StrEnum):
    """What becomes of a result outside the measuring interval."""

    HOLD = "hold"
    RERUN = "rerun"
    REPORT = "report"


class Measuring(Settings):
    """The measuring interval of the method, undiluted. A diluted run has the interval times its dilution."""

    low: Number | None = Field(default=None, description="Lower end of the measuring interval.")
    high: Number | None = Field(default=None, description="Upper end of the measuring interval.")
    below: Outside = Field(
        default=Outside.HOLD,
        description="Below it: hold, rerun, or report (a result sent as `<low` may go, a plain number is held).",
    )
    above: Outside = Field(
        default=Outside.HOLD,
        description="Above it: hold, rerun (diluted), or report (a result sent as `>high` may go).",
    )
    dilution: Positive | None = Field(
        default=None, description="Factor that a rerun for a high result is diluted with."
    )
    reruns: int = Field(
        default=1, ge=0, le=5, strict=True, description="So often at most; then the result is held."
    )


class DeltaMethod(StrEnum):
    """How the difference from the previous result is judged (fact sheet, 1.3)."""

    ABSOLUTE = "absolute"
    PERCENT = "percent"
    ABSOLUTE_RATE = "absolute_rate"
    PERCENT_RATE = "percent_rate"
    RCV = "rcv"


class Direction(StrEnum):
    """Which change counts."""

    BOTH = "both"
    RISE = "rise"
    FALL = "fall"


class Delta(Settings):
    """One delta check. RCV = sqrt(2) * z * sqrt(cv_a^2 + cv_i^2) percent; rates are per day."""

    method: DeltaMethod = Field(
        description="absolute, percent, absolute_rate, percent_rate or rcv."
    )
    limit: Positive | None = Field(
        default=None, description="Change from which it is held: in the unit, percent, or per day."
    )
    cv_a: Positive | None = Field(default=None, description="Analytical variation in percent.")
    cv_i: Positive | None = Field(default=None, description="Within-person variation in percent.")
    z: Positive = Field(default=Decimal("1.96"), description="1.96 for 95 percent, 2.58 for 99.")
    within: Span = Field(description='How old the previous result may be, as "3 d".')
    direction: Direction = Field(default=Direction.BOTH, description="both, rise or fall.")
    without_previous: Otherwise = Field(
        default=Otherwise.IGNORE, description="No comparable previous result: ignore or hold."
    )

    @model_validator(mode="after")
    def _has_what_its_method_needs(self) -> Delta:
        is_rcv = self.method is DeltaMethod.RCV
        if is_rcv and (self.cv_a is None or self.cv_i is None or self.limit is not None):
            raise ValueError("rcv needs cv_a and cv_i, and no limit")
        given = self.model_fields_set & {"cv_a", "cv_i", "z"}
        if not is_rcv and (self.limit is None or given):
            raise ValueError(f"{self.method.value} needs a limit, and no cv_a, cv_i or z")
        return self


class Index(StrEnum):
    """Serum indices (fact sheet, 1.4)."""

    HAEMOLYSIS = "haemolysis"
    ICTERUS = "icterus"
    LIPAEMIA = "lipaemia"


class IndexLimit(Settings):
    """One index of the specimen against one test."""

    above: Number = Field(description="Highest index that does not disturb the test.")
    then: Fate = Field(default=Fate.HOLD, description="hold, rerun or block.")

    @field_validator("then")
    @classmethod
    def _does_something(cls, value: Fate) -> Fate:
        if value is Fate.RELEASE:
            raise ValueError("write hold, rerun or block")
        return value


class Indices(Settings):
    """Which indices disturb the test."""

    haemolysis: IndexLimit | None = Field(default=None, description="H index.")
    icterus: IndexLimit | None = Field(default=None, description="I index.")
    lipaemia: IndexLimit | None = Field(default=None, description="L index.")
    missing: Otherwise = Field(
        default=Otherwise.HOLD, description="An index that is asked for here and was not sent."
    )


class Flags(Settings):
    """What the analyzer's own flags lead to. A flag that is not listed holds."""

    ignore: Words = Field(default=(), description="Flags that change nothing.")
    rerun: Words = Field(default=(), description="Flags for which the test is measured again.")
    block: Words = Field(default=(), description="Flags with which a result is never released.")


class Gate(Settings):
    """A status that is received from elsewhere; all but good (and warning, if so set) holds."""

    warning: Otherwise = Field(default=Otherwise.HOLD, description="The status warning.")


class FirstPositive(Settings):
    """A positive result of a patient who was never positive before is held."""

    words: Words = Field(default=(), description="Texts that are positive.")
    at_least: Number | None = Field(default=None, description="Numbers from here on are positive.")


class SentAgain(Settings):
    """A result that differs from the one released for the same order is held."""

    tolerance: Annotated[Number, Field(ge=0)] = Field(
        default=Decimal(0), description="Numbers that differ by no more are the same."
    )
