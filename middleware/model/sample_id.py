"""From a sample id as an analyzer writes it to the id that was ordered, and back: a small closed set of steps, as data.

The steps go in one order: capitals, prefix, suffix, check digit, zeros. What a step does not find is left as it is; a
wrong check digit is never mended, for the id was misread then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LONGEST_PADDED = 64


class CheckDigit(StrEnum):
    """How the last character of an id is worked out from the others."""

    MOD10 = "mod10"  # weights 3 and 1 from the right (ISO/IEC 16390, Interleaved 2 of 5)
    LUHN = "luhn"  # ISO/IEC 7812-1
    MOD11 = "mod11"  # weights 2 to 10 from the right, X for 10 (ISO 2108:1992)
    MOD43 = "mod43"  # ISO/IEC 16388, Code 39


class OrderedId(NamedTuple):
    """A sample id as it was ordered. `is_wrong`: its check digit is not right, and `id` is as sent."""

    id: str
    is_wrong: bool = False


class SampleIdSteps(BaseModel):
    """The `sample_ids` table of a line: how its analyzer writes the ids of tubes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upper: bool = Field(
        default=False, description="The analyzer writes small letters where the label has capitals."
    )
    strip_prefix: str = Field(
        default="", max_length=20, description="Text that the analyzer writes before the id."
    )
    strip_suffix: str = Field(
        default="", max_length=20, description="Text that the analyzer writes after the id."
    )
    check_digit: CheckDigit | None = Field(
        default=None,
        description=(
            "The last character is a check digit: `mod10`, `luhn`, `mod11` or `mod43`. An id with a wrong one is held, "
            "and a query for it gets no work."
        ),
    )
    strip_check_digit: bool = Field(
        default=False, description="The ids of orders have no check digit: it is taken off."
    )
    pad_zeros_to: int = Field(
        default=0,
        ge=0,
        le=LONGEST_PADDED,
        description="The analyzer strips leading zeros: ids of digits alone are filled up to this length again.",
    )

    @model_validator(mode="after")
    def _takes_off_what_it_knows(self) -> Self:
        if self.strip_check_digit and self.check_digit is None:
            raise ValueError("strip_check_digit needs check_digit")
        return self

    def as_ordered(self, sample_id: str) -> OrderedId:
        """The id of the order for what the analyzer writes. An id of which nothing would be left stays as sent."""
        said = sample_id.upper() if self.upper else sample_id
        said = said.removeprefix(self.strip_prefix).removesuffix(self.strip_suffix)
        if self.check_digit is not None:
            if not _is_right(said, self.check_digit):
                return OrderedId(sample_id, is_wrong=True)
            said = said[:-1] if self.strip_check_digit else said
        if not said.strip():
            return OrderedId(sample_id)
        return OrderedId(said.zfill(self.pad_zeros_to) if _is_digits(said) else said)

    def as_labelled(self, sample_id: str) -> str:
        """What the analyzer reads for an ordered id, where it did not say so itself. Zeros and capitals stay."""
        said = sample_id
        if self.check_digit is not None and self.strip_check_digit:
            said += check_digit_of(sample_id, self.check_digit) or ""
        return f"{self.strip_prefix}{said}{self.strip_suffix}"


def check_digit_of(text: str, kind: CheckDigit) -> str | None:
    """The check digit that belongs behind `text`; None: it holds characters that have no value."""
    if kind is CheckDigit.MOD43:
        values = [_CODE_39.find(one) for one in text]
        return None if -1 in values else _CODE_39[sum(values) % 43]
    return _SUMS[kind]([int(one) for one in text[::-1]]) if _is_digits(text) else None


def _is_right(text: str, kind: CheckDigit) -> bool:
    return len(text) > 1 and check_digit_of(text[:-1], kind) == text[-1]


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


_CODE_39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


def _mod10(digits: list[int]) -> str:
    total = sum(one * (1 if at % 2 else 3) for at, one in enumerate(digits))
    return str(-total % 10)


def _luhn(digits: list[int]) -> str:
    total = sum(one if at % 2 else sum(divmod(2 * one, 10)) for at, one in enumerate(digits))
    return str(-total % 10)


def _mod11(digits: list[int]) -> str:
    total = sum(one * (at % 9 + 2) for at, one in enumerate(digits))
    rest = -total % 11
    return "X" if rest == 10 else str(rest)  # noqa: PLR2004 - ISO 2108: the digit ten


_SUMS: Mapping[CheckDigit, Callable[[list[int]], str]] = {
    CheckDigit.MOD10: _mod10,
    CheckDigit.LUHN: _luhn,
    CheckDigit.MOD11: _mod11,
}
