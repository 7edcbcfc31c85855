"""Numbers of a set of control values: mean, SD, CV, bias, total error, Sigma; and the table that peers compare."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from middleware.qc.targets import learned_from

_HUNDRED = Decimal(100)
_ONE_SIDED_95 = Decimal("1.65")
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Summary:
    """`sd` and `cv_percent` are None for a single value; `cv_percent` also where the mean is zero."""

    count: int
    mean: Decimal
    sd: Decimal | None
    cv_percent: Decimal | None


def summary(values: Sequence[Decimal]) -> Summary | None:
    """Number, mean, sample SD and CV. None for no values."""
    if not values:
        return None
    learned = learned_from(values)
    mean = learned.mean
    sd = learned.sd if learned.count > 1 else None
    cv = None if sd is None or not mean else _HUNDRED * sd / abs(mean)
    return Summary(learned.count, mean, sd, cv)


def bias_percent(mean: Decimal, target: Decimal) -> Decimal:
    """How far the mean lies from the target, in percent of it. Raises ValueError for a target of zero."""
    if not target:
        raise ValueError("a bias in percent needs a target other than zero")
    return _HUNDRED * (mean - target) / abs(target)


def total_error_percent(bias: Decimal, cv: Decimal) -> Decimal:
    """|bias| + 1.65 CV, all in percent."""
    return abs(bias) + _ONE_SIDED_95 * cv


def sigma(allowed_percent: Decimal, bias: Decimal, cv: Decimal) -> Decimal:
    """(allowed total error - |bias|) / CV, all in percent at one level. Raises ValueError for a CV of zero."""
    if cv <= 0:
        raise ValueError("Sigma needs a CV greater than zero")
    return (allowed_percent - abs(bias)) / cv


@dataclass(frozen=True, slots=True)
class PeerRow:
    """What a laboratory sends for comparison: one lot, level and test over a period, accepted values only."""

    material: str
    lot: str
    level: str
    test: str
    unit: str
    numbers: Summary


PEER_COLUMNS = ("material", "lot", "level", "test", "unit", "n", "mean", "sd", "cv_percent")


def peer_csv(rows: Iterable[PeerRow]) -> str:
    """The table as CSV (RFC 4180) with a heading; numbers have six significant digits, a decimal point and no
    exponent."""
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(PEER_COLUMNS)
    for row in rows:
        numbers = row.numbers
        shown = [_shown(one) for one in (numbers.mean, numbers.sd, numbers.cv_percent)]
        writer.writerow(
            [row.material, row.lot, row.level, row.test, row.unit, numbers.count, *shown]
        )
    return "".join(lines.written)


class _Lines:
    """What the CSV writer of the standard library writes to, in memory."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)


def _shown(number: Decimal | None) -> str:
    if number is None:
        return ""
    if not number:
        return "0"
    step = Decimal(1).scaleb(number.adjusted() - _DIGITS + 1)
    return format(number.quantize(step, rounding=ROUND_HALF_EVEN).normalize(), "f")
