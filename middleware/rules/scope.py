"""For whom a rule counts: line, age band, sex, location, specimen type; and which of two rules goes first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, StrEnum
from typing import Protocol

_AGE = re.compile(r"(?P<count>\d{1,5}) ?(?P<unit>d|wk|mo|a)")
_DAYS_ARE_PLAIN = 60  # "28 d" says more than "4 wk" or "1 mo"
_MONTHS_MOST = 24
NO_END = 10**6
"""Days; older than anybody. The open end of an age band."""


class Sex(StrEnum):
    """As the order or the patient's record says."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


SEX_OF: Mapping[str, Sex] = {
    "F": Sex.FEMALE,
    "M": Sex.MALE,
    "O": Sex.OTHER,
    "A": Sex.OTHER,
}
"""HL7 table 0001, as orders and analyzers write it. U, N and what is not listed: not known."""


class Match(Enum):
    """Whether a scope fits. UNKNOWN: a property that it asks for is not known."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class Who(Protocol):
    """What scopes look at; `Facts` has it."""

    @property
    def line(self) -> str: ...
    @property
    def age_days(self) -> int | None: ...
    @property
    def sex(self) -> Sex | None: ...
    @property
    def location(self) -> str | None: ...
    @property
    def specimen(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Population:
    """A point among all patients, lines and specimens. None: not known. The location "" is known to be none."""

    line: str = ""
    age_days: int | None = None
    sex: Sex | None = None
    location: str | None = None
    specimen: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Empty sets and None ask for nothing. An age band holds `age_from <= age < age_below`, in days."""

    lines: frozenset[str] = frozenset()
    age_from: int = 0
    age_below: int = NO_END
    sex: Sex | None = None
    locations: frozenset[str] = frozenset()
    specimens: frozenset[str] = frozenset()

    @property
    def has_age(self) -> bool:
        return self.age_from > 0 or self.age_below < NO_END

    def match(self, who: Who) -> Match:
        """Whether the scope fits; a NO of one property is stronger than what is not known of another."""
        return Match.YES if self.missing(who) == "" else self._doubt(who)

    def missing(self, who: Who) -> str | None:
        """ "" when it fits, the property that is not known, or None when it does not fit."""
        if self.lines and who.line not in self.lines:
            return None
        lacking = ""
        if self.has_age:
            if who.age_days is None:
                lacking = "age"
            elif not self.age_from <= who.age_days < self.age_below:
                return None
        for name, asked, known in (
            ("sex", {self.sex} if self.sex else None, who.sex),
            ("location", self.locations, who.location),
            ("specimen", self.specimens, who.specimen),
        ):
            if not asked:
                continue
            if known is None:
                lacking = lacking or name
            elif known not in asked:
                return None
        return lacking

    def _doubt(self, who: Who) -> Match:
        return Match.NO if self.missing(who) is None else Match.UNKNOWN

    def rank(self) -> tuple[bool, bool, bool, bool, bool, int]:
        """The order of precedence; the greater goes first (README, Precedence)."""
        width = self.age_below - self.age_from
        return (
            bool(self.locations),
            self.has_age,
            self.sex is not None,
            bool(self.specimens),
            bool(self.lines),
            -width,
        )

    def words(self) -> str:
        """The scope for a person, "" when it asks for nothing."""
        parts = [band_words(self.age_from, self.age_below)] if self.has_age else []
        parts += [self.sex.value] if self.sex else []
        parts += ["/".join(sorted(self.locations))] if self.locations else []
        parts += ["/".join(sorted(self.specimens))] if self.specimens else []
        parts += [f"on {'/'.join(sorted(self.lines))}"] if self.lines else []
        return ", ".join(parts)


def days_of(text: str) -> int:
    """Days of "28 d", "6 wk", "3 mo" or "18 a" (a year has 365.25 days; rounded up). Raises ValueError."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError('write an age as "28 d", "6 wk", "3 mo" or "18 a"')
    count = int(found["count"])
    return {
        "d": count,
        "wk": 7 * count,
        "mo": -(-count * 487 // 16),
        "a": -(-count * 1461 // 4),
    }[found["unit"]]


def age_days(born: date, on: date) -> int | None:
    """The age that bands are compared with: days in the first year, then made so that birthdays fall on their edges.

    On the n-th birthday it is `days_of("n a")` whatever the leap years between. None: born later than `on`.
    """
    if on < born:
        return None
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if years == 0:
        return (on - born).days
    birthday = _birthday(born, born.year + years)
    start, end = days_of(f"{years} a"), days_of(f"{years + 1} a")
    return min(start + (on - birthday).days, end - 1)


def _birthday(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:  # the 29th of February
        return date(year, 3, 1)


def age_words(days: int) -> str:
    """An age in the unit that a person would write."""
    years, months = days * 4 // 1461, days * 16 // 487
    if days > _DAYS_ARE_PLAIN and days_of(f"{years} a") == days:
        return f"{years} a"
    if days > _DAYS_ARE_PLAIN and months <= _MONTHS_MOST and days_of(f"{months} mo") == days:
        return f"{months} mo"
    return f"{days} d"


def band_words(start: int, end: int) -> str:
    """An age band for a person."""
    if end >= NO_END:
        return f"{age_words(start)} and older"
    if start == 0:
        return f"younger than {age_words(end)}"
    return f"{age_words(start)} to below {age_words(end)}"
