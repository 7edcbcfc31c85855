"""Generated cases of rules sent through the real pipeline: as a message of an analyzer, orders and earlier results.

The evaluator alone judges all cases; this shows for some of each kind that the facts which the pipeline gathers are
the facts that the case means, and that its findings and its fate are stored. What nobody can tell the pipeline (a
status, what was released before, an unknown patient) is left out of the case, and the oracle says again what must come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from middleware.model import (
    DILUTION_APPLIED,
    EarlierResult,
    Envelope,
    Finding,
    Identifier,
    MeasuredTime,
    MessageKind,
    OrderAction,
    OrderRequest,
    Patient,
    Result,
    ResultValue,
    SourcePointer,
    Specimen,
    ValueKind,
)
from middleware.pipeline.prepare import Decoded, Preparation
from middleware.pipeline.process import process
from middleware.pipeline.rule_facts import looks_back
from middleware.pipeline.rules import CHECK, check_name
from middleware.review.checks import strictest
from middleware.rules.cases import Case, CasesOfTest, cases_of
from middleware.rules.criteria import Criterion, Index
from middleware.rules.facts import COMPARATORS, Facts, Neighbour
from middleware.rules.findings import VERDICT_OF
from middleware.rules.oracle import Expected, expect
from middleware.rules.proof import CaseRow
from middleware.rules.scope import Sex, age_days, days_of
from middleware.setup import Setup, SiteRules
from middleware.store import journal, orders, prior_results, results
from middleware.store.connection import Connection
from middleware.store.journal import JournalEntry, StoredEntry
from middleware.store.orders import OrderOccasion
from middleware.store.prior_results import Origin
from middleware.store.scratch import attempt, scratch_store

CASES_MOST = 2000
"""Some 2 ms each: enough for one of each kind of each rule of a large laboratory, and over before anybody waits."""

_NOW = 1_700_000_000  # when the made-up specimens of generated cases were collected
LINE = "walk"
"""The line of cases whose rules name none."""
_TUBE, _PATIENT = "W1", Identifier(id="W-1", authority="WALK")
_SEXES = {Sex.FEMALE: "F", Sex.MALE: "M", Sex.OTHER: "O", None: ""}
_OLDEST_DAYS = 110 * 366
_ROUTE = "route"


@dataclass(frozen=True, slots=True)
class _Walk:
    """A store, the setup in it, and the rules with names of their own for serum indices."""

    conn: Connection
    setup: Setup
    rules: SiteRules
    preparation: Preparation

    def go(self, case: Case) -> CaseRow | None:
        """Send one case through; None: it cannot be said by a message, orders and earlier results."""
        facts = self._said(case.facts)
        born = None if facts is None else _born(facts.age_days)
        if facts is None or (born is None and facts.age_days is not None):
            return None
        expected = expect(self.rules.rule_set, facts)
        row = attempt(self.conn, lambda conn: self._sent(conn, facts, born))
        return _compared(case, expected, row)

    def _said(self, facts: Facts) -> Facts | None:
        """The facts but for what the pipeline cannot be told."""
        previous = facts.previous
        has_word = facts.value is not None or bool(facts.text.strip())
        if facts.comparator not in COMPARATORS or not has_word or facts.was_positive:
            return None
        if not looks_back(self.rules.book, facts.test, facts.line):
            previous = None
        elif previous is not None and (
            previous.collected_at is None or previous.collected_at >= _NOW or previous.value is None
        ):
            return None
        if previous is not None and self._asks_for_positives(facts):
            previous = None
        return replace(
            facts,
            line=facts.line or LINE,
            collected_at=_NOW,
            location=facts.location or None,
            previous=previous,
            was_positive=False,
            released=None,
            statuses={},
            run=1,
            awaited=(facts.awaited or frozenset()) - set(facts.others) - {facts.test},
        )

    def _asks_for_positives(self, facts: Facts) -> bool:
        plan = self.rules.book.plan(facts.test, facts.line)
        return plan is not None and any(
            slot.criterion is Criterion.FIRST_POSITIVE and slot.candidates for slot in plan.slots
        )

    def _sent(self, conn: Connection, facts: Facts, born: date | None) -> Mapping[str, Any]:
        """The stored row of the case's result."""
        _order(conn, facts, born)
        _tell_previous(conn, facts)
        entry = JournalEntry(
            line=facts.line,
            driver=LINE,
            kind=MessageKind.RESULT,
            received_at=float(_NOW),
            text=b"generated case",
            wire=b"generated case",
        )
        number = journal.append(conn, entry)
        stored = StoredEntry(
            number, facts.line, LINE, entry.kind, entry.received_at, entry.text, (), 0
        )
        decoded = Decoded(stored, Envelope(analyzer=LINE, results=tuple(_results_of(facts))))
        process(conn, [self.preparation.prepare(decoded)], self.setup, float(_NOW + 1))
        rows = results.listing(conn, results.ResultFilter(sample_id=_TUBE))
        return next(row for row in rows if row["test_code"] == facts.test)


def walked(setup: Setup, most: int = CASES_MOST) -> list[CaseRow]:
    """Some generated cases of each test, first one of each kind of each rule, through the pipeline.

    `setup` has the rules, and the line LINE beside those that they name, all of which release by themselves.
    """
    rules = setup.rules
    if rules is None:
        return []
    own = replace(rules, indices={f"walk-{index.value}": index for index in Index})
    setup = replace(setup, rules=own)
    rows: list[CaseRow] = []
    with scratch_store(setup.node.environment.value, 0.0) as conn:
        walk = _Walk(conn, setup, own, Preparation(setup))
        for case in _chosen(rules, most):
            row = walk.go(case)
            rows += [] if row is None else [row]
    return rows


def _chosen(rules: SiteRules, most: int) -> Iterator[Case]:
    """Every case where there are few; else as many of each test, one of each kind of each rule first."""
    tests = list(rules.rule_set.tests)
    share = max(1, most // max(1, len(tests)))
    left = most
    for test in tests:
        for case in _varied(cases_of(rules.rule_set, test))[: min(share, left)]:
            left -= 1
            yield case


def _varied(cases: CasesOfTest) -> list[Case]:
    first: dict[tuple[object, ...], Case] = {}
    for case in cases.all():
        first.setdefault((case.subject, case.kind), case)
    chosen = {id(case) for case in first.values()}
    return [*first.values(), *(case for case in cases.all() if id(case) not in chosen)]


# -- saying it -------------------------------------------------------------------------------------


def _born(days: int | None) -> date | None:
    """A birth date at which somebody has this age when the specimen is collected; None: there is none."""
    if days is None or not 0 <= days <= _OLDEST_DAYS:
        return None
    on = datetime.fromtimestamp(_NOW, UTC).date()
    years = days * 4 // 1461
    about = on - timedelta(days=days - days_of(f"{years} a") + round(years * 365.2425))
    tries = (about + timedelta(days=shift) for shift in (0, 1, -1, 2, -2))
    return next((one for one in tries if age_days(one, on) == days), None)


def _order(conn: Connection, facts: Facts, born: date | None) -> None:
    patient = Patient(
        identifiers=(_PATIENT,),
        birth_date=born.strftime("%Y%m%d") if born is not None else "",
        sex=_SEXES[facts.sex],
    )
    requests = [
        OrderRequest(
            action=OrderAction.NEW,
            sample_id=_TUBE,
            placer_number="W-1",
            test_code=test,
            patient=patient,
            location=facts.location or "",
            specimen_type=facts.specimen or "",
        )
        for test in (facts.test, *sorted(facts.awaited or ()))
    ]
    orders.apply(conn, requests, OrderOccasion("", LINE, float(_NOW - 3600)))


def _tell_previous(conn: Connection, facts: Facts) -> None:
    before = facts.previous
    if before is None or before.value is None or before.collected_at is None:
        return
    one = EarlierResult(
        identifiers=(_PATIENT,),
        lis_code=facts.test,
        value=_value(before.value, before.comparator, ""),
        unit=before.unit,
        measured_at=datetime.fromtimestamp(before.collected_at, UTC),
    )
    prior_results.save(conn, [one], Origin("", LINE), float(_NOW - 3600))


def _results_of(facts: Facts) -> Iterator[Result]:
    specimen = Specimen(sample_id=_TUBE)
    measured = MeasuredTime(text="walk", at=datetime.fromtimestamp(_NOW, UTC))
    said: list[tuple[str, Neighbour | None]] = [(facts.test, None), *facts.others.items()]
    said += [(f"walk-{name.value}", Neighbour(one, "")) for name, one in facts.indices.items()]
    for number, (test, other) in enumerate(said, 1):
        value = _value(facts.value, facts.comparator, facts.text)
        if facts.dilution is not None:  # the values of cases are those that would be reported
            value = value.model_copy(update={"rule": DILUTION_APPLIED})
        more: dict[str, Any] = {
            "value": value,
            "unit": facts.unit,
            "instrument_flags": facts.flags,
            "dilution_factor": facts.dilution,
        }
        if other is not None:
            more = {"value": _value(other.value, other.comparator, "walk"), "unit": other.unit}
        yield Result(
            specimen=specimen,
            measured=measured,
            test_code=test,
            source=SourcePointer(record=number, name="R"),
            **more,
        )


def _value(number: Decimal | None, comparator: str, text: str) -> ResultValue:
    if number is None:
        return ResultValue(kind=ValueKind.TEXT, raw=text, text=text)
    raw = f"{comparator}{number:f}"
    return ResultValue(kind=ValueKind.NUMBER, raw=raw, number=number, comparator=comparator)


# -- looking at what came of it --------------------------------------------------------------------


def _compared(case: Case, expected: Expected, row: Mapping[str, Any]) -> CaseRow:
    found: Sequence[Mapping[str, str]] = json.loads(row["findings"] or "[]")
    against = [one for one in found if one["check"] != _ROUTE]
    got = sorted(f"{one['check']}/{one['code']}" for one in against)
    wanted = sorted(
        f"{check_name(mark.criterion, mark.rule)}/{mark.code}" for mark in expected.marks
    )
    fate = strictest([Finding.model_validate(one) for one in against]).value
    want = VERDICT_OF[expected.fate].value
    return CaseRow(
        f"through the pipeline: {case.name}",
        _words(want, wanted),
        _words(fate, got),
        is_good=(want, wanted) == (fate, [one for one in got if one.startswith(CHECK)]),
    )


def _words(fate: str, findings: Sequence[str]) -> str:
    return f"{fate}: {', '.join(findings)}" if findings else fate
