"""Which tolerances the link needs: each is tried with the link itself, and kept only where nothing goes without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from middleware.driver.api import Driver
from middleware.driver.cases import CASE_CONTEXT, Played, play, play_file
from middleware.driver.quirks import HARMLESS_QUIRKS, QUIRKS
from middleware.errors import MiddlewareError

# What weakens the proof of a frame is needed only where most frames need it; a single wrong checksum is a noisy line.
WEAKENING = frozenset(name for name in QUIRKS if name.startswith(("checksum_", "frame_number_")))
# These change what a message is, or cannot show in a recording of the analyzer alone.
_NEVER_TRIED = frozenset(
    (
        "terminator_missing",
        "record_split_by_etx",
        "echoes_sent_bytes",
        "enquiry_not_repeated",
        "checksum_unchecked",
    )
)
_MOST_STEPS, _FEW_STEPS = 400, 24
_MOST_ROUNDS = 6
_HALF = 0.5

Make = Callable[[Sequence[str]], Driver]
"""A driver of the draft with these quirks; raises DriverError when the protocol does not know one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one set of quirks comes to; the best has the most text, the fewest refusals and the fewest quirks."""

    quirks: tuple[str, ...]
    read: int = 0
    text: int = -1
    taken: int = 0
    faults: int = 0

    @property
    def standing(self) -> tuple[int, int, int, int]:
        """To be compared: more is better."""
        return (self.text, self.read, self.taken, -self.faults)


def needed_quirks(
    make: Make, steps: Sequence[bytes], *, is_file: bool
) -> tuple[Trial, tuple[str, ...]]:
    """The best trial, and its quirks that the recording really used."""
    steps = steps[:_MOST_STEPS]
    best = _try(make, (), steps, is_file=is_file)
    for _ in range(_MOST_ROUNDS):
        trials = [
            _try(make, (*best.quirks, name), steps, is_file=is_file)
            for name in _candidates(best.quirks)
        ]
        better = max(trials, key=_worth)
        if better.standing <= best.standing and best.text <= 0:
            better = _best_pair(make, best, steps, is_file=is_file)
        if better.standing <= best.standing:
            break
        best = better
    return best, _without_weak(make, best, steps, is_file=is_file)


def _worth(trial: Trial) -> tuple[tuple[int, ...], int]:
    """How much goes through; of equals, the one whose tolerances can change nothing."""
    return trial.standing, sum(name in HARMLESS_QUIRKS for name in trial.quirks)


def _best_pair(make: Make, best: Trial, steps: Sequence[bytes], *, is_file: bool) -> Trial:
    """Two at once, where no single one lets anything through."""
    pairs = combinations(_candidates(best.quirks), 2)
    few = steps[:_FEW_STEPS]
    trials = (_try(make, (*best.quirks, *pair), few, is_file=is_file) for pair in pairs)
    return max(trials, key=_worth)


def _candidates(held: Iterable[str]) -> list[str]:
    return [name for name in QUIRKS if name not in _NEVER_TRIED and name not in held]


def _without_weak(
    make: Make, best: Trial, steps: Sequence[bytes], *, is_file: bool
) -> tuple[str, ...]:
    """Without the tolerances of a frame's proof that fewer than half of the frames need."""
    frames = sum(step.startswith(b"\x02") for step in steps)
    kept = best.quirks
    for name in sorted(WEAKENING & set(best.quirks)):
        rest = tuple(one for one in kept if one != name)
        single = sum(
            _needs(make, step, rest, is_file=is_file) for step in steps if step.startswith(b"\x02")
        )
        if name.startswith("checksum_") and single < _HALF * frames:
            kept = rest
    return kept


def _needs(make: Make, step: bytes, quirks: Sequence[str], *, is_file: bool) -> bool:
    """Whether one frame alone is refused without the tolerance."""
    numbered = (*quirks, "frame_number_not_reset") if not is_file else tuple(quirks)
    trial = _try(make, numbered, (b"\x05", step), is_file=is_file)
    return trial.taken < 2  # noqa: PLR2004


def _try(make: Make, quirks: Sequence[str], steps: Sequence[bytes], *, is_file: bool) -> Trial:
    trial = Trial(tuple(quirks))
    try:
        driver = make(quirks)
        played = _played(driver, steps, is_file=is_file)
    except MiddlewareError:
        return trial
    return replace(
        trial,
        read=len(played.envelopes),
        text=sum(map(len, played.texts)) if played.envelopes else 0,
        taken=played.taken,
        faults=played.refused + played.abandoned + sum(len(one.faults) for one in played.envelopes),
    )


def _played(driver: Driver, steps: Sequence[bytes], *, is_file: bool) -> Played:
    if is_file:
        return play_file(driver, b"".join(steps), CASE_CONTEXT)
    return play(driver, steps, CASE_CONTEXT)
