"""More work because of a result, asked for by a person or a rule: the test again, perhaps diluted, or another test.

Each is a new work order step of the same tube with its parent and the result that caused it. Re-runnable jobs of one
transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from middleware.model import (
    Finding,
    ReleaseState,
    SampleRole,
    StepKind,
    StepState,
    VerdictKind,
)
from middleware.model.tube import Tube, TubeTest
from middleware.pipeline.anew import findings_of
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.claimers import claimers_of, takes_work
from middleware.pipeline.decision import findings_json
from middleware.pipeline.order_results import rerun_rule, said_of
from middleware.pipeline.orders import known_tests
from middleware.review import ordered, reflex
from middleware.review.reflex import LARGEST_DILUTION
from middleware.setup import Setup
from middleware.store import audit, results, steps, tubes
from middleware.store.connection import Connection
from middleware.store.steps import Change, FollowUp

RULES = "rules"
"""The author of what a rule of the settings orders."""

_GONE = frozenset({StepState.CANCELLED.value, StepState.EXPIRED.value, StepState.REFUSED.value})
_MAY_BE_REPEATED = frozenset(
    {ReleaseState.HELD.value, ReleaseState.RELEASED.value, ReleaseState.REJECTED.value}
)
# Review has nothing against a result that waits for these alone.
_SOUND = frozenset({"release_mode", "route"})


@dataclass(frozen=True, slots=True)
class Again:
    """How a test is measured again. `dilution`: exact decimal text of the factor, or empty. `line`: by whose analyzer;
    empty: by the one that measured first."""

    dilution: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """The tube of a result, every test of it, the step that new ones follow from, and the result's test as ordered."""

    result_id: int
    tube: Tube
    tests: Sequence[TubeTest]
    parent: TubeTest
    lis_code: str

    def has(self, lis_code: str) -> bool:
        """The tube has this test, open or done."""
        return any(one.lis_code == lis_code and one.state not in _GONE for one in self.tests)


def rerun(conn: Connection, ids: Sequence[int], again: Again, asking: Asking) -> dict[str, Any]:
    """Order the tests of these results again. Answers `steps`, in the order of `ids`.

    The results stay as they are: a held one waits beside its rerun. Raises CommandRefused; then nothing is changed.
    """
    factor = _factor(again.dilution)
    change = Change(asking.author, asking.now, asking.reason or "ordered again by a person")
    made = []
    for row in _existing(conn, ids):
        place = _place_of(conn, row, asking.setup)
        _check_not_waiting(place)
        line = again.line or row["line"]
        _check_line(line, place, asking.setup)
        made.append(_again(conn, place, _Way(line, factor), change))
        if row["release_state"] == ReleaseState.HELD:
            found = (*findings_of(row), _asked_again(asking.author))
            results.give_findings(conn, {row["id"]: findings_json(found) or "[]"})
    detail = {"ids": list(ids), "steps": made, "dilution": factor, "reason": asking.reason}
    _audit(conn, "results.rerun", detail, asking)
    return {"steps": made}


def add_tests(
    conn: Connection, result_id: int, tests: Sequence[str], asking: Asking
) -> dict[str, Any]:
    """Order other tests (the LIS's codes) on the tube of a result. Answers `steps`, and `there`: tests that it has.

    Raises CommandRefused; then nothing is changed.
    """
    (row,) = _existing(conn, [result_id])
    place = _place_of(conn, row, asking.setup)
    known = known_tests(asking.setup, place.tube.order_source)
    unknown = [one for one in tests if known is not None and one not in known]
    if unknown:
        raise CommandRefused(
            f"no analyzer here does the test {unknown[0]}",
            what_to_do="Write the LIS's code of a test that stands in a table of codes.",
        )
    change = Change(asking.author, asking.now, asking.reason or "added by a person")
    there = [one for one in tests if place.has(one)]
    made = _add(conn, place, [one for one in tests if one not in there], change)
    detail = {"ids": [result_id], "steps": made, "tests": list(tests), "reason": asking.reason}
    _audit(conn, "results.reflex", detail, asking)
    return {"steps": made, "there": there}


def by_rules(
    conn: Connection,
    rows: Iterable[Mapping[str, Any]],
    bound: Mapping[int, int],
    setup: Setup,
    now: float,
) -> list[int]:
    """What the rules of the settings order because of results that were just stored; `bound` gives those that answer
    an order their step. Answers the new steps.

    A rerun of a rerun is never ordered, nor a test that the tube has. Tests follow from sound results only: released,
    or held by nothing but the release mode.
    """
    made: list[int] = []
    for row in rows:
        rule = rerun_rule(setup, row)
        tests = reflex.added_tests(setup.reflexes, row) if _is_sound(row) else []
        place = _ordered_place(conn, row, setup) if row["id"] in bound and (rule or tests) else None
        if place is None:
            continue
        change = Change(RULES, now, f"a rule of the settings, because of result {row['id']}")
        made += _add(conn, place, [one for one in tests if not place.has(one)], change)
        if rule is not None and ordered.may_be_rerun(said_of(row), place.tests):
            factor = "" if rule.dilution is None else str(rule.dilution)
            made.append(_again(conn, place, _Way(row["line"], factor), change))
    return made


def again_by_rule(
    conn: Connection, row: Mapping[str, Any], again: Again, setup: Setup, change: Change
) -> int | None:
    """Order the test of a result again, by the same analyzer; None: nothing is ordered there, it is waited for already,
    or the analyzer takes no orders.
    """
    place = _ordered_place(conn, row, setup) if takes_work(setup, row["line"]) else None
    if place is None or _is_waiting(place):
        return None
    return _again(conn, place, _Way(row["line"], again.dilution), change)


def was_repeated(conn: Connection, row: Mapping[str, Any], setup: Setup) -> bool:
    """The test was measured again because of a result before, or is going to be."""
    place = _ordered_place(conn, row, setup)
    return place is not None and not ordered.may_be_rerun(said_of(row), place.tests)


def _is_sound(row: Mapping[str, Any]) -> bool:
    if row["release_state"] not in (ReleaseState.RELEASED, ReleaseState.HELD):
        return False
    return all(one["check"] in _SOUND for one in json.loads(row["findings"] or "[]"))


def _asked_again(author: str) -> Finding:
    """Whatever else held a result falls away: it does not go by itself once a person doubted it."""
    return Finding(
        check="rerun",
        code="asked_again",
        verdict=VerdictKind.HOLD,
        text=f"{author} ordered this test again. Compare both results, then release one and reject the other.",
    )


# -- making steps ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Way:
    line: str
    dilution: str


def _again(conn: Connection, place: _Place, way: _Way, change: Change) -> int:
    return steps.add_follow_up(
        conn,
        FollowUp(
            specimen_id=place.tube.id,
            parent_step_id=place.parent.id,
            cause_result_id=place.result_id,
            lis_code=place.lis_code,
            kind=StepKind.DILUTION if way.dilution else StepKind.RERUN,
            dilution=way.dilution,
            only_line=way.line,
        ),
        change,
    )


def _add(conn: Connection, place: _Place, tests: Sequence[str], change: Change) -> list[int]:
    return [
        steps.add_follow_up(
            conn,
            FollowUp(place.tube.id, place.parent.id, place.result_id, one, StepKind.REFLEX),
            change,
        )
        for one in dict.fromkeys(tests)
    ]


# -- looking up and refusing ----------------------------------------------------------------------


def _existing(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    rows = {row["id"]: row for row in results.by_ids(conn, ids)}
    missing = [one for one in ids if one not in rows]
    if missing:
        raise CommandRefused(
            f"there is no result {missing[0]}",
            what_to_do="See `labwire results list` for the ids.",
        )
    return [rows[one] for one in ids]


def _place_of(conn: Connection, row: dict[str, Any], setup: Setup) -> _Place:
    state = row["release_state"]
    if row["sample_role"] != SampleRole.PATIENT or state not in _MAY_BE_REPEATED:
        raise CommandRefused(
            f"result {row['id']} is {state}: nothing is ordered because of it",
            what_to_do="Name a patient's result that is held, released or rejected.",
        )
    place = _ordered_place(conn, row, setup)
    if place is None:
        raise CommandRefused(
            f"nothing is ordered on the tube of result {row['id']}, or its sample id does not name one tube in use",
            what_to_do="Order the test in the LIS, or at the analyzer.",
        )
    return place


def _ordered_place(conn: Connection, row: Mapping[str, Any], setup: Setup) -> _Place | None:
    said = said_of(row)
    line = setup.lines.get(row["line"])
    if line is None or row.get("identified_by"):
        return None
    alike = tubes.of_id(tubes.alike(conn, [said.sample_id]), said.sample_id)
    tube = ordered.tube_of(said, alike, line.clock_tolerance_s).tube
    tests = tubes.tests_of(conn, [tube.id]).get(tube.id, []) if tube is not None else []
    if tube is None or not tests:
        return None
    own = [one for one in tests if one.is_of(said.line, said.lis_code, said.test_code)]
    code = own[0].lis_code if own else said.lis_code or said.test_code
    return _Place(row["id"], tube, tests, (own or tests)[-1], code)


def _is_waiting(place: _Place) -> TubeTest | None:
    """The step by which the test is ordered again already."""
    return next(
        (
            one
            for one in place.tests
            if one.is_follow_up and one.is_open and one.lis_code == place.lis_code
        ),
        None,
    )


def _check_not_waiting(place: _Place) -> None:
    one = _is_waiting(place)
    if one is not None:
        raise CommandRefused(
            f"the test of result {place.result_id} is ordered again already (ordered test {one.id})",
            what_to_do="Wait for its result, or cancel it: `labwire orders cancel`.",
        )


def _check_line(line: str, place: _Place, setup: Setup) -> None:
    claimer = claimers_of(setup).get(line)
    if claimer is None:
        raise CommandRefused(
            f"the line {line} gives no work to an analyzer, or is not in the settings",
            what_to_do="Name another with --line, or measure it again at the analyzer.",
        )
    if not takes_work(setup, line):
        raise CommandRefused(
            f"the driver of the line {line} writes no orders, so its analyzer would never know",
            what_to_do="Measure it again at the analyzer, or name another line with --line.",
        )
    is_foreign = claimer.order_source not in ("", place.tube.order_source)
    if is_foreign or claimer.code_for(place.lis_code, "") is None:
        raise CommandRefused(
            f"the analyzer of the line {line} has no test for {place.lis_code}",
            what_to_do="Name another with --line, or add a row to its table of codes.",
        )


def _factor(text: str) -> str:
    """The factor of a dilution as exact decimal text; empty: none."""
    if not text:
        return ""
    try:
        factor = Decimal(text)
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or not 1 < factor <= LARGEST_DILUTION:
        raise CommandRefused(
            f"{text!r} is no factor of a dilution",
            what_to_do=f"Write a number above 1 and at most {LARGEST_DILUTION}, as 10.",
        )
    return f"{factor:f}"


def _audit(conn: Connection, action: str, detail: dict[str, Any], asking: Asking) -> None:
    subject = f"results {', '.join(map(str, detail['ids']))}"
    audit.append(conn, audit.AuditEntry(asking.author, action, subject, asking.now, detail))
