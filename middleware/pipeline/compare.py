"""Compares what a line heard in shadow with an extract of what the LIS filed: the evidence for a cut over.

A test on a specimen is compared as a whole: the LIS has one value of it, the analyzer may have measured it several
times. It is the same when the LIS has one of the values that we heard; numbers are compared as such, all else as text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from middleware.errors import MiddlewareError

NEEDED = ("sample_id", "test_code", "value")
OPTIONAL = ("unit", "flag")
_COMPARATORS = ("<=", ">=", "<", ">")
_LONGEST_NUMBER = 40


class ExtractUnreadable(MiddlewareError):
    """The extract of the LIS is not a CSV file with the columns that are needed. The message says where."""

    code = "extract-unreadable"


class Likeness(StrEnum):
    """How what we heard stands to what the LIS filed."""

    SAME = "same"
    DIFFERENT = "different"
    ONLY_HERE = "only_here"  # the LIS did not file it, or the extract ends before it
    ONLY_AT_LIS = (
        "only_at_lis"  # we did not hear it: typed by hand, another analyzer, or lost on our way
    )


@dataclass(frozen=True, slots=True)
class Filed:
    """One value of a test on a specimen, on either side. `unit` and `flag` are None where they are not said."""

    sample_id: str
    test_code: str
    value: str
    unit: str | None = None
    flag: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What is compared as a whole."""
        return (self.sample_id, self.test_code)


@dataclass(frozen=True, slots=True)
class Compared:
    """One test on one specimen: the values of both sides (of ours all runs), and what differs."""

    sample_id: str
    test_code: str
    likeness: Likeness
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    differs_in: str = ""


def read_extract(text: str, codes: Mapping[str, str] | None = None) -> list[Filed]:
    """The rows of a CSV extract (comma or semicolon). `codes` turns the LIS's test codes into the analyzer's.

    Raises ExtractUnreadable that names the column or the row.
    """
    lines = text.lstrip("\ufeff").splitlines()
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=delimiter)
    columns = [name.strip() for name in reader.fieldnames or ()]
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise ExtractUnreadable(
            f"the extract has no column {', '.join(missing)}",
            what_to_do=f"Its first row must name {', '.join(NEEDED)}; {' and '.join(OPTIONAL)} may follow.",
        )
    return [_filed(row, number, codes or {}) for number, row in enumerate(reader, start=2)]


def _filed(row: Mapping[str | None, object], number: int, codes: Mapping[str, str]) -> Filed:
    said = {str(name).strip(): str(text or "").strip() for name, text in row.items() if name}
    if not said["sample_id"] or not said["test_code"]:
        raise ExtractUnreadable(
            f"row {number} of the extract has no sample id or no test code",
            what_to_do="Leave such rows out of the extract.",
        )
    code = codes.get(said["test_code"], said["test_code"])
    return Filed(said["sample_id"], code, said["value"], said.get("unit"), said.get("flag"))


def compare(ours: Iterable[Filed], theirs: Iterable[Filed]) -> Iterator[Compared]:
    """Every test on every specimen that either side knows, by sample id and test."""
    here, there = _by_key(ours), _by_key(theirs)
    for key in sorted(here.keys() | there.keys()):
        yield _compared(key, here.get(key, []), there.get(key, []))


def _by_key(filed: Iterable[Filed]) -> dict[tuple[str, str], list[Filed]]:
    found: dict[tuple[str, str], list[Filed]] = {}
    for one in filed:
        found.setdefault(one.key, []).append(one)
    return found


def _compared(key: tuple[str, str], ours: Sequence[Filed], theirs: Sequence[Filed]) -> Compared:
    said = (tuple(_words(one) for one in ours), tuple(_words(one) for one in theirs))
    if not theirs:
        return Compared(*key, Likeness.ONLY_HERE, *said)
    if not ours:
        return Compared(*key, Likeness.ONLY_AT_LIS, *said)
    differences = [_difference(theirs[-1], one) for one in ours]
    if "" in differences:
        return Compared(*key, Likeness.SAME, *said)
    return Compared(*key, Likeness.DIFFERENT, *said, differs_in=differences[-1])


def _difference(their: Filed, our: Filed) -> str:
    """What differs, in one word; '' when nothing does that both sides say."""
    if _measure(their.value) != _measure(our.value):
        return "value"
    for name, one, other in (("unit", their.unit, our.unit), ("flag", their.flag, our.flag)):
        if one is not None and other is not None and one != other:
            return name
    return ""


def _measure(text: str) -> tuple[str, Decimal | str]:
    """Comparator and number, or the text itself. `<0.5` is not `0.5`; `5.40` is `5.4`."""
    comparator = next((one for one in _COMPARATORS if text.startswith(one)), "")
    rest = text[len(comparator) :].strip()
    try:
        number = Decimal(rest) if len(rest) <= _LONGEST_NUMBER else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        return ("", text)
    return (comparator, number)


def _words(one: Filed) -> str:
    return " ".join(filter(None, (one.value, one.unit, one.flag)))
