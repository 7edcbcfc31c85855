"""Checks against the orders: which tube a result's sample id names, and whether anybody asked for the test. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from middleware.model import Finding, StepState, VerdictKind
from middleware.model.tube import Tube, TubeTest

CHECK = "orders"
"""The check that findings of this module name."""

NOT_ORDERED = "not_ordered"
NOT_ORDERED_ASKED = "not_ordered_asked"
"""The same while the LIS is asked for the tube; once it has answered it is NOT_ORDERED."""

UNORDERED = frozenset({NOT_ORDERED, NOT_ORDERED_ASKED})
"""The findings that an order which comes later takes away."""

_ASKED = (
    " The LIS is asked for the orders of this tube. Release the result to send it all the same."
)
_CURE = "Release the result to send it all the same, or order the test."

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Said:
    """What a result says of where it belongs. `measured_at` None: not said; times in seconds since 1970 UTC.

    `lis_code` is empty where no table of codes gave one. `is_of_culture`: it is of an isolate, which nobody orders.
    """

    sample_id: str
    order_source: str
    line: str
    lis_code: str
    test_code: str
    measured_at: float | None
    is_of_culture: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """The tube that a sample id names, if it names one beyond doubt; else why the result is held, if that is known."""

    tube: Tube | None = None
    finding: Finding | None = None


def tube_of(said: Said, alike: Sequence[Tube], clock_tolerance_s: float) -> Named:
    """Which of the tubes `alike` (in use, former and earlier ones) a result is of."""
    mine = [one for one in alike if not said.order_source or one.order_source == said.order_source]
    living = [one for one in mine if one.used_until is None and not one.former]
    if len(living) > 1 or (living and living[0].sample_id != said.sample_id):
        return Named(finding=_confusable(said, living))
    former = [one for one in mine if one.former == said.sample_id and one.used_until is None]
    if former:
        return Named(finding=_former(said, former[-1]))
    if not living:
        return Named()
    tube = living[0]
    earlier = [one for one in mine if one.used_until is not None and one.id != tube.id]
    before = said.measured_at is not None and said.measured_at < tube.used_from - clock_tolerance_s
    if before and any(tube.sample_id in (one.sample_id, one.former) for one in earlier):
        return Named(finding=_earlier_use(said))
    return Named(tube)


def unordered(said: Said, tests: Sequence[TubeTest], *, is_asked: bool = False) -> Finding | None:
    """Nobody asks for this result: no test of the tube is this one, or it was cancelled. For lines that hold such.

    `is_asked`: the LIS is asked for what it did not order; a cancelled test, or one of another line, it did order.
    """
    if said.is_of_culture and any(not one.is_cancelled for one in tests):
        return None
    fitting = [one for one in tests if one.is_of(said.line, said.lis_code, said.test_code)]
    test = said.lis_code or said.test_code
    if not fitting:
        why = f"Nobody ordered {test} on this specimen."
        if is_asked:
            return _hold(NOT_ORDERED_ASKED, why + _ASKED)
    elif all(one.is_cancelled for one in fitting):
        why = f"The order of {test} on this specimen was cancelled."
    elif all(one.is_cancelled or not one.may_be_measured_by(said.line) for one in fitting):
        other = next(one.line for one in fitting if not one.is_cancelled)
        why = f"{test} of this specimen is the work of the line {other}."
    else:
        return None
    return _hold(NOT_ORDERED, f"{why} {_CURE}")


def answered(finding: Finding, words: str) -> Finding:
    """What becomes of NOT_ORDERED_ASKED when nobody is to be asked any more, and why in a sentence."""
    return _hold(NOT_ORDERED, f"{finding.text.removesuffix(_ASKED)} {words} {_CURE}")


def rerun(said: Said, tests: Sequence[TubeTest], rejected: frozenset[int]) -> Finding | None:
    """The result of a rerun that was asked for: it stands beside the first, and a person chooses.

    Unless the first is one of `rejected`: then nothing stands against it.
    """
    for one in tests:
        if (
            one.is_follow_up
            and one.is_open
            and one.line in (None, said.line)
            and one.cause_result_id not in rejected
            and one.is_of(said.line, said.lis_code, said.test_code)
        ):
            return _hold(
                "rerun",
                f"This is the rerun of result {one.cause_result_id}. "
                "Compare both: release the one that is to be reported, and reject the other.",
            )
    return None


def may_be_rerun(said: Said, tests: Sequence[TubeTest]) -> bool:
    """An order asks for this result, and it was not measured again because of a result yet: once is enough."""
    own = [one for one in tests if one.is_of(said.line, said.lis_code, said.test_code)]
    is_asked_for = any(
        one.line in (None, said.line) and (one.is_open or one.state == StepState.RESULTED)
        for one in own
    )
    return is_asked_for and not any(one.is_follow_up for one in own)


def further(said: Said, tests: Sequence[TubeTest]) -> TubeTest | None:
    """The finished step of which a result that no open step waits for is another run: the newest."""
    done = [
        one
        for one in tests
        if one.state == StepState.RESULTED
        and one.line in (None, said.line)
        and one.is_of(said.line, said.lis_code, said.test_code)
    ]
    return done[-1] if done else None


def _hold(code: str, text: str) -> Finding:
    return Finding(check=CHECK, code=code, verdict=VerdictKind.HOLD, text=text)


def _confusable(said: Said, living: Sequence[Tube]) -> Finding:
    names = sorted({one.sample_id for one in living})
    if names == [said.sample_id]:
        sources = ", ".join(sorted({one.order_source for one in living})[:_MOST_NAMED])
        return _hold(
            "several_order_sources",
            f"The sample id {said.sample_id!r} is in use by several systems that order ({sources}), and the line does "
            "not say whose ids it reads. Set `order_source` of the line; find out whose tube this is.",
        )
    others = ", ".join(repr(one) for one in names if one != said.sample_id)[:200]
    return _hold(
        "confusable_sample_id",
        f"The sample id {said.sample_id!r} is like that of another tube in use ({others}): only case, blanks or "
        "leading zeros differ. Compare it with the tube's label; if the analyzer changes all ids so, declare it in "
        "`sample_ids` of the line and replay the message.",
    )


def _former(said: Said, tube: Tube) -> Finding:
    return _hold(
        "former_sample_id",
        f"The tube {said.sample_id!r} was labelled anew: it is {tube.sample_id!r} now. "
        "Find out which tube was measured. Released, the result goes out under the former id.",
    )


def _earlier_use(said: Said) -> Finding:
    return _hold(
        "earlier_use",
        f"The sample id {said.sample_id!r} was used before, and this was measured before its present use began. "
        "Find out whose tube it was; the present order did not get this result.",
    )
