"""What a draft is made of: guesses, each with the place it fills, how sure it is, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Literal = object
"""What a profile can hold: text, number, truth, and tuples and mappings of these (`profile_text.literal`)."""


class Confidence(StrEnum):
    """How far a person may trust a guess before looking."""

    CERTAIN = (
        "certain"  # the standard's own place, every record agrees, and nothing else could be meant
    )
    LIKELY = (
        "likely"  # the usual place or a telling shape; compare it with one tube and one printout
    )
    GUESS = "guess"  # something had to be written; look at it first


@dataclass(frozen=True, slots=True)
class Guess:
    """One key of the profile: `section.key`, what is written there, and what speaks for it."""

    key: str
    value: Literal
    confidence: Confidence
    why: str

    @property
    def section(self) -> str:
        """The table of the profile."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The key in its table."""
        return self.key.rpartition(".")[2]


@dataclass
class Findings:
    """I collect what was found in one recording. `notes` are sentences for the README."""

    guesses: dict[str, Guess] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, value: Literal, confidence: Confidence, why: str) -> None:
        """Take in a guess; a later one for the same key replaces the first."""
        self.guesses[key] = Guess(key, value, confidence, why)

    def certain(self, key: str, value: Literal, why: str) -> None:
        """A guess that everything in the recording speaks for."""
        self.add(key, value, Confidence.CERTAIN, why)

    def likely(self, key: str, value: Literal, why: str) -> None:
        """A guess that should be compared with one tube."""
        self.add(key, value, Confidence.LIKELY, why)

    def guess(self, key: str, value: Literal, why: str) -> None:
        """A guess that must be looked at."""
        self.add(key, value, Confidence.GUESS, why)

    def doubt(self, key: str, why: str) -> None:
        """Something speaks against a guess: it is at most a guess from now on."""
        held = self.guesses.get(key)
        if held is not None:
            self.add(key, held.value, Confidence.GUESS, f"{held.why}; {why}")
